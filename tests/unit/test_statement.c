/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Statements: what the writer makes parses and verifies, and what a reader would refuse is not written. What is malformed: tests/vectors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "test_item.h"

static void written_statements_parse_and_verify(void **state)
{
	static const enum key_algorithm algorithms[] = { KEY_ED25519, KEY_ECDSA_P256 };
	static struct test_item t;
	static struct statement s;

	for (size_t i = 0; i < 2; i++) {
		test_item_make(&t, algorithms[i]);
		assert_int_equal(statement_parse(test_text(t.text, t.size), &s, NULL), 0);
		assert_int_equal(statement_verify(test_text(t.text, t.size), &s, &t.key.public_key), 0);
		assert_string_equal(s.owner, "alice");
		assert_int_equal(s.kind, ITEM_IMAGE);
		assert_int_equal(s.time, TEST_TIME);
		assert_int_equal(s.n_audience, 2);
		assert_string_equal(s.audience[1], "bob");
		assert_memory_equal(s.part, t.statement.part, sizeof(s.part));
		assert_memory_equal(s.commitment, t.statement.commitment, sizeof(s.commitment));
		assert_true(statement_has_audience(&s, "bob"));
		assert_false(statement_has_audience(&s, "eve"));
	}
}

static void the_text_reads_as_the_page_says(void **state)
{
	static struct test_item t;

	test_item_make(&t, KEY_ED25519);
	assert_memory_equal(t.text, "sis-statement/1\nitem ", 21);
	assert_non_null(strstr(t.text, "\nkind image\nowner alice\ndevice "));
	assert_non_null(strstr(t.text, "\ntime 2026-11-21T12:00:00Z\nsuite sis-1\nmanifest 528 "));
	assert_non_null(strstr(t.text, "\nthumbnail 0 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\nobject 1040 "));
	assert_non_null(strstr(t.text, "\naudience alice,bob\nsignature ed25519 "));
	assert_int_equal(t.text[t.size - 1], '\n');
	assert_int_equal(strlen(t.text), t.size);
}

static void what_a_reader_would_refuse_is_not_written(void **state)
{
	static struct test_item t;
	size_t size = 77;

	test_item_make(&t, KEY_ED25519);
	strcpy(t.statement.owner, "Alice");
	assert_int_equal(statement_write(&t.statement, &t.key, t.text, &size), -SIS_ERR_BAD_FORMAT);
	strcpy(t.statement.owner, "alice");
	strcpy(t.statement.audience[1], "al");
	assert_int_equal(statement_write(&t.statement, &t.key, t.text, &size), -SIS_ERR_BAD_FORMAT);
	strcpy(t.statement.audience[1], "bob\nsuite x");
	assert_int_equal(statement_write(&t.statement, &t.key, t.text, &size), -SIS_ERR_BAD_FORMAT);
	strcpy(t.statement.audience[1], "bob");
	t.statement.part[SEAL_OBJECT].size = 3;
	assert_int_equal(statement_write(&t.statement, &t.key, t.text, &size), -SIS_ERR_BAD_FORMAT);
	t.statement.part[SEAL_OBJECT].size = 1040;
	t.statement.time = -1;
	assert_int_equal(statement_write(&t.statement, &t.key, t.text, &size), -SIS_ERR_BAD_FORMAT);
	assert_int_equal(size, 77);
}

static void every_altered_byte_is_refused_and_leaves_the_output(void **state)
{
	static struct test_item t;
	static struct statement s, before;
	const char *why;

	test_item_make(&t, KEY_ED25519);
	for (size_t i = 0; i < t.size; i++) {
		why = NULL;
		t.text[i] ^= 1;
		s = before;
		if (statement_parse(test_text(t.text, t.size), &s, &why) < 0) {
			assert_memory_equal(&s, &before, sizeof(s));
			assert_non_null(why);
		} else {
			assert_int_equal(statement_verify(test_text(t.text, t.size), &s, &t.key.public_key), -SIS_ERR_BAD_SIGNATURE);
		}
		t.text[i] ^= 1;
	}
	for (size_t size = 0; size < t.size; size++)
		assert_int_equal(statement_parse(test_text(t.text, size), &s, NULL), -SIS_ERR_BAD_FORMAT);
}

static void kinds_have_names(void **state)
{
	assert_string_equal(item_kind_name(ITEM_MESSAGE), "message");
	assert_string_equal(item_kind_name((enum item_kind)9), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(written_statements_parse_and_verify),
		cmocka_unit_test(the_text_reads_as_the_page_says),
		cmocka_unit_test(what_a_reader_would_refuse_is_not_written),
		cmocka_unit_test(every_altered_byte_is_refused_and_leaves_the_output),
		cmocka_unit_test(kinds_have_names),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("statement", tests, NULL, NULL);
}

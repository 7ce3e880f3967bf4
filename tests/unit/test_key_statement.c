/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Key statements. What is malformed: tests/vectors (key-*). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "test_item.h"

static void written_key_statements_parse_and_verify(void **state)
{
	struct key_statement k = { .user = "alice", .device = "laptop", .certificate = { 1 }, .key = { 2 }, .time = TEST_TIME }, parsed;
	char text[KEY_STATEMENT_MAX_BYTES + 1];
	struct signing_key key;
	size_t size;

	assert_int_equal(signing_key_generate(KEY_ED25519, &key), 0);
	assert_int_equal(key_statement_write(&k, &key, text, &size), 0);
	assert_memory_equal(text, "sis-key/1\nuser alice\ndevice laptop\ncertificate 01000", 52);
	assert_int_equal(key_statement_parse(test_text(text, size), &parsed, NULL), 0);
	assert_memory_equal(parsed.key, k.key, sizeof(k.key));
	assert_int_equal(parsed.time, TEST_TIME);
	assert_int_equal(key_statement_verify(test_text(text, size), &parsed, &key.public_key), 0);
	text[20] ^= 1;
	assert_int_equal(key_statement_verify(test_text(text, size), &parsed, &key.public_key), -SIS_ERR_BAD_SIGNATURE);
}

static void bad_names_are_not_written(void **state)
{
	struct key_statement k = { .user = "alice", .device = "../x", .time = TEST_TIME };
	char text[KEY_STATEMENT_MAX_BYTES + 1];
	struct signing_key key;
	size_t size;

	assert_int_equal(signing_key_generate(KEY_ED25519, &key), 0);
	assert_int_equal(key_statement_write(&k, &key, text, &size), -SIS_ERR_BAD_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(written_key_statements_parse_and_verify),
		cmocka_unit_test(bad_names_are_not_written),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("key_statement", tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Groups. What is malformed: tests/vectors (group-*). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "test_item.h"

static void written_groups_parse_and_verify(void **state)
{
	struct group group = { .name = "family", .owner = "alice", .device = { 1 }, .time = TEST_TIME, .n_members = 2, .member = { "bob", "carol" } }, parsed;
	char text[GROUP_MAX_BYTES + 1], *member;
	struct signing_key key;
	size_t size;

	assert_int_equal(signing_key_generate(KEY_ED25519, &key), 0);
	assert_int_equal(group_write(&group, &key, text, &size), 0);
	assert_int_equal(group_parse(test_text(text, size), &parsed, NULL), 0);
	assert_int_equal(parsed.n_members, 2);
	assert_string_equal(parsed.member[1], "carol");
	assert_int_equal(group_verify(test_text(text, size), &parsed, &key.public_key), 0);
	member = strstr(text, "carol");
	memcpy(member, "caren", 5);
	assert_int_equal(group_verify(test_text(text, size), &parsed, &key.public_key), -SIS_ERR_BAD_SIGNATURE);
}

static void a_removed_group_has_no_members(void **state)
{
	struct group group = { .name = "family", .owner = "alice", .time = TEST_TIME }, parsed;
	char text[GROUP_MAX_BYTES + 1];
	struct signing_key key;
	size_t size;

	assert_int_equal(signing_key_generate(KEY_ED25519, &key), 0);
	assert_int_equal(group_write(&group, &key, text, &size), 0);
	assert_non_null(strstr(text, "\nmembers -\n"));
	assert_int_equal(group_parse(test_text(text, size), &parsed, NULL), 0);
	assert_int_equal(parsed.n_members, 0);
}

static void what_a_reader_refuses_is_not_written(void **state)
{
	struct group unsorted = { .name = "family", .owner = "alice", .time = TEST_TIME, .n_members = 2, .member = { "carol", "bob" } };
	struct group named_so = { .name = "../x", .owner = "alice", .time = TEST_TIME, .n_members = 1, .member = { "bob" } };
	char text[GROUP_MAX_BYTES + 1];
	struct signing_key key;
	size_t size;

	assert_int_equal(signing_key_generate(KEY_ED25519, &key), 0);
	assert_int_equal(group_write(&unsorted, &key, text, &size), -SIS_ERR_BAD_FORMAT);
	assert_int_equal(group_write(&named_so, &key, text, &size), -SIS_ERR_BAD_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(written_groups_parse_and_verify),
		cmocka_unit_test(a_removed_group_has_no_members),
		cmocka_unit_test(what_a_reader_refuses_is_not_written),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("group", tests, NULL, NULL);
}

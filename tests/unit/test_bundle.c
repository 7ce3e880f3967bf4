/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The bundle's head as it comes off the wire, and the division of grants. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "test_item.h"

static const char head_text[] = "sis-bundle/1\nstatement 700\ngrants 2 1000\nmanifest 528\nthumbnail 0\nobject 65568\n\n";

static void a_head_is_read_as_soon_as_it_is_whole(void **state)
{
	const size_t size = sizeof(head_text) - 1;
	struct bundle_head head;

	for (size_t n = 0; n < size - 1; n++)
		assert_int_equal(bundle_head_parse(test_text(head_text, n), &head, NULL), -SIS_ERR_AGAIN);
	assert_int_equal(bundle_head_parse(test_text(head_text, size), &head, NULL), -SIS_ERR_BAD_FORMAT);     /* 65568: no such sealed size */
}

static void offsets_follow_each_other(void **state)
{
	struct bundle_head head = { .statement_size = 700, .grants_size = 1000, .n_grants = 2, .part_size = { [SEAL_OBJECT] = 65569, [SEAL_MANIFEST] = 528 } };
	char text[BUNDLE_HEAD_MAX_BYTES];
	struct bundle_head parsed;
	size_t size;

	assert_int_equal(bundle_head_write(&head, text, sizeof(text), &size), 0);
	assert_int_equal(head.head_size, size);
	assert_int_equal(bundle_head_parse(test_text(text, size), &parsed, NULL), 0);
	assert_memory_equal(&parsed, &head, sizeof(head));
	assert_int_equal(bundle_part_offset(&head, SEAL_MANIFEST), size + 1700);
	assert_int_equal(bundle_part_offset(&head, SEAL_THUMBNAIL), size + 2228);
	assert_int_equal(bundle_part_offset(&head, SEAL_OBJECT), size + 2228);
	assert_int_equal(bundle_size(&head), size + 2228 + 65569);
	assert_int_equal(bundle_head_write(&head, text, 20, &size), -SIS_ERR_TOO_LARGE);
}

static void garbage_is_refused_at_its_first_byte(void **state)
{
	const char *why = NULL;
	struct bundle_head head;
	char long_head[BUNDLE_HEAD_MAX_BYTES];

	assert_int_equal(bundle_head_parse(test_text("X", 1), &head, &why), -SIS_ERR_BAD_FORMAT);
	assert_non_null(why);
	assert_int_equal(bundle_head_parse(test_text("sis-bungle", 10), &head, NULL), -SIS_ERR_BAD_FORMAT);
	memset(long_head, 'x', sizeof(long_head));
	memcpy(long_head, "sis-bundle/1\n", 13);
	assert_int_equal(bundle_head_parse(test_text(long_head, sizeof(long_head) - 1), &head, NULL), -SIS_ERR_AGAIN);
	assert_int_equal(bundle_head_parse(test_text(long_head, sizeof(long_head)), &head, NULL), -SIS_ERR_TOO_LARGE);
}

static void head_and_statement_must_agree(void **state)
{
	static struct test_item t;
	struct bundle_head head = { .part_size = { [SEAL_OBJECT] = 1040, [SEAL_MANIFEST] = 528 } };

	test_item_make(&t, KEY_ED25519);
	assert_int_equal(bundle_head_matches(&head, &t.statement), 0);
	for (int part = 0; part < 3; part++) {
		head.part_size[part]++;
		assert_int_equal(bundle_head_matches(&head, &t.statement), -SIS_ERR_MISMATCH);
		head.part_size[part]--;
	}
}

static int count_and_stop_at_two(struct span grant_text, void *arg)
{
	return ++*(unsigned *)arg == 2 ? 42 : 0;
}

static void grants_divide_cleanly_or_not_at_all(void **state)
{
	static const char good[] = "sis-grant/1\na\nsis-grant/1\nb\nsis-grant/1\nc\n";
	unsigned seen = 0, n = 7;

	assert_int_equal(grants_for_each(test_text(good, sizeof(good) - 1), count_and_stop_at_two, &seen, &n), 42);
	assert_int_equal(n, 7);
	seen = 10;
	assert_int_equal(grants_for_each(test_text(good, sizeof(good) - 1), count_and_stop_at_two, &seen, &n), 0);
	assert_int_equal(n, 3);
	assert_int_equal(grants_for_each(test_text("", 0), count_and_stop_at_two, &seen, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(grants_for_each(test_text("\n", 1), count_and_stop_at_two, &seen, &n), -SIS_ERR_BAD_FORMAT);
	assert_int_equal(grants_for_each(test_text(good, sizeof(good) - 2), count_and_stop_at_two, &seen, &n), -SIS_ERR_BAD_FORMAT);
	assert_int_equal(grants_for_each(test_text("x\nsis-grant/1\n", 14), count_and_stop_at_two, &seen, &n), -SIS_ERR_BAD_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_head_is_read_as_soon_as_it_is_whole),
		cmocka_unit_test(offsets_follow_each_other),
		cmocka_unit_test(garbage_is_refused_at_its_first_byte),
		cmocka_unit_test(head_and_statement_must_agree),
		cmocka_unit_test(grants_divide_cleanly_or_not_at_all),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("bundle", tests, NULL, NULL);
}

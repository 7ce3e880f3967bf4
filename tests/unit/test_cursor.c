/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Cursors stay within their bytes and stay failed; builders likewise; numbers have one form. */
#include "base/cursor.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void integers_are_big_endian(void **state)
{
	static const uint8_t data[] = { 1, 1, 2, 1, 2, 3, 4, 1, 2, 3, 4, 5, 6, 7, 8 };
	struct cursor cursor = cursor_from(data, sizeof(data));
	assert_int_equal(cursor_get_u8(&cursor), 1);
	assert_int_equal(cursor_get_u16(&cursor), 0x0102);
	assert_int_equal(cursor_get_u32(&cursor), 0x01020304);
	assert_false(cursor_done(&cursor));
	assert_int_equal(cursor_get_u64(&cursor), 0x0102030405060708);
	assert_true(cursor_done(&cursor));
}

static void a_failed_cursor_stays_failed(void **state)
{
	struct cursor cursor = cursor_from("abc", 3);
	assert_int_equal(cursor_get_u32(&cursor), 0);
	assert_int_equal(cursor_get_u8(&cursor), 0);
	assert_int_equal(cursor_left(&cursor), 0);
	assert_null(cursor_get_bytes(&cursor, 0).data);
	assert_false(cursor_done(&cursor));
}

static void a_length_beyond_the_end_fails(void **state)
{
	static const uint8_t data[] = { 0xff, 0xff, 0xff, 0xff, 'x' }, good[] = { 0, 0, 0, 1, 'x' };
	struct cursor cursor = cursor_from(data, sizeof(data));
	assert_int_equal(cursor_get_sized(&cursor).size, 0);
	assert_true(cursor.failed);
	cursor = cursor_from(good, sizeof(good));
	assert_true(span_equals(cursor_get_sized(&cursor), "x"));
	assert_true(cursor_done(&cursor));
}

static void nothing_is_a_cursor_too(void **state)
{
	struct cursor cursor = cursor_from(NULL, 7);
	assert_true(cursor_done(&cursor));
	assert_non_null(cursor_get_bytes(&cursor, 0).data);
	assert_int_equal(cursor_get_u8(&cursor), 0);
	assert_true(cursor.failed);
}

static void lines_must_end_and_be_clean(void **state)
{
	static const struct { const char *text; size_t size; int good; } cases[] = {
		{ "a b\n", 4, 1 }, { "\n", 1, 1 }, { "no end", 6, 0 }, { "a\r\n", 3, 0 }, { "a\0b\n", 4, 0 }, { "a\tb\n", 4, 0 }, { "a\x7f\n", 3, 0 }, { "", 0, 0 },
		{ "\xc3\xa4\n", 3, 1 },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cursor cursor = cursor_from(cases[i].text, cases[i].size);
		struct span line = cursor_get_line(&cursor);
		assert_int_equal(!cursor.failed, cases[i].good);
		assert_int_equal(line.size, cases[i].good ? cases[i].size - 1 : 0);
	}
}

static void fields_need_keyword_and_one_space(void **state)
{
	struct cursor cursor = cursor_from("item abc\n", 9);
	assert_true(span_equals(cursor_get_field(&cursor, "item"), "abc"));
	assert_true(cursor_done(&cursor));
	static const char *const wrong[] = { "item\n", "items abc\n", "ite abc\n", " item abc\n", "item" };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		cursor = cursor_from(wrong[i], strlen(wrong[i]));
		cursor_get_field(&cursor, "item");
		assert_true(cursor.failed);
	}
}

static void a_builder_never_overruns(void **state)
{
	uint8_t data[8] = { 0 };
	struct builder builder = builder_from(data, 7);
	builder_put_u32(&builder, 1);
	builder_put_u32(&builder, 2);
	assert_true(builder.failed);
	assert_int_equal(builder.size, 4);
	builder_put_u8(&builder, 3);
	assert_int_equal(builder.size, 4);
	assert_int_equal(data[7], 0);
}

static void printf_needs_room_for_its_nul(void **state)
{
	char data[8];
	struct builder builder = builder_from(data, 4);
	builder_printf(&builder, "%s", "abc");
	assert_false(builder.failed);
	assert_int_equal(builder.size, 3);
	builder_printf(&builder, "d");
	assert_true(builder.failed);
}

static void written_and_read_again(void **state)
{
	uint8_t data[64];
	struct builder builder = builder_from(data, sizeof(data));
	builder_put_u8(&builder, 0xfe);
	builder_put_u16(&builder, 0xfedc);
	builder_put_u64(&builder, UINT64_MAX);
	builder_put_sized(&builder, "hello", 5);
	builder_put_sized(&builder, NULL, 0);
	assert_false(builder.failed);
	struct cursor cursor = cursor_from(data, builder.size);
	assert_int_equal(cursor_get_u8(&cursor), 0xfe);
	assert_int_equal(cursor_get_u16(&cursor), 0xfedc);
	assert_true(cursor_get_u64(&cursor) == UINT64_MAX);
	assert_true(span_equals(cursor_get_sized(&cursor), "hello"));
	assert_true(span_equals(cursor_get_sized(&cursor), ""));
	assert_true(cursor_done(&cursor));
}

static void numbers_have_one_form(void **state)
{
	static const struct { const char *text; uint64_t max; int good; uint64_t value; } cases[] = {
		{ "0", 9, 1, 0 }, { "10", 10, 1, 10 }, { "18446744073709551615", UINT64_MAX, 1, UINT64_MAX }, { "18446744073709551616", UINT64_MAX, 0, 0 },
		{ "11", 10, 0, 0 }, { "", 9, 0, 0 }, { "01", 9, 0, 0 }, { "+1", 9, 0, 0 }, { "-1", 9, 0, 0 }, { "1 ", 9, 0, 0 }, { "0x1", 99, 0, 0 },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t value = 77;
		assert_int_equal(span_to_u64(span_from_string(cases[i].text), cases[i].max, &value), cases[i].good);
		assert_true(value == (cases[i].good ? cases[i].value : 77));
	}
}

static void strings_are_copied_whole_or_not(void **state)
{
	char text[4] = "old";
	assert_true(span_to_string(span_from_string("abc"), text, 4));
	assert_string_equal(text, "abc");
	assert_false(span_to_string(span_from_string("abcd"), text, 4));
	assert_false(span_to_string((struct span){ .data = (const uint8_t *)"a\0b", .size = 3 }, text, 4));
	assert_string_equal(text, "abc");
	assert_int_equal(span_from_string(NULL).size, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers_are_big_endian),
		cmocka_unit_test(a_failed_cursor_stays_failed),
		cmocka_unit_test(a_length_beyond_the_end_fails),
		cmocka_unit_test(nothing_is_a_cursor_too),
		cmocka_unit_test(lines_must_end_and_be_clean),
		cmocka_unit_test(fields_need_keyword_and_one_space),
		cmocka_unit_test(a_builder_never_overruns),
		cmocka_unit_test(printf_needs_room_for_its_nul),
		cmocka_unit_test(written_and_read_again),
		cmocka_unit_test(numbers_have_one_form),
		cmocka_unit_test(strings_are_copied_whole_or_not),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

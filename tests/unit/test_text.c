/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Each encoding has one form, and decoders refuse all others. */
#include "base/error.h"
#include "base/text.h"

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

#define SPAN(text) ((struct span){ .data = (const uint8_t *)(text), .size = sizeof(text) - 1 })

/* RFC 4648 section 10 */
static void base64_is_rfc_4648(void **state)
{
	static const struct { const char *plain, *bare, *padded; } vectors[] = {
		{ "", "", "" }, { "f", "Zg", "Zg==" }, { "fo", "Zm8", "Zm8=" }, { "foo", "Zm9v", "Zm9v" }, { "foob", "Zm9vYg", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy", "Zm9vYmFy" },
	};
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		char text[16], data[16];
		size_t size = strlen(vectors[i].plain), n;
		base64_encode(vectors[i].plain, size, text);
		assert_string_equal(text, vectors[i].bare);
		assert_int_equal(BASE64_SIZE(size), strlen(text));
		base64_encode_padded(vectors[i].plain, size, text);
		assert_string_equal(text, vectors[i].padded);
		assert_int_equal(base64_decode(span_from_string(vectors[i].bare), data, size), 0);
		assert_memory_equal(data, vectors[i].plain, size);
		assert_int_equal(base64_decode_lenient(span_from_string(vectors[i].padded), data, sizeof(data), &n), 0);
		assert_int_equal(n, size);
		assert_memory_equal(data, vectors[i].plain, size);
	}
}

static void base64_refuses_other_forms(void **state)
{
	static const char *const wrong[] = { "Zg==", "Zh", "Z", "Zg\n", "Z-", "Zgg", "Zg ", "" };
	uint8_t data[4] = { 7 };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(base64_decode(span_from_string(wrong[i]), data, 1), -SIS_ERR_BAD_FORMAT);
	assert_int_equal(base64_decode(SPAN("Zg"), data, SIZE_MAX), -SIS_ERR_BAD_FORMAT);
	assert_int_equal(data[0], 7);
}

static void lenient_base64_has_limits(void **state)
{
	uint8_t data[8];
	size_t size = 99;
	assert_int_equal(base64_decode_lenient(SPAN(" Zm9v\r\nYg = =\t"), data, sizeof(data), &size), 0);
	assert_int_equal(size, 4);
	assert_int_equal(base64_decode_lenient(SPAN("Zm8"), data, sizeof(data), &size), 0);
	static const char *const wrong[] = { "Z", "Zg=", "Zg===", "Z=g=", "Zm9v=", "Zm9v====", "Zg==Zg==", "Z*==", "=" };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(base64_decode_lenient(span_from_string(wrong[i]), data, sizeof(data), &size), -SIS_ERR_BAD_FORMAT);
	assert_int_equal(base64_decode_lenient(SPAN("Zm9vYmFyZm9v"), data, sizeof(data), &size), -SIS_ERR_TOO_LARGE);
	assert_int_equal(size, 2);
}

static void hex_is_lower_case(void **state)
{
	uint8_t data[2];
	char text[5];
	hex_encode("\x00\xaf", 2, text);
	assert_string_equal(text, "00af");
	assert_int_equal(hex_decode(SPAN("00af"), data, 2), 0);
	assert_memory_equal(data, "\x00\xaf", 2);
	static const char *const wrong[] = { "00AF", "00a", "00aff", "00ag", "0xaf", "" };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(hex_decode(span_from_string(wrong[i]), data, 2), -SIS_ERR_BAD_FORMAT);
}

static void item_ids_have_one_form(void **state)
{
	uint8_t id[ITEM_ID_BYTES], again[ITEM_ID_BYTES];
	char text[ITEM_ID_TEXT + 1];
	memset(id, 0xff, sizeof(id));
	item_id_encode(id, text);
	assert_string_equal(text, "77777777777777777777777774");
	assert_int_equal(item_id_decode(span_from_string(text), again), 0);
	assert_memory_equal(id, again, sizeof(id));
	static const char *const wrong[] = {
		"77777777777777777777777775", "7777777777777777777777777", "777777777777777777777777744", "A7777777777777777777777774", "77777777777777777777777771", "",
	};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(item_id_decode(span_from_string(wrong[i]), again), -SIS_ERR_BAD_FORMAT);
	assert_true(item_id_is_prefix("a") && item_id_is_prefix("77777777777777777777777774"));
	assert_false(item_id_is_prefix("") || item_id_is_prefix("A") || item_id_is_prefix("a/") || item_id_is_prefix("777777777777777777777777744") ||
		item_id_is_prefix("77777777777777777777777775"));
}

static void times_are_rfc_3339(void **state)
{
	static const struct { int64_t seconds; const char *text; } vectors[] = {
		{ 0, "1970-01-01T00:00:00Z" }, { 951782400, "2000-02-29T00:00:00Z" }, { 1795260600, "2026-11-21T11:30:00Z" }, { 1709251199, "2024-02-29T23:59:59Z" },
		{ 4107542400, "2100-03-01T00:00:00Z" }, { 253402300799, "9999-12-31T23:59:59Z" }, { 2147483648, "2038-01-19T03:14:08Z" },
	};
	char text[TIME_TEXT + 1];
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		int64_t seconds;
		assert_int_equal(time_encode(vectors[i].seconds, text), 0);
		assert_string_equal(text, vectors[i].text);
		assert_int_equal(time_decode(span_from_string(text), &seconds), 0);
		assert_true(seconds == vectors[i].seconds);
	}
	assert_int_equal(time_encode(-1, text), -SIS_ERR_BAD_FORMAT);
	assert_int_equal(time_encode(253402300800, text), -SIS_ERR_BAD_FORMAT);
}

static void each_day_of_four_centuries_comes_back(void **state)
{
	for (int64_t day = 0; day < 400 * 366; day++) {
		char text[TIME_TEXT + 1];
		int64_t seconds = -1;
		assert_int_equal(time_encode(day * 86400 + 86399, text), 0);
		assert_int_equal(time_decode(span_from_string(text), &seconds), 0);
		assert_true(seconds == day * 86400 + 86399);
	}
}

static void impossible_times_are_refused(void **state)
{
	static const char *const wrong[] = {
		"2023-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2024-04-31T00:00:00Z", "2024-00-01T00:00:00Z", "2024-13-01T00:00:00Z", "2024-01-00T00:00:00Z",
		"2024-01-32T00:00:00Z", "2024-01-01T24:00:00Z", "2024-01-01T00:60:00Z", "2024-01-01T00:00:60Z", "1969-12-31T23:59:59Z", "2024-01-01t00:00:00z",
		"2024-01-01 00:00:00Z", "2024-01-01T00:00:00", "2024-01-01T00:00:00+00:00", "2024-01-01T00:00:00.0Z", "", "99999-01-01T00:00:0Z",
		"2024-12-99T99:99:99Z",
	};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		int64_t seconds = 77;
		assert_int_equal(time_decode(span_from_string(wrong[i]), &seconds), -SIS_ERR_BAD_FORMAT);
		assert_int_equal(seconds, 77);
	}
}

static void names_are_narrow(void **state)
{
	static const char *const good[] = { "a", "0", "alice", "a.b-c_d", "abcdefghijklmnopqrstuvwxyz012345" };
	static const char *const wrong[] = {
		"", ".", "..", "-a", "_a", ".a", "a..b", "Alice", "a b", "a/b", "a\n", "\xc3\xa4", "abcdefghijklmnopqrstuvwxyz0123456",
	};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(name_is_valid(span_from_string(good[i])));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(name_is_valid(span_from_string(wrong[i])));
	assert_false(name_is_valid(SPAN("a\0b")));
}

static void utf8_is_rfc_3629(void **state)
{
	static const char *const good[] = { "", "abc", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf", "\xed\x9f\xbf", "\xee\x80\x80" };
	static const char *const wrong[] = {
		"\x80", "\xc3", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xe0\x9f\xbf", "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf", "\xed\xa0\x80", "\xed\xbf\xbf",
		"\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xe2\x82", "a\xe2\x28\xa1",
	};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(utf8_is_valid(span_from_string(good[i])));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(utf8_is_valid(span_from_string(wrong[i])));
}

static void terminals_see_nothing_harmful(void **state)
{
	static const struct { const char *text, *shown; } cases[] = {
		{ "abc", "abc" }, { "a\033[31mb\n", "a?[31mb?" }, { "\xc2\x9b", "?" }, { "\xe2\x80\xae" "exe", "?exe" }, { "\xe2\x81\xa6", "?" }, { "\xff\xc3", "??" },
		{ "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" }, { "\x7f", "?" }, { "\xe2\x80\xa8", "?" },
	};
	char shown[16];
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		text_for_terminal(span_from_string(cases[i].text), shown, sizeof(shown));
		assert_string_equal(shown, cases[i].shown);
	}
	text_for_terminal(SPAN("ab\xe2\x82\xac"), shown, 5);    /* the euro sign would not fit whole */
	assert_string_equal(shown, "ab");
	text_for_terminal(SPAN("a\0b"), shown, sizeof(shown));
	assert_string_equal(shown, "a?b");
	text_for_terminal(SPAN("abc"), shown, 1);
	assert_string_equal(shown, "");
}

static void durations_and_sizes_are_exact(void **state)
{
	uint64_t value;
	static const struct { const char *text; uint64_t value; } durations[] = { { "90", 90 }, { "15m", 900 }, { "12h", 43200 }, { "7d", 604800 }, { "2w", 1209600 }, { "0", 0 } };
	for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
		assert_int_equal(duration_parse(durations[i].text, &value), 0);
		assert_true(value == durations[i].value);
	}
	static const struct { const char *text; uint64_t value; } sizes[] = { { "64K", 65536 }, { "16M", 16 << 20 }, { "2G", UINT64_C(2) << 30 }, { "1", 1 } };
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_int_equal(size_parse(sizes[i].text, &value), 0);
		assert_true(value == sizes[i].value);
	}
	static const char *const wrong[] = { "", "m", "-1", "1 m", "1mm", "01", "1.5", "18446744073709551615", "99999999999999999999", "9223372036854775808", "0x10", "1e3" };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(duration_parse(wrong[i], &value), -SIS_ERR_BAD_FORMAT);
		assert_int_equal(size_parse(wrong[i], &value), -SIS_ERR_BAD_FORMAT);
	}
	assert_int_equal(size_parse("9007199254740993K", &value), -SIS_ERR_BAD_FORMAT);
	assert_int_equal(duration_parse("30500568904944w", &value), -SIS_ERR_BAD_FORMAT);
}

static void sizes_are_shown_short(void **state)
{
	static const struct { uint64_t bytes; const char *text; } cases[] = {
		{ 0, "0 bytes" }, { 1, "1 byte" }, { 1023, "1023 bytes" }, { 1024, "1.0 KiB" }, { 1536, "1.5 KiB" }, { 1048575, "1023.9 KiB" }, { 1468007, "1.4 MiB" },
		{ UINT64_C(5) << 30, "5.0 GiB" }, { UINT64_MAX, "15.9 EiB" },
	};
	char text[16];
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_format(cases[i].bytes, text, sizeof(text));
		assert_string_equal(text, cases[i].text);
	}
}

static void json_reaches_a_terminal_without_harm(void **state)
{
	static const struct { const char *json, *wanted; } cases[] = {
		{ "{\"a\":\"b\\u001b\"}", "{\"a\":\"b\\u001b\"}" },
		{ "\"\xc2\x9b" "2J\x7f\xe2\x80\xae" "gpj\"", "\"\\u009b2J\\u007f\\u202egpj\"" },
		{ "\"\xc3\xa9 \xf0\x9f\x98\x80\"", "\"\xc3\xa9 \xf0\x9f\x98\x80\"" },
		{ "\xef\xbb\xbf", "\\ufeff" }, { "", "" }, { "\xe2\x80", "\xe2\x80" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *escaped = text_escape_json(cases[i].json);
		assert_string_equal(escaped, cases[i].wanted);
		free(escaped);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(base64_is_rfc_4648),
		cmocka_unit_test(base64_refuses_other_forms),
		cmocka_unit_test(lenient_base64_has_limits),
		cmocka_unit_test(hex_is_lower_case),
		cmocka_unit_test(item_ids_have_one_form),
		cmocka_unit_test(times_are_rfc_3339),
		cmocka_unit_test(each_day_of_four_centuries_comes_back),
		cmocka_unit_test(impossible_times_are_refused),
		cmocka_unit_test(names_are_narrow),
		cmocka_unit_test(utf8_is_rfc_3629),
		cmocka_unit_test(terminals_see_nothing_harmful),
		cmocka_unit_test(json_reaches_a_terminal_without_harm),
		cmocka_unit_test(durations_and_sizes_are_exact),
		cmocka_unit_test(sizes_are_shown_short),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

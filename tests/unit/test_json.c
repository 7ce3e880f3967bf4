/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * JSON within limits. */
#include "base/error.h"
#include "base/json.h"

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

static int parse(const char *text, json_t **ret_json)
{
	return json_parse(span_from_string(text), 1000, ret_json);
}

static void members_have_types(void **state)
{
	CLEANUP_JSON json_t *json = NULL;
	assert_int_equal(parse("{\"s\":\"x\",\"n\":7,\"b\":true,\"m\":-1,\"z\":null}", &json), 0);
	uint64_t value = 99;
	assert_string_equal(json_member_string(json, "s"), "x");
	assert_null(json_member_string(json, "n"));
	assert_null(json_member_string(json, "absent"));
	assert_int_equal(json_member_u64(json, "n", &value), 0);
	assert_int_equal(value, 7);
	assert_int_equal(json_member_u64(json, "m", &value), -SIS_ERR_BAD_FORMAT);
	assert_int_equal(json_member_u64(json, "s", &value), -SIS_ERR_BAD_FORMAT);
	assert_int_equal(value, 7);
	assert_true(json_member_bool(json, "b", false));
	assert_true(json_member_bool(json, "z", true));
	assert_null(json_member_string(NULL, "s"));
	CLEANUP_JSON json_t *array = json_array();
	assert_null(json_member_string(array, "s"));
}

static void hostile_json_is_refused(void **state)
{
	static const char *const wrong[] = {
		"", "{", "{}x", "{\"a\":1,\"a\":2}", "{\"a\":\"\\u0000\"}", "{\"a\":\"\xff\"}", "{'a':1}", "[1,]", "[NaN]",
		"[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", "[99999999999999999999]",
	};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		json_t *json = NULL;
		assert_int_equal(parse(wrong[i], &json), -SIS_ERR_BAD_FORMAT);
		assert_null(json);
	}
	json_t *json = NULL;
	assert_int_equal(json_parse(span_from_string("[1,2]"), 4, &json), -SIS_ERR_TOO_LARGE);
}

static void depth_counts_only_outside_of_strings(void **state)
{
	CLEANUP_JSON json_t *json = NULL;
	assert_int_equal(parse("[\"[[[[[[[[[[[[[[[[[[[[[[[[[ \\\" [[[[\"]", &json), 0);
	CLEANUP_JSON json_t *deep = NULL;
	assert_int_equal(parse("[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]", &deep), 0);
}

/* 64 MiB of "[]," would take 3 GiB of memory. */
static void values_are_counted(void **state)
{
	static const struct { const char *value; int error; } cases[] = {
		{ "[],", -SIS_ERR_TOO_LARGE }, { "0,", -SIS_ERR_TOO_LARGE }, { "{},", -SIS_ERR_TOO_LARGE }, { "\"a bit more\",", 0 }, { "\",,,,,,,,,,[[[[[[[{{\",", 0 },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const size_t n = 200000, size = strlen(cases[i].value);
		char *text = malloc(n * size + 4), *at = text;
		json_t *json = NULL;
		*at++ = '[';
		for (size_t j = 0; j < n; j++)
			at = mempcpy(at, cases[i].value, size);
		at = mempcpy(at, "1]", 2);
		assert_int_equal(json_parse((struct span){ (const uint8_t *)text, (size_t)(at - text) }, SIZE_MAX, &json), cases[i].error);
		json_decref(json);
		free(text);
	}
}

static void printed_on_one_line(void **state)
{
	CLEANUP_JSON json_t *json = json_pack("{s:s,s:i}", "a", "x\ny", "b", 1);
	char *text = json_print(json);
	assert_string_equal(text, "{\"a\":\"x\\ny\",\"b\":1}");
	free(text);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_have_types),
		cmocka_unit_test(hostile_json_is_refused),
		cmocka_unit_test(depth_counts_only_outside_of_strings),
		cmocka_unit_test(values_are_counted),
		cmocka_unit_test(printed_on_one_line),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

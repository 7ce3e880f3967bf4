/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Range requests: RFC 9110 §14.1.2, one range at most. */
#include "http/range.h"

#include "base/error.h"
#include "base/util.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define ETAG "\"abc\""

static const struct { const char *range, *if_range; int result; bool asked; uint64_t first, size; } cases[] = {
	{ NULL, NULL, 0, false, 0, 1000 },
	{ "bytes=0-", NULL, 0, true, 0, 1000 },
	{ "bytes=0-0", NULL, 0, true, 0, 1 },
	{ "bytes=999-", NULL, 0, true, 999, 1 },
	{ "bytes=10-19", NULL, 0, true, 10, 10 },
	{ "Bytes=10-5000", NULL, 0, true, 10, 990 },
	{ "bytes=-1", NULL, 0, true, 999, 1 },
	{ "bytes=-5000", NULL, 0, true, 0, 1000 },
	{ "bytes=1000-", NULL, -SIS_ERR_USAGE, false, 0, 0 },
	{ "bytes=1000-2000", NULL, -SIS_ERR_USAGE, false, 0, 0 },
	{ "bytes=-0", NULL, -SIS_ERR_USAGE, false, 0, 0 },
	{ "bytes=9223372036854775807-", NULL, -SIS_ERR_USAGE, false, 0, 0 },
	/* answered with the whole: malformed, reversed, several, other units */
	{ "bytes=5-4", NULL, 0, false, 0, 1000 },
	{ "bytes=", NULL, 0, false, 0, 1000 },
	{ "bytes=-", NULL, 0, false, 0, 1000 },
	{ "bytes=a-b", NULL, 0, false, 0, 1000 },
	{ "bytes=0-1,5-6", NULL, 0, false, 0, 1000 },
	{ "bytes=99999999999999999999-", NULL, 0, false, 0, 1000 },
	{ "items=0-1", NULL, 0, false, 0, 1000 },
	{ "bytes=10-19", ETAG, 0, true, 10, 10 },
	{ "bytes=10-19", "\"other\"", 0, false, 0, 1000 },
	{ "bytes=10-19", "W/" ETAG, 0, false, 0, 1000 },
	{ "bytes=5000-", "\"other\"", 0, false, 0, 1000 },
};

static void test_table(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct range range;
		assert_int_equal(range_parse(cases[i].range, cases[i].if_range, ETAG, 1000, &range), cases[i].result);
		if (cases[i].result != 0)
			continue;
		assert_int_equal(range.asked, cases[i].asked);
		assert_int_equal(range.first, cases[i].first);
		assert_int_equal(range.size, cases[i].size);
	}
}

static void test_unchanged(void **state)
{
	assert_true(range_is_unchanged(ETAG, ETAG));
	assert_true(range_is_unchanged("*", ETAG));
	assert_true(range_is_unchanged("\"x\", W/" ETAG, ETAG));
	assert_false(range_is_unchanged("\"x\"", ETAG));
	assert_false(range_is_unchanged(NULL, ETAG));
}

int main(void)
{
	static const struct CMUnitTest tests[] = { cmocka_unit_test(test_table), cmocka_unit_test(test_unchanged) };
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * When something shall end: what people may say, and what is refused. */
#include "base/error.h"
#include "base/moment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#define NOW INT64_C(1795219200)         /* 2026-11-21T00:00:00Z */

static const struct { const char *text; int error; int64_t seconds; } cases[] = {
	{ "never", 0, 0 },
	{ "90", 0, NOW + 90 }, { "15m", 0, NOW + 900 }, { "12h", 0, NOW + 43200 }, { "7d", 0, NOW + 604800 }, { "2w", 0, NOW + 1209600 },
	{ "2026-12-24T18:00:00Z", 0, 1798135200 },
	{ "2026-12-24", 0, 1798153200 },                /* midnight after it, one hour east */
	{ "2026-11-21", 0, NOW + 82800 },
	{ "2026-11-19", -SIS_ERR_EXPIRED, 0 }, { "2026-11-20T00:00:00Z", -SIS_ERR_EXPIRED, 0 }, { "0", -SIS_ERR_EXPIRED, 0 }, { "0d", -SIS_ERR_EXPIRED, 0 },
	{ "9999-12-31", 0, INT64_C(253402297200) },
	{ "99999999999999", -SIS_ERR_TOO_LARGE, 0 }, { "253402300799", -SIS_ERR_TOO_LARGE, 0 },
	{ "", -SIS_ERR_BAD_FORMAT, 0 }, { "7", 0, NOW + 7 }, { "d", -SIS_ERR_BAD_FORMAT, 0 }, { "-7d", -SIS_ERR_BAD_FORMAT, 0 },
	{ "7 d", -SIS_ERR_BAD_FORMAT, 0 }, { "7y", -SIS_ERR_BAD_FORMAT, 0 }, { "2026-13-01", -SIS_ERR_BAD_FORMAT, 0 }, { "2026-02-30", -SIS_ERR_BAD_FORMAT, 0 },
	{ "2026-12-24T18:00", -SIS_ERR_BAD_FORMAT, 0 }, { "24.12.2026", -SIS_ERR_BAD_FORMAT, 0 }, { "tomorrow", -SIS_ERR_BAD_FORMAT, 0 },
};

static void ends_are_read(void **state)
{
	setenv("TZ", "UTC-1", 1);
	tzset();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t seconds = 77;
		int r = moment_parse(cases[i].text, NOW, &seconds);
		if (r != cases[i].error || seconds != (r == 0 ? cases[i].seconds : 77))
			fail_msg("\"%s\": %d, %lld", cases[i].text, r, (long long)seconds);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(ends_are_read) };
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The text for Prometheus: whatever the members and labels hold, its lines stay lines. */
#include "ledger/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *print(const char *status_text, const char *users_text)
{
	CLEANUP_JSON json_t *status = NULL, *users = NULL;
	assert_int_equal(json_parse(span_from_string(status_text), SIZE_MAX, &status), 0);
	assert_int_equal(json_parse(span_from_string(users_text), SIZE_MAX, &users), 0);
	size_t size;
	char *text = metrics_text(status, users, &size);
	assert_non_null(text);
	assert_int_equal(strlen(text), size);
	return text;
}

static void prints(const char *status, const char *users, const char *wanted)
{
	char *text = print(status, users);
	assert_string_equal(text, wanted);
	free(text);
}

static void only_what_is_told(void **state)
{
	prints("{}", "[]", "");
	prints("{\"bytes\":\"many\",\"items\":null,\"refusals\":[],\"roles\":{},\"commit_seconds\":{\"bounds\":[1],\"counts\":[1]},\"ca_ends\":\"soon\"}", "[{}, 5]", "");
	prints("{\"items\":3}", "[]", "# HELP sis_items Items.\n# TYPE sis_items gauge\nsis_items 3\n");
	prints("{\"started\":\"1970-01-01T00:01:00Z\"}", "[]",
	       "# HELP sis_start_timestamp_seconds When sisd was started.\n# TYPE sis_start_timestamp_seconds gauge\nsis_start_timestamp_seconds 60\n");
}

static void labels_cannot_break_lines(void **state)
{
	prints("{\"version\":\"1\\\"} 5\\nsis_items 9\\n\\\\\"}", "[]",
	       "# HELP sis_build_info Always 1; the version of sisd is the label.\n# TYPE sis_build_info gauge\n"
	       "sis_build_info{version=\"1\\\"} 5\\nsis_items 9\\n\\\\\"} 1\n");
	char *text = print("{\"refusals\":{\"A\\nB\":1},\"roles\":[{\"role\":\"\\\"\",\"restarts\":2}]}", "[{\"user\":\"a\\\"b\\n\",\"items\":1}]");
	assert_non_null(strstr(text, "sis_refusals_total{reason=\"A\\nB\"} 1\n"));
	assert_non_null(strstr(text, "sis_restarts_total{role=\"\\\"\",place=\"0\"} 2\n"));
	assert_non_null(strstr(text, "sis_user_items{user=\"a\\\"b\\n\"} 1\n"));
	free(text);
}

static void histograms_are_cumulative(void **state)
{
	prints("{\"commit_seconds\":{\"bounds\":[0.5,1],\"counts\":[1,2,3],\"sum\":7.25}}", "[]",
	       "# HELP sis_commit_seconds From the last byte of an upload to its acknowledgement.\n# TYPE sis_commit_seconds histogram\n"
	       "sis_commit_seconds_bucket{le=\"0.5\"} 1\nsis_commit_seconds_bucket{le=\"1\"} 3\nsis_commit_seconds_bucket{le=\"+Inf\"} 6\n"
	       "sis_commit_seconds_sum 7.250000\nsis_commit_seconds_count 6\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_is_told),
		cmocka_unit_test(labels_cannot_break_lines),
		cmocka_unit_test(histograms_are_cumulative),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

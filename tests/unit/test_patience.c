/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a server may ask of our patience: Retry-After, read strictly and believed within bounds. */
#include "base/util.h"
#include "sis/patience.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct { unsigned status; const char *text; unsigned seconds; } asked[] = {
	{ 503, "3", 3 }, { 429, "3", 3 }, { 503, "0", 1 }, { 503, "86400", 86400 },
	{ 200, "3", 0 }, { 404, "3", 0 }, { 500, "3", 0 },
	{ 503, "", 0 }, { 503, "86401", 0 }, { 503, "99999999999999999999", 0 }, { 503, "-1", 0 }, { 503, "3 ", 0 }, { 503, "+3", 0 }, { 503, "3s", 0 },
	{ 503, "Fri, 31 Dec 1999 23:59:59 GMT", 0 },
};

static struct http_reply reply_with(unsigned status, const char *text)
{
	struct http_reply reply = { .status = status };
	snprintf(reply.retry_after, sizeof(reply.retry_after), "%s", text);
	return reply;
}

static void only_plain_seconds_of_429_and_503_count(void **state)
{
	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		struct http_reply reply = reply_with(asked[i].status, asked[i].text);
		if (patience_asked_s(&reply) != asked[i].seconds)
			fail_msg("%u \"%s\": %u", asked[i].status, asked[i].text, patience_asked_s(&reply));
	}
}

static unsigned n_told;

static void tell(unsigned status, unsigned seconds, void *arg)
{
	n_told += status == 503 && seconds == 1;
}

static void waiting_has_an_end(void **state)
{
	const atomic_bool yes = true;
	struct http_reply one = reply_with(503, "1"), many = reply_with(503, "31");
	struct patience patience = { 0 };
	patience_set_teller(tell, NULL);
	assert_false(patience_wait(&patience, &many, NULL));
	assert_int_equal(patience.n, 0);
	uint64_t before = time_monotonic_ns();
	assert_true(patience_wait(&patience, &one, NULL));
	uint64_t took = time_monotonic_ns() - before;
	assert_true(took >= 1000000000u);
	while (patience.n < 4)
		assert_false(patience_wait(&patience, &one, &yes));
	assert_false(patience_wait(&patience, &one, NULL));
	assert_int_equal(n_told, 4);
}

static void a_pause_is_at_least_as_long_and_ends_when_cancelled(void **state)
{
	const atomic_bool yes = true;
	uint64_t before = time_monotonic_ns();
	assert_true(patience_pause(200, NULL));
	assert_true(time_monotonic_ns() - before >= 200000000u);
	assert_false(patience_pause(86400000, &yes));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(only_plain_seconds_of_429_and_503_count), cmocka_unit_test(waiting_has_an_end),
		cmocka_unit_test(a_pause_is_at_least_as_long_and_ends_when_cancelled) };
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

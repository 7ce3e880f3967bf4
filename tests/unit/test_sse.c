/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Event streams: the same events however the bytes are cut; and what is refused. */
#include "sis/sse.h"

#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int note(const struct sse_event *event, void *arg)
{
	char *at = (char *)arg + strlen(arg);
	sprintf(at, "[%s %lld %.*s]", event->kind, event->has_id ? (long long)event->id : -1LL, (int)event->data.size, (const char *)event->data.data);
	return 0;
}

static int feed(const char *text, size_t size, size_t step, char ret_seen[1024])
{
	struct sse sse = { 0 };
	int r = 0;
	ret_seen[0] = '\0';
	for (size_t at = 0; at < size && r == 0; at += step)
		r = sse_feed(&sse, (const uint8_t *)text + at, size - at < step ? size - at : step, note, ret_seen);
	sse_free(&sse);
	return r;
}

static void events_are_read_however_they_come(void **state)
{
	static const struct { const char *text, *seen; } cases[] = {
		{ "retry: 1000\nevent: hello\nid: 4\ndata: {}\n\n", "[hello 4 {}]" },
		{ ":\n:\n\n: words\n", "" },
		{ "event: item\nid: 9223372036854775807\ndata: a\ndata: b\n\nid: 2\ndata\n\n", "[item 9223372036854775807 a\nb][message 2 ]" },
		{ "data:x\r\n\r\ndata:  y\n\n", "[message -1 x][message -1  y]" },
		{ "event: item\nid: 3\n\ndata: z\n\n", "[message -1 z]" },
		{ "later: field\nanother\ndata: z\n\nevent: cut\ndata: off\n", "[message -1 z]" },
	};
	char seen[1024];
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t step = 1; step < 40; step++) {
			assert_int_equal(feed(cases[i].text, strlen(cases[i].text), step, seen), 0);
			assert_string_equal(seen, cases[i].seen);
		}
	}
}

static void what_our_server_never_sends_is_refused(void **state)
{
	static const struct { const char *text; size_t size; } cases[] = {
#define CASE(text) { text, sizeof(text) - 1 }
		CASE("id: -1\n"), CASE("id: 01\n"), CASE("id: x\n"), CASE("id:\n"), CASE("id: 9223372036854775808\n"), CASE("id:  1\n"),
		CASE("event: Item\n"), CASE("event:\n"), CASE("event: sixteenlettersxx\n"), CASE("event: a\033[2J\n"),
		CASE("data: a\rdata: b\n"), CASE("data: \0\n"), CASE("\r\r\n"),
	};
	char seen[1024];
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(feed(cases[i].text, cases[i].size, cases[i].size, seen), -SIS_ERR_PROTOCOL);
		assert_string_equal(seen, "");
	}
}

static void lines_and_events_are_bounded(void **state)
{
	static uint8_t piece[1 << 16];
	char seen[1024] = "";
	struct sse line = { 0 }, lines = { 0 };
	memset(piece, 'x', sizeof(piece));
	int r = 0;
	unsigned n = 0;
	for (; r == 0 && n < 1000; n++)
		r = sse_feed(&line, piece, sizeof(piece), note, seen);
	assert_int_equal(r, -SIS_ERR_TOO_LARGE);
	assert_int_equal(n, SSE_LINE_MAX / sizeof(piece) + 1);
	assert_int_equal(sse_feed(&line, (const uint8_t *)"\n", 1, note, seen), -SIS_ERR_PROTOCOL);
	memcpy(piece, "data:", 5);
	piece[sizeof(piece) - 1] = '\n';
	for (r = 0, n = 0; r == 0 && n < 1000; n++)
		r = sse_feed(&lines, piece, sizeof(piece), note, seen);
	assert_int_equal(r, -SIS_ERR_TOO_LARGE);
	assert_true(n < 80);
	sse_free(&line);
	sse_free(&lines);
}

static int stop(const struct sse_event *event, void *arg)
{
	++*(unsigned *)arg;
	return -SIS_ERR_REVOKED;
}

static void the_reader_may_end_it(void **state)
{
	static const char text[] = "data: a\n\ndata: b\n\n";
	struct sse sse = { 0 };
	unsigned n = 0;
	assert_int_equal(sse_feed(&sse, (const uint8_t *)text, sizeof(text) - 1, stop, &n), -SIS_ERR_REVOKED);
	assert_int_equal(n, 1);
	sse_free(&sse);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_are_read_however_they_come), cmocka_unit_test(what_our_server_never_sends_is_refused),
		cmocka_unit_test(lines_and_events_are_bounded), cmocka_unit_test(the_reader_may_end_it),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

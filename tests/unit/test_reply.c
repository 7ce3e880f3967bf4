/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Replies from servers, good and hostile, in every division into pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/error.h"
#include "http/reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned n_interim;
static char interim_location[512];

static void on_interim(const struct http_reply *reply, void *arg)
{
	n_interim++;
	strcpy(interim_location, reply->location);
}

static const struct http_call get = { .method = "GET", .target = "/", .interim_fn = on_interim };
static const struct http_call head = { .method = "HEAD", .target = "/" };

/* Feeds text in pieces of `piece` bytes; the reader is left open for a look. */
static int feed(struct reply_reader *reader, const struct http_call *call, const char *text, size_t piece)
{
	size_t size = strlen(text);
	int r = 0;
	reply_begin(reader, call);
	for (size_t at = 0; r == 0 && at < size; at += piece)
		r = reply_feed(reader, (const uint8_t *)text + at, size - at < piece ? size - at : piece);
	return r;
}

static void a_reply_in_any_division(void **state)
{
	static const char text[] = "HTTP/1.1 104 Upload Resumption Supported\r\nLocation: /v1/uploads/x\r\n\r\n"
				   "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nUpload-Offset: 12\r\nContent-Length: 5\r\n\r\nhello";
	for (size_t piece = 1; piece <= sizeof(text); piece++) {
		struct reply_reader reader;
		n_interim = 0;
		assert_int_equal(feed(&reader, &get, text, piece), 0);
		assert_true(reader.done && reader.keep);
		assert_int_equal(reader.reply.status, 201);
		assert_string_equal(reader.reply.content_type, "application/json");
		assert_string_equal(reader.reply.upload_offset, "12");
		assert_string_equal(reader.reply.location, "");
		assert_int_equal(reader.body.size, 5);
		assert_memory_equal(reader.body.data, "hello", 5);
		assert_int_equal(n_interim, 1);
		assert_string_equal(interim_location, "/v1/uploads/x");
		reply_end(&reader);
	}
}

static void bodies_that_have_no_length_of_their_own(void **state)
{
	struct reply_reader reader;
	assert_int_equal(feed(&reader, &get, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\n", 7), 0);
	assert_true(reader.done);
	assert_int_equal(reader.body.size, 3);
	reply_end(&reader);
	assert_int_equal(feed(&reader, &get, "HTTP/1.1 204 No Content\r\n\r\n", 7), 0);
	assert_true(reader.done && reader.keep);
	reply_end(&reader);
	assert_int_equal(feed(&reader, &head, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", 7), 0);
	assert_true(reader.done);
	assert_int_equal(reader.reply.length, 1000);
	reply_end(&reader);
}

static void what_is_refused(void **state)
{
	static const char *const bad[] = {
		"GARBAGE\r\n\r\n", "SSH-2.0-OpenSSH\r\n", "HTTP/1.1 200 OK\r\n\r\nuntil the end", "HTTP/1.1 99 X\r\n\r\n", "HTTP/1.1 600 X\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n", "HTTP/1.1 200 OK\r\nETag: \"a\"\r\nETag: \"b\"\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
		"HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		for (size_t piece = 1; piece < 80; piece += 13) {
			struct reply_reader reader;
			assert_int_equal(feed(&reader, &get, bad[i], piece), -SIS_ERR_PROTOCOL);
			assert_non_null(reader.why);
			reply_end(&reader);
		}
	}
}

static void limits(void **state)
{
	struct reply_reader reader;
	char text[40000];
	int n = sprintf(text, "HTTP/1.1 200 OK\r\n");
	for (unsigned i = 0; i < 65; i++)
		n += sprintf(text + n, "X-%u: y\r\n", i);
	sprintf(text + n, "Content-Length: 0\r\n\r\n");
	assert_int_equal(feed(&reader, &get, text, 1000), -SIS_ERR_PROTOCOL);
	reply_end(&reader);
	n = sprintf(text, "HTTP/1.1 200 OK\r\nX: ");
	memset(text + n, 'a', 30000);
	strcpy(text + n + 30000, "\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(feed(&reader, &get, text, 1000), -SIS_ERR_PROTOCOL);
	reply_end(&reader);
	n = sprintf(text, "HTTP/1.1 200 OK\r\nLocation: /");
	memset(text + n, 'a', 600);
	strcpy(text + n + 600, "\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(feed(&reader, &get, text, 1000), -SIS_ERR_PROTOCOL);
	reply_end(&reader);
	n = 0;
	for (unsigned i = 0; i < 33; i++)
		n += sprintf(text + n, "HTTP/1.1 100 Continue\r\n\r\n");
	assert_int_equal(feed(&reader, &get, text, 1000), -SIS_ERR_PROTOCOL);
	reply_end(&reader);
	const struct http_call small = { .method = "GET", .target = "/", .max_collect = 4 };
	assert_int_equal(feed(&reader, &small, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 3), -SIS_ERR_TOO_LARGE);
	reply_end(&reader);
}

static void what_follows_a_reply_ends_the_connection(void **state)
{
	struct reply_reader reader;
	assert_int_equal(feed(&reader, &get, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\n", 1000), 0);
	assert_true(reader.done && !reader.keep);
	reply_end(&reader);
	assert_int_equal(feed(&reader, &get, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\na", 1000), 0);
	assert_true(reader.done && !reader.keep);
	reply_end(&reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reply_in_any_division), cmocka_unit_test(bodies_that_have_no_length_of_their_own), cmocka_unit_test(what_is_refused),
		cmocka_unit_test(limits), cmocka_unit_test(what_follows_a_reply_ends_the_connection),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

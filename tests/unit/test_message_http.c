/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The parser of requests: what is taken, what is refused and with which status, and that the pieces in which bytes come change nothing. */
#include "http/message.h"

#include "base/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HOST "Host: a\r\n"
#define MAX_HEAD 16384

struct body { char bytes[256]; size_t size; };

static void on_body(const uint8_t *data, size_t size, void *arg)
{
	struct body *body = arg;
	assert_true(body->size + size <= sizeof(body->bytes));
	memcpy(body->bytes + body->size, data, size);
	body->size += size;
}

/* Feeds text in pieces of the given size; returns how many bytes were taken. */
static size_t feed(struct http_message *message, const char *text, size_t piece, struct body *body)
{
	size_t size = strlen(text), at = 0;
	message_init(message);
	message->on_body = on_body;
	message->arg = body;
	*body = (struct body){ .size = 0 };
	while (at < size && message->fault.status == 0 && !message->body_complete) {
		size_t n = size - at < piece ? size - at : piece;
		size_t used = message->head_complete ? message_feed_body(message, (const uint8_t *)text + at, n) :
		                                       message_feed_head(message, (const uint8_t *)text + at, n, MAX_HEAD);
		assert_true(used <= n);
		if (used == 0)
			break;
		at += used;
	}
	return at;
}

static const struct { const char *request; unsigned status; const char *body; } cases[] = {
	{ "GET / HTTP/1.1\r\n" HOST "\r\n", 0, "" },
	{ "\r\nGET / HTTP/1.1\r\n" HOST "\r\n", 0, "" },
	{ "GET /a%20b?x=1&y=%41+b HTTP/1.1\r\n" HOST "\r\n", 0, "" },
	{ "GET https://a:1/b HTTP/1.1\r\n" HOST "\r\n", 0, "" },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello", 0, "hello" },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", 0, "" },
	{ "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3;x=y\r\nabc\r\n0\r\n\r\n", 0, "helloabc" },
	{ "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n", 0, "" },
	/* lengths that could be read in two ways */
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, NULL },
	{ "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400, NULL },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400, NULL },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400, NULL },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 5, 5\r\n\r\nhello", 400, NULL },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length: +5\r\n\r\nhello", 400, NULL },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\nhello", 400, NULL },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 0x5\r\n\r\nhello", 400, NULL },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 05\r\n\r\nhello", 400, NULL },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n", 400, NULL },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 18446744073709551616\r\n\r\nhello", 400, NULL },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length : 5\r\n\r\nhello", 400, NULL },
	{ "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\n", 501, NULL },
	{ "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501, NULL },
	{ "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 501, NULL },
	{ "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, NULL },
	{ "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501, NULL },
	{ "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400, NULL },
	{ "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nZ\r\n", 400, NULL },
	{ "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n-1\r\n", 400, NULL },
	{ "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", 400, NULL },
	{ "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n", 400, NULL },
	{ "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5 \x01\r\nhello\r\n0\r\n\r\n", 400, NULL },
	{ "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5\rXhello\r\n0\r\n\r\n", 400, NULL },
	{ "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n", 400, NULL },
	{ "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n", 400, NULL },
	{ "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nXX", 400, NULL },
	/* lines */
	{ "GET / HTTP/1.1\n" HOST "\r\n", 400, NULL },
	{ "GET / HTTP/1.1\r\nHost: a\n\r\n", 400, NULL },
	{ "GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n", 400, NULL },
	{ "GET / HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n", 400, NULL },
	{ "GET / HTTP/1.1\r\n" HOST "X: a\x01" "b\r\n\r\n", 400, NULL },
	{ "GET / HTTP/1.1\r\n" HOST "X: a\x7f" "b\r\n\r\n", 400, NULL },
	{ "GET / HTTP/1.1\r\n" HOST "X y: a\r\n\r\n", 400, NULL },
	{ "GET / HTTP/1.1\r\n" HOST ": a\r\n\r\n", 400, NULL },
	{ "GET / HTTP/1.1\r\n" HOST "nocolon\r\n\r\n", 400, NULL },
	{ "\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n", 400, NULL },
	{ "GET /\r\n\r\n", 505, NULL },
	{ "\x16\x03\x01\x02", 400, NULL },
	/* versions, hosts, other protocols */
	{ "GET / HTTP/1.0\r\n" HOST "\r\n", 400, NULL },
	{ "GET / HTTP/0.9\r\n" HOST "\r\n", 505, NULL },
	{ "GET / HTTP/2.0\r\n" HOST "\r\n", 505, NULL },
	{ "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, NULL },
	{ "GET / HTTP/1.1\r\n\r\n", 400, NULL },
	{ "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400, NULL },
	{ "GET / HTTP/1.1\r\n" HOST HOST "\r\n", 400, NULL },
	{ "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, NULL },
	{ "GET / HTTP/1.1\r\n" HOST "Connection: upgrade\r\nUpgrade: websocket\r\n\r\n", 400, NULL },
	{ "GET / HTTP/1.1\r\n" HOST "Upgrade: h2c\r\n\r\n", 400, NULL },
	{ "CONNECT a:443 HTTP/1.1\r\n" HOST "\r\n", 501, NULL },
	{ "FROB / HTTP/1.1\r\n" HOST "\r\n", 501, NULL },
	{ "GET / HTTP/1.1\r\n" HOST "Expect: magic\r\n\r\n", 417, NULL },
	{ "GET / HTTP/1.1\r\n" HOST "Authorization: a\r\nAuthorization: b\r\n\r\n", 400, NULL },
	{ "GET / HTTP/1.1\r\n" HOST "Range: bytes=0-\r\nRange: bytes=1-\r\n\r\n", 400, NULL },
	/* targets */
	{ "GET /%00 HTTP/1.1\r\n" HOST "\r\n", 400, NULL },
	{ "GET /%0a HTTP/1.1\r\n" HOST "\r\n", 400, NULL },
	{ "GET /a%2fb HTTP/1.1\r\n" HOST "\r\n", 400, NULL },
	{ "GET /a%2Fb HTTP/1.1\r\n" HOST "\r\n", 400, NULL },
	{ "GET /a%2 HTTP/1.1\r\n" HOST "\r\n", 400, NULL },
	{ "GET /a%zz HTTP/1.1\r\n" HOST "\r\n", 400, NULL },
	{ "GET /?x=%00 HTTP/1.1\r\n" HOST "\r\n", 400, NULL },
	{ "GET /?x=1&x=2 HTTP/1.1\r\n" HOST "\r\n", 400, NULL },
	{ "GET * HTTP/1.1\r\n" HOST "\r\n", 400, NULL },
	{ "hello\r\n\r\n", 400, NULL },
	{ "GET http://a/b HTTP/1.1\r\n" HOST "\r\n", 400, NULL },
};

static void test_table(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		static const size_t pieces[] = { 1, 2, 3, 7, 4096 };
		for (size_t j = 0; j < ARRAY_SIZE(pieces); j++) {
			struct http_message message;
			struct body body;
			size_t used = feed(&message, cases[i].request, pieces[j], &body);
			if (message.fault.status != cases[i].status)
				fail_msg("%s: %u (%s) instead of %u", cases[i].request, message.fault.status, message.fault.words, cases[i].status);
			if (cases[i].status == 0) {
				assert_true(message.body_complete);
				assert_int_equal(used, strlen(cases[i].request));
				assert_int_equal(body.size, strlen(cases[i].body));
				assert_memory_equal(body.bytes, cases[i].body, body.size);
			}
			message_free(&message);
		}
	}
}

static void test_what_is_read(void **state)
{
	struct http_message message;
	struct body body;
	feed(&message, "PUT https://host/a%20b%25?after=4&q=a%20b+c HTTP/1.1\r\nHost: a\r\nX-One:  two \t\r\nEmpty:\r\nConnection: close\r\n\r\n", 4096, &body);
	assert_int_equal(message.fault.status, 0);
	assert_string_equal(message.method, "PUT");
	assert_string_equal(message.path, "/a b%");
	assert_int_equal(message.n_query, 2);
	assert_string_equal(message.query[1].value, "a b c");
	assert_string_equal(message_field(&message, "x-one"), "two");
	assert_string_equal(message_field(&message, "EMPTY"), "");
	assert_null(message_field(&message, "missing"));
	assert_false(message.keep_alive);
	message_free(&message);
}

/* What follows belongs to the next request and is not taken. */
static void test_pipelined(void **state)
{
	static const char first[] = "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi", chunked[] =
		"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", get[] = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
	static const char *const firsts[] = { first, chunked, get };
	for (size_t i = 0; i < ARRAY_SIZE(firsts); i++) {
		char text[512];
		struct http_message message;
		struct body body;
		strcpy(text, firsts[i]);
		strcat(text, "GET /b HTTP/1.1\r\nHost: a\r\n\r\n");
		assert_int_equal(feed(&message, text, 4096, &body), strlen(firsts[i]));
		assert_true(message.body_complete);
		message_free(&message);
	}
}

static void fill_head(char *text, size_t size, unsigned n_fields)
{
	char *at = stpcpy(text, "GET / HTTP/1.1\r\nHost: a\r\n");
	for (unsigned i = 1; i < n_fields; i++)
		at = stpcpy(at, "X: y\r\n");
	if (size > 0) {
		at = stpcpy(at, "Y: ");
		memset(at, 'y', size);
		at = stpcpy(at + size, "\r\n");
	}
	strcpy(at, "\r\n");
}

static void test_limits(void **state)
{
	static const struct { size_t size; unsigned n_fields, status; } limits[] = {
		{ 0, 100, 0 }, { 0, 101, 431 }, { 16384 - 25 - 7, 1, 0 }, { 16384 - 25 - 6, 1, 431 }, { 60000, 1, 431 },
	};
	static char text[70000];
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		struct http_message message;
		struct body body;
		fill_head(text, limits[i].size, limits[i].n_fields);
		feed(&message, text, 1000, &body);
		assert_int_equal(message.fault.status, limits[i].status);
		message_free(&message);
	}
	struct http_message message;
	struct body body;
	memset(text, 'a', 5000);
	memcpy(text, "GET /", 5);
	strcpy(text + 5000, " HTTP/1.1\r\n" HOST "\r\n");
	feed(&message, text, 1000, &body);
	assert_int_equal(message.fault.status, 414);
	message_free(&message);
}

/* RFC 9112 §7.1.1: extensions are passed over, but not any number of bytes of them. */
static void test_long_extension(void **state)
{
	static char text[4096];
	struct http_message message;
	struct body body;
	char *at = stpcpy(text, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;");
	memset(at, 'x', 1000);
	strcpy(at + 1000, "\r\nhello\r\n0\r\n\r\n");
	feed(&message, text, 100, &body);
	assert_int_equal(message.fault.status, 400);
	message_free(&message);
}

static void pause_here(const uint8_t *data, size_t size, void *arg)
{
	message_pause(arg);
}

/* A body that is paused at each piece is delivered once all the same, and no byte is lost or seen twice. */
static void test_pause(void **state)
{
	static const char request[] = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\nx\r\n0\r\n\r\nGET";
	struct http_message message;
	message_init(&message);
	message.on_body = pause_here;
	message.arg = &message;
	size_t at = message_feed_head(&message, (const uint8_t *)request, sizeof(request) - 1, MAX_HEAD);
	for (unsigned rounds = 0; !message.body_complete; rounds++) {
		assert_true(rounds < 20);
		at += message_feed_body(&message, (const uint8_t *)request + at, sizeof(request) - 1 - at);
		assert_int_equal(message.fault.status, 0);
	}
	assert_string_equal(request + at, "GET");
	message_free(&message);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table), cmocka_unit_test(test_what_is_read), cmocka_unit_test(test_pipelined), cmocka_unit_test(test_limits),
		cmocka_unit_test(test_long_extension),
		cmocka_unit_test(test_pause),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

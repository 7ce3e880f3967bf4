/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A reply from a hostile server. The first byte says how it is divided; however it is, the outcome is the same. */
#include "http/reply.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int read_reply(const uint8_t *data, size_t size, size_t piece, struct http_reply *ret_reply, size_t *ret_body)
{
	const struct http_call call = { .method = size % 2 == 0 ? "GET" : "HEAD", .target = "/", .max_collect = 4096 };
	struct reply_reader reader;
	int r = 0;
	reply_begin(&reader, &call);
	for (size_t at = 0; r == 0 && !reader.done && at < size; at += piece)
		r = reply_feed(&reader, data + at, size - at < piece ? size - at : piece);
	*ret_reply = reader.reply;
	*ret_body = reader.body.size;
	if (reader.body.size > 4096)
		abort();
	r = r == 0 && !reader.done ? 1 : r;
	reply_end(&reader);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_reply whole, pieces;
	size_t whole_body, pieces_body;
	if (size < 1)
		return 0;
	int a = read_reply(data + 1, size - 1, size, &whole, &whole_body);
	int b = read_reply(data + 1, size - 1, (size_t)data[0] % 61 + 1, &pieces, &pieces_body);
	if (a != b || (a == 0 && (memcmp(&whole, &pieces, sizeof(whole)) != 0 || whole_body != pieces_body)))
		abort();
	return 0;
}

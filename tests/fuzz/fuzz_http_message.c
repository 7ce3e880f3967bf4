/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Bytes into the parser of requests, as a connection would feed them: requests one after the other, in pieces whose size the input chooses. */
#include "http/message.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t n_body;

static void on_body(const uint8_t *data, size_t size, void *arg)
{
	struct http_message *message = arg;
	n_body += size;
	if (message->body_size != UINT64_MAX && n_body > message->body_size)
		abort();
	if (size > 0 && data[0] == 'p')
		message_pause(message);
}

static void check_head(const struct http_message *message)
{
	if (message->path[0] != '/' || message->method == NULL || message_field(message, "host") == NULL)
		abort();
	for (const char *at = message->path; *at != '\0'; at++)
		if ((uint8_t)*at < 0x20)
			abort();
	for (unsigned i = 0; i < message->n_fields; i++)
		if (strpbrk(message->fields[i].value, "\r\n") != NULL || strpbrk(message->fields[i].name, " \t:\r\n") != NULL)
			abort();
}

static size_t one_request(const uint8_t *data, size_t size, size_t piece)
{
	struct http_message message;
	size_t at = 0, stalled = 0;
	bool checked = false;
	message_init(&message);
	message.on_body = on_body;
	message.arg = &message;
	n_body = 0;
	while (at < size && message.fault.status == 0 && !message.body_complete && stalled < 3) {
		size_t n = size - at < piece ? size - at : piece;
		size_t used = message.head_complete ? message_feed_body(&message, data + at, n) : message_feed_head(&message, data + at, n, 16384);
		if (used > n)
			abort();
		stalled = used == 0 ? stalled + 1 : 0;
		at += used;
		if (message.head_complete && message.fault.status == 0 && !checked) {
			checked = true;
			check_head(&message);
		}
	}
	bool more = message.body_complete && message.fault.status == 0;
	if (more && message.body_size != UINT64_MAX && n_body != message.body_size)
		abort();
	message_free(&message);
	return more ? at : size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	size_t piece = (size_t)data[0] + 1;
	for (size_t at = 1; at < size; )
		at += one_request(data + at, size - at, piece);
	return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One HTTP/1.1 reply as it comes from a server that we do not trust: strict, bounded, http-parser underneath. For client.c and its fuzz target. */
#pragma once

#include "http/client.h"

#include <http_parser.h>

#define REPLY_MAX_HEAD_BYTES 16384u     /* names and values of all fields, interim answers and trailers included */
#define REPLY_MAX_FIELDS 64u
#define REPLY_MAX_INTERIM 32u
#define REPLY_DEFAULT_COLLECT (1u << 20)

struct reply_reader {
	http_parser parser;
	const struct http_call *call;
	struct http_reply reply;
	struct blob body;                       /* what was collected; the reader's until reply_take_body */
	size_t body_capacity;
	char name[32], value[512];
	size_t name_size, value_size;           /* what was sent, even where it did not fit */
	unsigned n_fields, n_interim, seen;     /* seen: bit i for field i of the table */
	size_t head_bytes;
	bool in_value, in_trailer, started, head_complete, done, keep;
	int error;
	const char *why;                        /* static */
};

/* Borrows call for as long as it reads. */
void reply_begin(struct reply_reader *reader, const struct http_call *call);
void reply_end(struct reply_reader *reader);            /* frees what was collected */
/* Takes the next bytes from the server. 0, PROTOCOL, TOO_LARGE, NO_MEMORY or what data_fn gave; the same error ever after. Bytes beyond the end of
 * the reply make it unfit for keeping the connection, nothing else. */
int reply_feed(struct reply_reader *reader, const uint8_t *data, size_t size);

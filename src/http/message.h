/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One HTTP/1.1 request as bytes: head and body, without sockets, TLS or time, so that tests and fuzzers can feed it. Stricter than http-parser:
 * whatever two implementations could read in two ways (RFC 9112 §11) is refused. */
#pragma once

#include "base/cursor.h"

#include <http_parser.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MESSAGE_FIELDS_MAX 100
#define MESSAGE_QUERY_MAX 16
#define MESSAGE_LINE_MAX 4096           /* request line */

/* Why a request is refused by the layer itself. status 0: nothing is wrong. */
struct http_fault {
	unsigned status;
	const char *words;              /* static sentence */
};

struct http_pair { const char *name, *value; };

struct http_message {
	char *head;                     /* malloc'd, grows up to the limit; names and values point into it */
	size_t head_size, head_capacity;
	bool at_line_start, saw_cr, dropped_line;
	unsigned n_lines;
	bool head_complete, body_complete, has_body, keep_alive, expects_continue;
	const char *method, *path;
	unsigned n_fields, n_query;
	struct http_pair *fields;       /* malloc'd when the head is complete */
	struct http_pair query[MESSAGE_QUERY_MAX];
	uint64_t body_size;             /* UINT64_MAX: chunked */
	struct http_parser parser;
	struct http_fault fault;
	const uint8_t *framing;         /* of chunks: how far the piece that is being fed was checked */
	unsigned n_framing;
	bool framing_cr, after_data;
	/* Body bytes of the piece that is being fed. */
	void (*on_body)(const uint8_t *data, size_t size, void *arg);
	void *arg;
};

void message_init(struct http_message *message);
void message_free(struct http_message *message);
/* Takes bytes of the head and returns how many; head_complete or fault.status tell when to stop. */
size_t message_feed_head(struct http_message *message, const uint8_t *data, size_t size, size_t max_head_bytes);
/* Takes bytes of the body, after the head, and returns how many: fewer than size when the body is complete, or a fault was found, or
 * message_pause was called by on_body (then all of the piece that on_body saw is taken). */
size_t message_feed_body(struct http_message *message, const uint8_t *data, size_t size);
void message_pause(struct http_message *message);
/* Remembers the first fault. */
void message_fault(struct http_message *message, unsigned status, const char *words);
/* head.c: fills what the complete head says, or remembers the first fault. Overwrites the delimiters in it. */
void message_parse_head(struct http_message *message);
/* target.c: fills path and query from the request target, which it changes in place. */
void message_parse_target(struct http_message *message, char *target);
const char *message_field(const struct http_message *message, const char *name);

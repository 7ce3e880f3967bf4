/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Reading a reply: which fields we look at, how much of anything we take, and what we refuse. A body without a length is refused, because over a
 * connection that anybody can cut its end cannot be told from a truncation (RFC 9112 §8). */
#include "http/reply.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FIELD(header, member) { header, offsetof(struct http_reply, member), sizeof(((struct http_reply *)NULL)->member) }
/* A capacity of 0: looked at, not kept. */
static const struct field { const char *name; size_t offset, capacity; } fields[] = {
	FIELD("content-type", content_type),
	FIELD("location", location),
	FIELD("etag", etag),
	FIELD("content-range", content_range),
	FIELD("upload-offset", upload_offset),
	FIELD("upload-complete", upload_complete),
	FIELD("retry-after", retry_after),
	{ "content-encoding", 0, 0 },
	{ "transfer-encoding", 0, 0 },
};

static int reply_refuse(struct reply_reader *reader, int error, const char *why)
{
	reader->error = error;
	reader->why = why;
	return -1;
}

static bool value_is(const struct reply_reader *reader, const char *text)
{
	return reader->value_size == strlen(text) && strncasecmp(reader->value, text, reader->value_size) == 0;
}

static int reply_keep_field(struct reply_reader *reader, unsigned i)
{
	const struct field *field = &fields[i];
	if (reader->seen & (1u << i))
		return reply_refuse(reader, -SIS_ERR_PROTOCOL, "the reply repeats a field that may come once");
	reader->seen |= 1u << i;
	if (strcmp(field->name, "content-encoding") == 0 && !value_is(reader, "identity"))
		return reply_refuse(reader, -SIS_ERR_PROTOCOL, "the reply is compressed, which nobody asked for");
	if (strcmp(field->name, "transfer-encoding") == 0 && !value_is(reader, "chunked"))
		return reply_refuse(reader, -SIS_ERR_PROTOCOL, "the reply has a transfer coding that nobody asked for");
	if (field->capacity == 0)
		return 0;
	if (reader->value_size >= field->capacity)
		return reply_refuse(reader, -SIS_ERR_PROTOCOL, "a field of the reply is too long");
	char *at = (char *)&reader->reply + field->offset;
	memcpy(at, reader->value, reader->value_size);
	at[reader->value_size] = '\0';
	return 0;
}

static int reply_finish_field(struct reply_reader *reader)
{
	if (!reader->in_value)
		return 0;
	reader->in_value = false;
	bool fits = reader->name_size <= sizeof(reader->name);
	for (unsigned i = 0; fits && !reader->in_trailer && i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (reader->name_size == strlen(fields[i].name) && strncasecmp(reader->name, fields[i].name, reader->name_size) == 0)
			return reply_keep_field(reader, i);
	}
	return 0;
}

static int reply_count(struct reply_reader *reader, size_t size)
{
	reader->head_bytes += size;
	if (reader->head_bytes > REPLY_MAX_HEAD_BYTES)
		return reply_refuse(reader, -SIS_ERR_PROTOCOL, "the head of the reply is too long");
	return 0;
}

static void reply_append(char *buffer, size_t capacity, size_t *size, const char *data, size_t n)
{
	if (*size < capacity)
		memcpy(buffer + *size, data, n < capacity - *size ? n : capacity - *size);
	*size += n;
}

static int on_status(http_parser *parser, const char *data, size_t size)
{
	return reply_count(parser->data, size);
}

static int on_field(http_parser *parser, const char *data, size_t size)
{
	struct reply_reader *reader = parser->data;
	if (reader->in_value || reader->n_fields == 0) {
		if (reply_finish_field(reader) < 0)
			return -1;
		reader->name_size = reader->value_size = 0;
		if (++reader->n_fields > REPLY_MAX_FIELDS)
			return reply_refuse(reader, -SIS_ERR_PROTOCOL, "the reply has too many fields");
	}
	reply_append(reader->name, sizeof(reader->name), &reader->name_size, data, size);
	return reply_count(reader, size);
}

static int on_value(http_parser *parser, const char *data, size_t size)
{
	struct reply_reader *reader = parser->data;
	reader->in_value = true;
	reply_append(reader->value, sizeof(reader->value), &reader->value_size, data, size);
	return reply_count(reader, size);
}

static int on_head(http_parser *parser)
{
	struct reply_reader *reader = parser->data;
	if (reply_finish_field(reader) < 0)
		return -1;
	struct http_reply *reply = &reader->reply;
	reply->status = parser->status_code;
	if (reply->status < 100 || reply->status > 599 || reply->status == 101)
		return reply_refuse(reader, -SIS_ERR_PROTOCOL, "the reply has a status that makes no sense here");
	if (reply->status < 200)
		return 0;
	bool chunked = parser->flags & F_CHUNKED, no_body = reply->status == 204 || reply->status == 304;
	bool head = strcmp(reader->call->method, "HEAD") == 0;
	if (!chunked && parser->content_length != UINT64_MAX) {
		reply->has_length = true;
		reply->length = parser->content_length;
	}
	if (!head && !no_body && !chunked && !reply->has_length)
		return reply_refuse(reader, -SIS_ERR_PROTOCOL, "the reply does not say how long it is");
	if (no_body && (chunked || (reply->has_length && reply->length > 0)) && !head)
		return reply_refuse(reader, -SIS_ERR_PROTOCOL, "the reply has a body where there can be none");
	reader->head_complete = reader->in_trailer = true;
	return head || no_body ? 1 : 0;         /* 1: http-parser expects no body */
}

static int reply_collect(struct reply_reader *reader, const void *data, size_t size)
{
	size_t max = reader->call->max_collect > 0 ? reader->call->max_collect : REPLY_DEFAULT_COLLECT;
	if (size > max - reader->body.size)
		return reply_refuse(reader, -SIS_ERR_TOO_LARGE, "the reply is larger than it can rightly be");
	if (reader->body.size + size + 1 > reader->body_capacity) {
		size_t capacity = reader->body_capacity * 2 > reader->body.size + size + 1 ? reader->body_capacity * 2
		                                                                           : reader->body.size + size + 1;
		uint8_t *grown = realloc(reader->body.data, capacity);
		if (grown == NULL)
			return reply_refuse(reader, -SIS_ERR_NO_MEMORY, "out of memory");
		reader->body.data = grown;
		reader->body_capacity = capacity;
	}
	memcpy(reader->body.data + reader->body.size, data, size);
	reader->body.size += size;
	reader->body.data[reader->body.size] = '\0';
	return 0;
}

static int on_body(http_parser *parser, const char *data, size_t size)
{
	struct reply_reader *reader = parser->data;
	if (reader->reply.status < 200)
		return reply_refuse(reader, -SIS_ERR_PROTOCOL, "an interim reply has a body");
	if (reader->call->data_fn == NULL)
		return reply_collect(reader, data, size);
	int r = reader->call->data_fn(&reader->reply, (const uint8_t *)data, size, reader->call->arg);
	return r != 0 ? reply_refuse(reader, r, NULL) : 0;
}

/* An interim reply (RFC 9110 §15.2): told, then forgotten; the next one starts with nothing. */
static int reply_finish_interim(struct reply_reader *reader)
{
	if (++reader->n_interim > REPLY_MAX_INTERIM)
		return reply_refuse(reader, -SIS_ERR_PROTOCOL, "there are too many interim replies");
	if (reader->call->interim_fn != NULL)
		reader->call->interim_fn(&reader->reply, reader->call->arg);
	reader->reply = (struct http_reply){ 0 };
	reader->seen = reader->n_fields = 0;
	return 0;
}

static int on_end(http_parser *parser)
{
	struct reply_reader *reader = parser->data;
	if (reader->reply.status < 200)
		return reply_finish_interim(reader);
	reader->done = true;
	reader->keep = http_should_keep_alive(parser) != 0;
	http_parser_pause(parser, 1);
	return 0;
}

static const http_parser_settings settings = {
	.on_status = on_status,
	.on_header_field = on_field,
	.on_header_value = on_value,
	.on_headers_complete = on_head,
	.on_body = on_body,
	.on_message_complete = on_end,
};

void reply_begin(struct reply_reader *reader, const struct http_call *call)
{
	memset(reader, 0, sizeof(*reader));
	http_parser_init(&reader->parser, HTTP_RESPONSE);
	reader->parser.data = reader;
	reader->call = call;
}

void reply_end(struct reply_reader *reader)
{
	blob_free(&reader->body);
}

int reply_feed(struct reply_reader *reader, const uint8_t *data, size_t size)
{
	if (reader->error < 0)
		return reader->error;
	if (reader->done) {
		reader->keep = reader->keep && size == 0;
		return 0;
	}
	reader->started = reader->started || size > 0;
	size_t n = http_parser_execute(&reader->parser, &settings, (const char *)data, size);
	if (reader->done) {
		reader->keep = reader->keep && n == size;
		return 0;
	}
	if (reader->error == 0 && (HTTP_PARSER_ERRNO(&reader->parser) != HPE_OK || n != size || reader->parser.upgrade))
		reply_refuse(reader, -SIS_ERR_PROTOCOL, "the reply is not HTTP");
	return reader->error;
}

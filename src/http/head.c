/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The head as a whole, given to http-parser in one piece: its fields, and what it says of the body and the connection. */
#include "http/message.h"

#include "base/util.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The head lies in one buffer that is given to http-parser whole, so each of these sees a whole name or value. The byte after it is a
 * delimiter (':', CR, ' ') and may be overwritten once parsing has finished; until then the sizes are kept in the NUL-less pointers. */
struct head_build {
	struct http_message *message;
	struct { size_t name, name_size, value, value_size; } field[MESSAGE_FIELDS_MAX];
	unsigned n;
	size_t target, target_size;
	bool complete, overflow;
};

static int build_target(http_parser *parser, const char *at, size_t size)
{
	struct head_build *build = parser->data;
	if (build->target_size == 0)
		build->target = (size_t)(at - build->message->head);
	build->target_size += size;
	return 0;
}

static int build_name(http_parser *parser, const char *at, size_t size)
{
	struct head_build *build = parser->data;
	if (build->n == MESSAGE_FIELDS_MAX) {
		build->overflow = true;
		return 1;
	}
	build->field[build->n].name = (size_t)(at - build->message->head);
	build->field[build->n].name_size = size;
	build->n++;
	return 0;
}

static int build_value(http_parser *parser, const char *at, size_t size)
{
	struct head_build *build = parser->data;
	if (build->n == 0)
		return 1;
	build->field[build->n - 1].value = (size_t)(at - build->message->head);
	build->field[build->n - 1].value_size = size;
	return 0;
}

static int build_complete(http_parser *parser)
{
	struct head_build *build = parser->data;
	build->complete = true;
	build->message->keep_alive = http_should_keep_alive(parser) != 0;
	return 0;
}

static int head_message_complete(http_parser *parser)
{
	struct head_build *build = parser->data;
	build->message->body_complete = true;
	http_parser_pause(parser, 1);
	return 0;
}

/* RFC 9110 §5.6.2 token: http-parser lets blanks pass in names, which is how "Content-Length : 5" smuggles. */
static bool is_token(const char *text)
{
	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++)
		if (!((*text >= '0' && *text <= '9') || (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') ||
		      strchr("!#$%&'*+-.^_`|~", *text) != NULL))
			return false;
	return true;
}

static bool take_fields(struct http_message *message, const struct head_build *build)
{
	message->fields = calloc(build->n > 0 ? build->n : 1, sizeof(message->fields[0]));
	if (message->fields == NULL) {
		message_fault(message, 503, "out of memory");
		return false;
	}
	for (unsigned i = 0; i < build->n; i++) {
		char *name = message->head + build->field[i].name, *value = message->head + build->field[i].value;
		size_t value_size = build->field[i].value_size;
		name[build->field[i].name_size] = '\0';
		while (value_size > 0 && (value[value_size - 1] == ' ' || value[value_size - 1] == '\t'))
			value_size--;
		if (value_size > 0)
			value[value_size] = '\0';
		message->fields[i] = (struct http_pair){ name, value_size > 0 ? value : "" };
		if (!is_token(name)) {
			message_fault(message, 400, "a header field's name is malformed");
			return false;
		}
	}
	message->n_fields = build->n;
	return true;
}

/* Fields that may stand at most once: with two of them, two readers could see two requests. */
static const char *const SINGLE_FIELDS[] = {
	"host", "content-length", "transfer-encoding", "content-type", "content-transfer-encoding", "content-encoding", "content-range", "authorization",
	"expect", "range", "if-range", "if-none-match", "if-match", "if-modified-since", "if-unmodified-since", "upgrade", "upload-complete",
	"upload-offset", "upload-length", "upload-draft-interop-version", "last-event-id", "tus-resumable", "upload-defer-length", "upload-metadata",
	"upload-checksum", "x-http-method-override", "content-digest", "repr-digest", "want-content-digest", "want-repr-digest",
};

static unsigned count_field(const struct http_message *message, const char *name)
{
	unsigned n = 0;
	for (unsigned i = 0; i < message->n_fields; i++)
		n += strcasecmp(message->fields[i].name, name) == 0;
	return n;
}

static void check_single(struct http_message *message)
{
	for (unsigned i = 0; i < ARRAY_SIZE(SINGLE_FIELDS); i++)
		if (count_field(message, SINGLE_FIELDS[i]) > 1)
			message_fault(message, 400, "a header field that may stand only once was repeated");
}

static void check_body(struct http_message *message)
{
	const char *length = message_field(message, "content-length"), *encoding = message_field(message, "transfer-encoding");
	if (length != NULL && encoding != NULL)
		message_fault(message, 400, "Content-Length together with Transfer-Encoding");
	else if (encoding != NULL && strcasecmp(encoding, "chunked") != 0)
		message_fault(message, 501, "an unknown Transfer-Encoding");
	else if (encoding != NULL)
		message->body_size = UINT64_MAX;
	else if (length != NULL && !span_to_u64(span_from_string(length), INT64_MAX, &message->body_size))
		message_fault(message, 400, "Content-Length is not a number");
	message->has_body = message->body_size > 0;
}

static void check_connection(struct http_message *message)
{
	const char *host = message_field(message, "host"), *expect = message_field(message, "expect");
	if (message->parser.http_major != 1 || message->parser.http_minor != 1)
		message_fault(message, message->parser.http_major == 1 ? 400 : 505, "only HTTP/1.1 is spoken here");
	if (host == NULL || *host == '\0' || strpbrk(host, " \t,/@") != NULL)
		message_fault(message, 400, "the Host field is missing or malformed");
	if (message_field(message, "upgrade") != NULL)
		message_fault(message, 400, "no other protocol can be changed to");
	if (message->parser.method == HTTP_CONNECT)
		message_fault(message, 501, "CONNECT is not served");
	if (expect != NULL && strcasecmp(expect, "100-continue") != 0)
		message_fault(message, 417, "an unknown expectation");
	message->expects_continue = expect != NULL;
}

/* RFC 9110 §9.1: 501 for a method that is none of ours; what has not even the shape of a request is malformed. */
static unsigned method_fault_status(const struct http_message *message)
{
	size_t size = strspn(message->head, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-");
	if (strncmp(message->head, "PRI * ", 6) == 0)
		return 505;
	return size > 0 && message->head[size] == ' ' ? 501 : 400;
}

static void fault_from_parser(struct http_message *message, const struct head_build *build)
{
	switch (HTTP_PARSER_ERRNO(&message->parser)) {
	case HPE_INVALID_METHOD:
		message_fault(message, method_fault_status(message), "only HTTP/1.1 and its methods are spoken here");
		break;
	case HPE_UNEXPECTED_CONTENT_LENGTH:
		message_fault(message, 400, "the body's length is given twice");
		break;
	case HPE_INVALID_TRANSFER_ENCODING:
		message_fault(message, 501, "an unknown Transfer-Encoding");
		break;
	default:
		message_fault(message, build->overflow ? 431 : 400, "the request is malformed");
	}
}

void message_parse_head(struct http_message *message)
{
	static const struct http_parser_settings settings = {
		.on_url = build_target, .on_header_field = build_name, .on_header_value = build_value, .on_headers_complete = build_complete,
		.on_message_complete = head_message_complete,
	};
	struct head_build build = { .message = message };
	message->head[message->head_size] = '\0';
	http_parser_init(&message->parser, HTTP_REQUEST);
	message->parser.data = &build;
	/* http-parser finds a few of these faults as well, with fewer words; ours come first where the head could be split at all. */
	size_t parsed = http_parser_execute(&message->parser, &settings, message->head, message->head_size);
	enum http_errno error = HTTP_PARSER_ERRNO(&message->parser);
	message->parser.data = message;
	if (!build.complete || (error != HPE_OK && error != HPE_PAUSED) || parsed != message->head_size || build.target_size == 0) {
		fault_from_parser(message, &build);
		return;
	}
	char *target = message->head + build.target;
	target[build.target_size] = '\0';
	message->method = http_method_str((enum http_method)message->parser.method);
	if (!take_fields(message, &build))
		return;
	check_single(message);
	check_connection(message);
	check_body(message);
	message_parse_target(message, target);
	if (message->fault.status == 0 && message->body_complete == message->has_body)
		message_fault(message, 400, "the body's length is unclear");
}

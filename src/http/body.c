/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The body of a request, by Content-Length or in chunks: http-parser's, under closer watch. */
#include "http/message.h"

#define FRAMING_MAX 256                 /* bytes between two pieces of a chunked body: size, extensions, line ends */

static struct http_message *message_of(http_parser *parser)
{
	return parser->data;
}

/* What stands between the pieces of a chunked body: http-parser takes any byte in an extension, any for the LF of a
 * line's end, and any two behind a chunk's data. */
static bool framing_is_clean(struct http_message *message, const uint8_t *end)
{
	for (; message->framing < end; message->framing++) {
		uint8_t byte = *message->framing;
		bool is_control = (byte < 0x20 && byte != '\t' && byte != '\r' && byte != '\n') || byte == 0x7f;
		bool ends_data = message->after_data && message->n_framing == 0;
		if (is_control || (ends_data && byte != '\r') || message->framing_cr != (byte == '\n') || ++message->n_framing > FRAMING_MAX) {
			message_fault(message, 400, "the body's chunks are malformed");
			return false;
		}
		message->framing_cr = byte == '\r';
	}
	return true;
}

static int body_piece(http_parser *parser, const char *at, size_t size)
{
	struct http_message *message = message_of(parser);
	if (message->body_size == UINT64_MAX && !framing_is_clean(message, (const uint8_t *)at))
		return 1;
	message->framing = (const uint8_t *)at + size;
	message->n_framing = 0;
	message->after_data = true;
	if (message->on_body != NULL)
		message->on_body((const uint8_t *)at, size, message->arg);
	return 0;
}

/* Trailer fields would be a second head after all checks. */
static int body_trailer(http_parser *parser, const char *at, size_t size)
{
	message_fault(message_of(parser), 400, "trailer fields are not taken");
	return 1;
}

static int body_complete(http_parser *parser)
{
	message_of(parser)->body_complete = true;
	http_parser_pause(parser, 1);
	return 0;
}

void message_pause(struct http_message *message)
{
	http_parser_pause(&message->parser, 1);
}

size_t message_feed_body(struct http_message *message, const uint8_t *data, size_t size)
{
	static const struct http_parser_settings settings = {
		.on_body = body_piece, .on_header_field = body_trailer, .on_message_complete = body_complete,
	};
	if (message->body_complete || message->fault.status != 0 || size == 0)
		return 0;
	if (HTTP_PARSER_ERRNO(&message->parser) == HPE_PAUSED)
		http_parser_pause(&message->parser, 0);
	message->parser.data = message;
	message->framing = data;
	size_t used = http_parser_execute(&message->parser, &settings, (const char *)data, size);
	enum http_errno error = HTTP_PARSER_ERRNO(&message->parser);
	if (error != HPE_OK && error != HPE_PAUSED)
		message_fault(message, 400, "the body is malformed");
	else if (message->body_size == UINT64_MAX)
		framing_is_clean(message, data + used);
	return used;
}

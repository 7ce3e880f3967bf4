/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The head of a request is first collected, line by line and with every byte checked, then parsed by http-parser in one go (head.c). */
#include "http/message.h"

#include "base/secret.h"

#include <stdlib.h>
#include <strings.h>

#define HEAD_FIRST_BYTES 2048

void message_fault(struct http_message *message, unsigned status, const char *words)
{
	if (message->fault.status == 0)
		message->fault = (struct http_fault){ status, words };
}

void message_init(struct http_message *message)
{
	*message = (struct http_message){ .at_line_start = true };
}

void message_free(struct http_message *message)
{
	if (message->head != NULL)
		secret_wipe(message->head, message->head_capacity);     /* an Authorization field, perhaps */
	free(message->head);
	free(message->fields);
	message->head = NULL;
	message->fields = NULL;
}

static bool head_reserve(struct http_message *message, size_t max_head_bytes)
{
	if (message->head_size + 1 < message->head_capacity)
		return true;
	size_t capacity = message->head_capacity == 0 ? HEAD_FIRST_BYTES : message->head_capacity * 2;
	if (capacity > max_head_bytes + 1)
		capacity = max_head_bytes + 1;
	char *head = realloc(message->head, capacity);
	if (head == NULL) {
		message_fault(message, 503, "out of memory");
		return false;
	}
	message->head = head;
	message->head_capacity = capacity;
	return true;
}

/* Bare CR, bare LF, NUL and folded lines are where parsers disagree (RFC 9112 §2.2, §5.2): none is let through to http-parser. */
static void head_check_byte(struct http_message *message, uint8_t byte)
{
	if (message->saw_cr != (byte == '\n'))
		message_fault(message, 400, "a line of the head does not end with CR LF");
	else if (byte < 0x20 && byte != '\t' && byte != '\r' && byte != '\n')
		message_fault(message, 400, "a control character in the head");
	else if (byte == 0x7f)
		message_fault(message, 400, "a control character in the head");
	else if (message->at_line_start && (byte == ' ' || byte == '\t'))
		message_fault(message, 400, "a folded line in the head");
}

static void head_add_byte(struct http_message *message, uint8_t byte)
{
	message->head[message->head_size++] = (char)byte;
	if (message->n_lines == 0 && message->head_size > MESSAGE_LINE_MAX)
		message_fault(message, 414, "the request line is too long");
	if (byte != '\n') {
		message->at_line_start = message->at_line_start && byte == '\r';
	} else {
		message->head_complete = message->at_line_start && message->n_lines > 0;
		message->at_line_start = true;
		if (!message->head_complete && ++message->n_lines > MESSAGE_FIELDS_MAX + 1)
			message_fault(message, 431, "too many header fields");
	}
	message->saw_cr = byte == '\r';
}

/* RFC 9112 §2.2: an empty line before the request line is passed over. One, not any number. */
static void head_drop_empty_line(struct http_message *message)
{
	if (message->head_size != 2 || message->n_lines != 1 || message->head[0] != '\r')
		return;
	if (message->dropped_line)
		message_fault(message, 400, "empty lines before the request");
	message->dropped_line = true;
	message->head_size = 0;
	message->n_lines = 0;
}

size_t message_feed_head(struct http_message *message, const uint8_t *data, size_t size, size_t max_head_bytes)
{
	size_t used = 0;
	while (used < size && !message->head_complete && message->fault.status == 0) {
		if (message->head_size >= max_head_bytes) {
			message_fault(message, 431, "the head of the request is too long");
			break;
		}
		if (!head_reserve(message, max_head_bytes))
			break;
		head_check_byte(message, data[used]);
		if (message->fault.status != 0)
			break;
		head_add_byte(message, data[used++]);
		head_drop_empty_line(message);
	}
	if (message->head_complete && message->fault.status == 0)
		message_parse_head(message);
	return used;
}

const char *message_field(const struct http_message *message, const char *name)
{
	for (unsigned i = 0; i < message->n_fields; i++)
		if (strcasecmp(message->fields[i].name, name) == 0)
			return message->fields[i].value;
	return NULL;
}

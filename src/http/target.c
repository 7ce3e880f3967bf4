/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The request target: path and query, percent-decoded once. */
#include "http/message.h"

#include <string.h>
#include <strings.h>

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* In place; false on a malformed escape, NUL, another control character, and, in a path, an encoded '/'. */
static bool percent_decode(char *text, bool is_path)
{
	char *to = text;
	for (const char *at = text; *at != '\0'; at++) {
		int byte = (uint8_t)*at;
		if (*at == '%') {
			int high = hex_value(at[1]), low = high < 0 ? -1 : hex_value(at[2]);
			if (low < 0)
				return false;
			byte = high << 4 | low;
			at += 2;
			if (is_path && byte == '/')
				return false;
		} else if (*at == '+' && !is_path) {
			byte = ' ';
		}
		if (byte < 0x20 || byte == 0x7f)
			return false;
		*to++ = (char)byte;
	}
	*to = '\0';
	return true;
}

static void parse_query(struct http_message *message, char *query)
{
	while (query != NULL && *query != '\0') {
		char *name = strsep(&query, "&"), *value = strchr(name, '=');
		if (value != NULL)
			*value++ = '\0';
		if (*name == '\0')
			continue;
		if (message->n_query == MESSAGE_QUERY_MAX || !percent_decode(name, false) ||
		    (value != NULL && !percent_decode(value, false))) {
			message_fault(message, 400, "the query is malformed");
			return;
		}
		for (unsigned i = 0; i < message->n_query; i++)
			if (strcmp(message->query[i].name, name) == 0)
				message_fault(message, 400, "a name stands twice in the query");
		message->query[message->n_query++] = (struct http_pair){ name, value != NULL ? value : "" };
	}
}

/* Origin form, or absolute form, which RFC 9112 §3.2.2 obliges servers to take. */
void message_parse_target(struct http_message *message, char *target)
{
	if (strncasecmp(target, "https://", 8) == 0)
		target = strchr(target + 8, '/');
	if (target == NULL || target[0] != '/' || strchr(target, '#') != NULL) {
		message_fault(message, 400, "the request target is not a path");
		return;
	}
	char *query = target;
	char *path = strsep(&query, "?");
	if (!percent_decode(path, true))
		message_fault(message, 400, "the path is malformed");
	message->path = path;
	parse_query(message, query);
}

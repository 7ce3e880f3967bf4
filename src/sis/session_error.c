/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Our errors, out of what a server answers (RFC 9457) or a transport says. */
#include "sis/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROBLEM_MAX_BYTES 65536u
#define WORDS_SHOWN 300                 /* of the server's, in a sentence of ours */
#define PROBLEM_PREFIX "urn:sis:error:"

/* What was a whole sentence becomes a part of ours. */
static int words_size(const char *words)
{
	size_t size = strnlen(words, WORDS_SHOWN);
	return (int)(size > 0 && words[size - 1] == '.' ? size - 1 : size);
}

int session_transport_error(const struct http_client *client, int error, struct why *why)
{
	const char *words = http_client_error_words(client);
	if (error == -SIS_ERR_UNTRUSTED)
		return why_set(why, error, "the server cannot be trusted: %s; nothing was sent. If its authority was really replaced, enroll anew", words);
	if (error == -SIS_ERR_INTERRUPTED || *words == '\0')
		return error;
	return why_set(why, error, "%.*s", words_size(words), words);
}

/* "no-item" -> NO_ITEM */
static int error_from_problem(const char *type)
{
	if (strncmp(type, PROBLEM_PREFIX, strlen(PROBLEM_PREFIX)) != 0)
		return 0;
	char name[32];
	snprintf(name, sizeof(name), "%s", type + strlen(PROBLEM_PREFIX));
	for (char *c = name; *c != '\0'; c++)
		*c = *c == '-' ? '_' : *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c;
	for (int error = 1; error < SIS_ERR_END; error++) {
		if (strcmp(error_name(error), name) == 0)
			return -error;
	}
	return 0;
}

static const struct { unsigned status; enum sis_error error; } statuses[] = {
	{ 401, SIS_ERR_BAD_LOGIN }, { 403, SIS_ERR_NOT_ALLOWED }, { 404, SIS_ERR_NO_ITEM }, { 408, SIS_ERR_TIMEOUT }, { 409, SIS_ERR_CONFLICT },
	{ 413, SIS_ERR_TOO_LARGE }, { 422, SIS_ERR_BAD_FORMAT }, { 429, SIS_ERR_TOO_MANY }, { 503, SIS_ERR_BUSY }, { 507, SIS_ERR_NO_SPACE },
};

static int error_from_status(unsigned status)
{
	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
		if (statuses[i].status == status)
			return -(int)statuses[i].error;
	}
	return status >= 500 ? -SIS_ERR_UNAVAILABLE : -SIS_ERR_PROTOCOL;
}

int session_collect_problem(struct blob *problem, const uint8_t *data, size_t size)
{
	if (size > PROBLEM_MAX_BYTES - problem->size)
		return -SIS_ERR_TOO_LARGE;
	uint8_t *grown = realloc(problem->data, problem->size + size);
	if (grown == NULL)
		return -SIS_ERR_NO_MEMORY;
	memcpy(grown + problem->size, data, size);
	problem->data = grown;
	problem->size += size;
	return 0;
}

int session_reply_error(const struct http_reply *reply, struct span body, struct why *why)
{
	if (reply->status >= 200 && reply->status < 300)
		return 0;
	if (reply->status < 400)
		return why_set(why, -SIS_ERR_PROTOCOL, "the server answered with status %u, which makes no sense here", reply->status);
	CLEANUP_JSON json_t *json = NULL;
	int error = 0;
	const char *detail = NULL;
	if (strncmp(reply->content_type, "application/problem+json", 24) == 0 && json_parse(body, PROBLEM_MAX_BYTES, &json) == 0) {
		const char *type = json_member_string(json, "type");
		error = type != NULL ? error_from_problem(type) : 0;
		detail = json_member_string(json, "detail");
	}
	if (error == 0)
		error = error_from_status(reply->status);
	unsigned wait_s = patience_asked_s(reply);
	if (detail == NULL || *detail == '\0')
		detail = error_text(error);
	if (wait_s > 0)
		return why_set(why, error, "the server refused: %.*s; try again in %u second%s", words_size(detail), detail, wait_s, wait_s == 1 ? "" : "s");
	if (detail != error_text(error))
		return why_set(why, error, "the server refused: %.*s", words_size(detail), detail);
	return why_set(why, error, "the server refused: %s (status %u)", error_text(error), reply->status);
}

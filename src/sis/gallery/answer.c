/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Answers to the browser: each with everything that keeps the page's world closed. */
#include "sis/gallery/gallery.h"

#include "http/range.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* No script, style, picture or connection but our own; nobody may frame or open the page, nor embed what we serve. */
#define CLOSED \
	{ "Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; base-uri 'none'; " \
	                             "form-action 'none'; frame-ancestors 'none'" }, \
	{ "X-Content-Type-Options", "nosniff" }, { "Referrer-Policy", "no-referrer" }, { "Cross-Origin-Opener-Policy", "same-origin" }, \
	{ "Cross-Origin-Resource-Policy", "same-origin" }

void answer_status(struct http_request *request, unsigned status, int error, const char *detail, const struct http_header *more)
{
	const struct http_header headers[] = { CLOSED, more != NULL ? *more : (struct http_header){ "Cross-Origin-Embedder-Policy", "require-corp" } };
	http_respond_problem_with(request, &(struct http_problem){ .error = error, .status = status, .detail = detail, .headers = headers,
	                                                           .n_headers = ARRAY_SIZE(headers) });
}

void answer_problem(struct http_request *request, int error, const char *detail)
{
	answer_status(request, 0, error < 0 ? -error : error, detail, NULL);
}

void answer_json(struct http_request *request, unsigned status, json_t *json)
{
	static const struct http_header headers[] = { CLOSED, { "Cache-Control", "no-store" }, { "Content-Type", "application/json" } };
	CLEANUP_FREE char *text = json_print(json);
	json_decref(json);
	if (text == NULL)
		answer_problem(request, -SIS_ERR_NO_MEMORY, NULL);
	else
		http_respond(request, status, headers, ARRAY_SIZE(headers), text, strlen(text));
}

void answer_entered(struct http_request *request, const char *cookie, const char *key)
{
	const struct http_header headers[] = { CLOSED, { "Cache-Control", "no-store" }, { "Content-Type", "application/json" }, { "Set-Cookie", cookie } };
	char text[80];
	int size = snprintf(text, sizeof(text), "{\"key\":\"%s\"}", key);
	http_respond(request, 200, headers, ARRAY_SIZE(headers), text, (size_t)size);
}

void answer_stream(struct http_request *request)
{
	static const struct http_header headers[] = { CLOSED, { "Cache-Control", "no-store" }, { "Content-Type", "text/event-stream" } };
	http_respond_stream(request, 200, headers, ARRAY_SIZE(headers));
}

void answer_nothing(struct http_request *request)
{
	static const struct http_header headers[] = { CLOSED, { "Cache-Control", "no-store" } };
	http_respond(request, 204, headers, ARRAY_SIZE(headers), NULL, 0);
}

static void answer_file(struct http_request *request, const struct answer_bytes *bytes, struct http_header *headers, size_t n)
{
	char stretch[80];
	struct range range = { .size = bytes->size };
	if (bytes->size > 0 && range_parse(http_request_header(request, "Range"), http_request_header(request, "If-Range"), bytes->etag, bytes->size,
	                                   &range) < 0) {
		fd_close(bytes->fd);
		snprintf(stretch, sizeof(stretch), "bytes */%llu", (unsigned long long)bytes->size);
		answer_status(request, 416, SIS_ERR_USAGE, "It has fewer bytes.", &(struct http_header){ "Content-Range", stretch });
		return;
	}
	snprintf(stretch, sizeof(stretch), "bytes %llu-%llu/%llu", (unsigned long long)range.first, (unsigned long long)(range.first + range.size - 1),
	         (unsigned long long)bytes->size);
	if (range.asked)
		headers[n++] = (struct http_header){ "Content-Range", stretch };
	http_respond_file(request, range.asked ? 206 : 200, headers, n, bytes->fd, range.first, range.size);
}

void answer_bytes(struct http_request *request, const struct answer_bytes *bytes)
{
	struct http_header headers[12] = { CLOSED, { "Cache-Control", "no-store" }, { "Content-Type", bytes->type } };
	size_t n = 7;
	if (bytes->disposition != NULL)
		headers[n++] = (struct http_header){ "Content-Disposition", bytes->disposition };
	if (bytes->fd < 0) {
		http_respond(request, 200, headers, n, bytes->data.data, bytes->data.size);
		return;
	}
	headers[n++] = (struct http_header){ "ETag", bytes->etag };
	headers[n++] = (struct http_header){ "Accept-Ranges", "bytes" };
	answer_file(request, bytes, headers, n);
}

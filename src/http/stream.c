/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Answers without a foreseeable end: what there is goes out in chunks (RFC 9112 §7.1), and the handler is asked for more only when the socket has taken
 * all before. So a slow peer holds no more memory than one piece, and an idle one none. */
#include "http/internal.h"

#include <stdio.h>
#include <string.h>

static const char LAST_CHUNK[] = "0\r\n\r\n";

bool stream_is_open(const struct http_request *request)
{
	return request != NULL && request->is_stream && !request->stream_ended;
}

bool stream_is_hungry(const struct http_request *request)
{
	return stream_is_open(request) && (request->stream_hungry || request->connection->server->draining);
}

static void stream_broken(struct http_request *request)
{
	connection_close(request->connection, true);
	connection_make_ready(request->connection);
}

void http_respond_stream(struct http_request *request, unsigned status, const struct http_header *headers, size_t n_headers)
{
	if (request->answered)
		return;
	request->answered = request->is_stream = request->stream_hungry = true;
	request->stream_ended = !response_sends_body(request, status);
	if (response_put_head(request, status, headers, n_headers, LENGTH_UNKNOWN))
		connection_make_ready(request->connection);
	else
		stream_broken(request);
}

void http_stream_wake(struct http_request *request)
{
	request->stream_hungry = true;
	if (stream_is_open(request) && !request->connection->running)
		connection_make_ready(request->connection);
}

void http_stream_send(struct http_request *request, const void *data, size_t size)
{
	struct out_buffer *out = &request->connection->out;
	char head[24];
	/* An empty chunk would be the last. */
	if (size == 0 || !stream_is_open(request))
		return;
	int n = snprintf(head, sizeof(head), "%zx\r\n", size);
	request->body_sent += size;
	if (!out_append(out, head, (size_t)n) || !out_append(out, data, size) || !out_append(out, "\r\n", 2))
		stream_broken(request);
}

void http_stream_end(struct http_request *request)
{
	if (!stream_is_open(request))
		return;
	request->stream_ended = true;
	if (out_append(&request->connection->out, LAST_CHUNK, sizeof(LAST_CHUNK) - 1))
		connection_make_ready(request->connection);
	else
		stream_broken(request);
}

bool stream_advance(struct http_request *request)
{
	struct http_server *server = request->connection->server;
	if (!stream_is_hungry(request) || connection_wants_output(request->connection))
		return false;
	request->stream_hungry = false;
	if (server->draining) {
		request->connection->close_after = true;
		http_stream_end(request);
	} else if (server->handler->on_stream != NULL) {
		server->handler->on_stream(request, server->arg);
	}
	return true;
}

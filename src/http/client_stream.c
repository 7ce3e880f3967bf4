/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A reply that does not end: read as its bytes come, on a connection that carries nothing else afterwards. */
#include "http/client_internal.h"

#include "base/error.h"
#include "http/connect.h"

#include <poll.h>
#include <stdlib.h>

struct http_stream { struct http_client *client; struct http_call call; struct reply_reader reader; };

static bool stream_has_begun(const struct http_stream *stream)
{
	const struct reply_reader *reader = &stream->reader;
	bool is_good = reader->reply.status >= 200 && reader->reply.status < 300;
	return reader->done || (reader->head_complete && is_good);
}

int http_stream_open(struct http_client *client, const struct http_call *call, struct http_stream **ret_stream, struct http_reply *ret_reply)
{
	struct http_stream *stream = calloc(1, sizeof(*stream));
	struct outgoing out;
	if (stream == NULL)
		return -SIS_ERR_NO_MEMORY;
	*stream = (struct http_stream){ .client = client, .call = *call };
	client->words[0] = '\0';
	client_close(client);
	reply_begin(&stream->reader, &stream->call);
	int r = client_open(client);
	if (r == 0)
		r = outgoing_begin(client, call, &out);
	while (r == 0 && !stream_has_begun(stream))
		r = client_step(client, &stream->call, &stream->reader, &out, "the server did not answer");
	if (r < 0) {
		http_stream_close(stream);
		return r;
	}
	client->used = client->finished = true;
	*ret_reply = stream->reader.reply;
	*ret_stream = stream;
	return 0;
}

/* Sets *ret_moved when anything was read. */
static int stream_take(struct http_stream *stream, bool *ret_moved)
{
	struct http_client *client = stream->client;
	ssize_t n = tls_read(client->tls, client->input, sizeof(client->input));
	*ret_moved = n > 0;
	if (n == -SIS_ERR_AGAIN)
		return 0;
	if (n <= 0)
		return client_read_failed(client, &stream->reader, n < 0 ? (int)n : -SIS_ERR_CLOSED);
	int r = reply_feed(&stream->reader, client->input, (size_t)n);
	return r < 0 ? client_fail(client, r, stream->reader.why) : 0;
}

int http_stream_read(struct http_stream *stream, int timeout_ms)
{
	struct http_client *client = stream->client;
	uint64_t deadline_ns = client_deadline(timeout_ms > 0 ? (unsigned)timeout_ms : 0);
	for (;;) {
		bool moved = false;
		int r = stream->reader.done ? client_fail(client, -SIS_ERR_CLOSED, "the server ended the stream") : stream_take(stream, &moved);
		if (r < 0 || moved)
			return r < 0 ? r : 1;
		if (client->config.cancelled != NULL && atomic_load(client->config.cancelled))
			return client_fail(client, -SIS_ERR_INTERRUPTED, NULL);
		r = timeout_ms <= 0 ? -SIS_ERR_TIMEOUT : connect_wait(client->fd, POLLIN, deadline_ns, client->config.cancelled);
		if (r < 0)
			return r == -SIS_ERR_TIMEOUT ? 0 : client_fail(client, r, NULL);
	}
}

int http_stream_fd(const struct http_stream *stream)
{
	return stream->client->fd;
}

void http_stream_close(struct http_stream *stream)
{
	if (stream == NULL)
		return;
	reply_end(&stream->reader);
	free(stream);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The client's side of one connection: sends a request and reads its reply at the same time, so that a server that answers early (413, 507) is
 * heard instead of its closed socket. Streams are read as their bytes come. */
#include "http/client_internal.h"

#include "base/error.h"
#include "base/util.h"
#include "http/connect.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define LISTEN_BYTES 131072             /* after so much was written we look whether the server answers already */

int http_client_new(const struct http_client_config *config, struct http_client **ret_client)
{
	struct http_client *client = calloc(1, sizeof(*client));
	if (client == NULL)
		return -SIS_ERR_NO_MEMORY;
	client->config = *config;
	client->fd = -1;
	client->host = strdup(config->host);
	client->port = strdup(config->port);
	if (client->host == NULL || client->port == NULL) {
		http_client_free(client);
		return -SIS_ERR_NO_MEMORY;
	}
	*ret_client = client;
	return 0;
}

void client_close(struct http_client *client)
{
	tls_session_free(client->tls);
	client->tls = NULL;
	client->fd = fd_close(client->fd);
	client->used = client->finished = false;
}

void http_client_set_cancelled(struct http_client *client, const atomic_bool *cancelled)
{
	client->config.cancelled = cancelled;
}

void http_client_free(struct http_client *client)
{
	if (client == NULL)
		return;
	if (client->tls != NULL)
		tls_shutdown(client->tls);
	client_close(client);
	free(client->host);
	free(client->port);
	secret_wipe(client->first, sizeof(client->first));
	secret_wipe(client->input, sizeof(client->input));
	free(client);
}

const char *http_client_error_words(const struct http_client *client)
{
	return client->words;
}

bool http_client_has_asked(const struct http_client *client)
{
	return client->asked;
}

struct tls_session *http_client_tls(struct http_client *client)
{
	return client->tls;
}

int client_fail(struct http_client *client, int error, const char *words)
{
	snprintf(client->words, sizeof(client->words), "%s", words != NULL && *words != '\0' ? words : error_text(error));
	return error;
}

uint64_t client_deadline(unsigned timeout_ms)
{
	return time_monotonic_ns() + (uint64_t)timeout_ms * 1000000;
}

static int client_handshake(struct http_client *client, uint64_t deadline_ns)
{
	for (;;) {
		int r = tls_handshake(client->tls);
		if (r == 0)
			return 0;
		if (r != -SIS_ERR_AGAIN)
			return client_fail(client, r == -SIS_ERR_CLOSED ? -SIS_ERR_UNAVAILABLE : r, tls_error_words(client->tls));
		r = connect_wait(client->fd, tls_wants_write(client->tls) ? POLLOUT : POLLIN, deadline_ns, client->config.cancelled);
		if (r < 0)
			return client_fail(client, r, r == -SIS_ERR_TIMEOUT ? "the server took too long over the TLS handshake" : NULL);
	}
}

int client_open(struct http_client *client)
{
	uint64_t deadline_ns = client_deadline(client->config.connect_timeout_ms);
	int r = connect_open(client->host, client->port, deadline_ns, client->config.cancelled, &client->fd, client->words, sizeof(client->words));
	if (r < 0)
		return r;
	r = tls_client_new(&client->config.tls, client->fd, &client->tls);
	if (r < 0)
		client_fail(client, r, "the TLS session could not be set up");
	else
		r = client_handshake(client, deadline_ns);
	if (r < 0)
		client_close(client);
	return r;
}

/* An idle connection on which anything but a ticket came is of no use any more: mostly the server's timeout. */
static bool client_is_alive(struct http_client *client)
{
	struct pollfd poll_fd = { .fd = client->fd, .events = POLLIN };
	if (client->finished)
		return false;
	if (tls_pending(client->tls) == 0 && poll(&poll_fd, 1, 0) == 0)
		return true;
	return tls_read(client->tls, client->input, sizeof(client->input)) == -SIS_ERR_AGAIN;
}

/* One step of writing. Sets *moved when bytes went out. A broken pipe only ends the writing. */
static int client_send_step(struct http_client *client, const struct http_call *call, struct outgoing *out, bool *moved)
{
	int r = outgoing_refill(out, call);
	if (r < 0)
		return client_fail(client, r, "");
	if (outgoing_done(out))
		return 0;
	ssize_t n = tls_write(client->tls, out->now.data, out->now.size);
	if (n > 0) {
		out->now.data += n;
		out->now.size -= (size_t)n;
		out->unheard += (size_t)n;
		*moved = true;
	} else if (n != -SIS_ERR_AGAIN) {
		out->error = n < 0 ? (int)n : -SIS_ERR_INTERNAL;
		out->stopped = true;
		client_fail(client, out->error, tls_error_words(client->tls));
	}
	return 0;
}

int client_read_failed(struct http_client *client, const struct reply_reader *reader, int error)
{
	if (error == -SIS_ERR_CLOSED)
		return client_fail(client, -SIS_ERR_CLOSED, reader->started ? "the server closed the connection in the middle of its reply"
		                                                            : "the server closed the connection without a reply");
	return client_fail(client, error, tls_error_words(client->tls));
}

/* One step of reading: skips the attempt while we can write and nothing has come. */
static int client_receive_step(struct http_client *client, struct reply_reader *reader, struct outgoing *out, bool *moved)
{
	bool writing = !outgoing_done(out) && *moved;
	if (writing && out->unheard < LISTEN_BYTES)
		return 0;
	out->unheard = 0;
	if (writing && tls_pending(client->tls) == 0) {
		struct pollfd poll_fd = { .fd = client->fd, .events = POLLIN };
		if (poll(&poll_fd, 1, 0) <= 0)
			return 0;
	}
	ssize_t n = tls_read(client->tls, client->input, sizeof(client->input));
	if (n == -SIS_ERR_AGAIN)
		return 0;
	if (n <= 0)
		return client_read_failed(client, reader, n < 0 ? (int)n : -SIS_ERR_CLOSED);
	*moved = true;
	int r = reply_feed(reader, client->input, (size_t)n);
	return r < 0 ? client_fail(client, r, reader->why) : 0;
}

int client_step(struct http_client *client, const struct http_call *call, struct reply_reader *reader, struct outgoing *out, const char *stalled)
{
	bool moved = false;
	int r = client_send_step(client, call, out, &moved);
	if (r == 0)
		r = client_receive_step(client, reader, out, &moved);
	if (r == 0 && client->config.cancelled != NULL && atomic_load(client->config.cancelled))
		r = client_fail(client, -SIS_ERR_INTERRUPTED, NULL);
	if (r < 0 || moved || reader->done)
		return r;
	short events = POLLIN | (!outgoing_done(out) || tls_wants_write(client->tls) ? POLLOUT : 0);
	r = connect_wait(client->fd, events, client_deadline(client->config.stall_timeout_ms), client->config.cancelled);
	return r < 0 ? client_fail(client, r, r == -SIS_ERR_TIMEOUT ? stalled : NULL) : 0;
}

static int client_exchange(struct http_client *client, const struct http_call *call, struct reply_reader *reader)
{
	struct outgoing out;
	int r = outgoing_begin(client, call, &out);
	if (r < 0)
		return r;
	while (r == 0 && !reader->done) {
		/* Once the final head is there, nobody will read the rest of our body. */
		out.stopped = out.stopped || reader->head_complete;
		r = client_step(client, call, reader, &out, "the server stopped sending and taking data");
	}
	bool is_rest = out.now.size > 0 || out.body.size > 0 || out.left > 0;
	if (r == 0 && is_rest)
		reader->keep = false;
	client->asked = client->asked || !is_rest;
	return r;
}

/* May the request be sent again on a new connection? Only when the server has said nothing and the old connection may just have been idle too long. */
static bool may_repeat(const struct http_call *call, const struct reply_reader *reader, bool was_used, int error)
{
	return was_used && !reader->started && call->body_fn == NULL && (error == -SIS_ERR_CLOSED || error == -SIS_ERR_TLS);
}

static int client_call_once(struct http_client *client, const struct http_call *call, struct reply_reader *reader, bool *ret_repeat)
{
	if (client->tls != NULL && !client_is_alive(client))
		client_close(client);
	if (client->tls == NULL) {
		int r = client_open(client);
		if (r < 0)
			return r;
	}
	bool was_used = client->used;
	client->used = true;
	int r = client_exchange(client, call, reader);
	*ret_repeat = may_repeat(call, reader, was_used, r);
	client->finished = !reader->keep;
	if (r < 0)
		client_close(client);
	return r;
}

int http_client_call(struct http_client *client, const struct http_call *call, struct http_reply *ret_reply, struct blob *ret_body)
{
	struct reply_reader reader;
	bool repeat = false;
	client->words[0] = '\0';
	client->asked = false;
	reply_begin(&reader, call);
	int r = client_call_once(client, call, &reader, &repeat);
	if (r < 0 && repeat) {
		reply_end(&reader);
		reply_begin(&reader, call);
		r = client_call_once(client, call, &reader, &repeat);
	}
	if (r == 0) {
		*ret_reply = reader.reply;
		if (ret_body != NULL) {
			*ret_body = reader.body;
			reader.body = (struct blob){ 0 };
		}
	}
	reply_end(&reader);
	return r;
}

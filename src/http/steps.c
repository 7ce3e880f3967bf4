/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a connection can do next: handshake, read, hand on, write, finish, linger. Each step does one thing and tells whether it got anywhere. */
#include "http/internal.h"

#include "base/error.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LINGER_READS 16

/* Who is known may be idle before the first request, and is found by a revocation; a stranger must ask for something soon. */
static void connected(struct http_connection *connection)
{
	struct http_server *server = connection->server;
	struct span certificate = server->transport->peer_certificate(connection->session);
	uint64_t account = 0;
	if (certificate.size > 0 && server->transport->peer_error(connection->session) == 0 && server->handler->on_connected != NULL)
		connection->tag = server->handler->on_connected(certificate, &account, server->arg);
	/* One too many of the account's is told so at its first request, and has to ask soon. */
	if (account != 0 && account_enter(connection, account))
		penalty_know(connection);
	connection_enter(connection, CONNECTION_IDLE);
}

static bool step_handshake(struct http_connection *connection)
{
	const struct http_transport *transport = connection->server->transport;
	int error = transport->handshake(connection->session);
	if (error == -SIS_ERR_AGAIN)
		return false;
	/* Who only connects and goes (a balancer that looks whether we are there) has cost nothing. */
	if (error < 0 && transport->has_begun(connection->session))
		penalty_add(connection, OFFENCE_HANDSHAKE);
	if (error == 0)
		connected(connection);
	else if (error == -SIS_ERR_CLOSED)
		connection_close(connection, false);
	else
		connection_refuse(connection, transport->words(connection->session));
	return true;
}

static void begin_linger(struct http_connection *connection)
{
	connection->server->transport->shutdown(connection->session);
	shutdown(connection->fd, SHUT_WR);
	connection_enter(connection, CONNECTION_LINGER);
}

static bool step_linger(struct http_connection *connection)
{
	for (unsigned i = 0; i < LINGER_READS; i++) {
		ssize_t n = recv(connection->fd, connection->server->read_scratch, SCRATCH_BYTES, MSG_DONTWAIT);
		if (n > 0)
			continue;
		if (n == 0 || (errno != EAGAIN && errno != EINTR))
			connection_close(connection, false);
		return false;
	}
	return false;
}

static bool step_write(struct http_connection *connection, size_t *budget)
{
	struct http_server *server = connection->server;
	if (!connection_wants_output(connection) || *budget == 0)
		return false;
	ssize_t size = response_gather(connection, server->write_scratch, SCRATCH_BYTES);
	if (size <= 0) {
		connection_close(connection, true);     /* the file ended early: a reset tells the peer that the answer is not whole */
		return true;
	}
	size_t sent = 0;
	while (sent < (size_t)size) {
		ssize_t n = server->transport->write(connection->session, server->write_scratch + sent, (size_t)size - sent);
		if (n < 0 && n != -SIS_ERR_AGAIN)
			connection_close(connection, false);
		if (n <= 0)
			break;
		sent += (size_t)n;
	}
	response_consume(connection, sent);
	connection->moved += sent;
	rates_moved(connection, sent);
	*budget -= sent < *budget ? sent : *budget;
	return sent == (size_t)size || connection->state == CONNECTION_CLOSED;
}

/* The answer is sent: on to the next request, or to the end. */
static bool step_finish(struct http_connection *connection)
{
	struct http_request *request = connection->request;
	if (connection->state != CONNECTION_REQUEST || !request->answered || connection_wants_output(connection) || stream_is_open(request))
		return false;
	struct http_server *server = connection->server;
	bool keep = request->message.keep_alive && request->message.body_complete && !connection->close_after && !server->draining;
	connection->request = NULL;
	if (server->handler->on_sent != NULL && request->seen)
		server->handler->on_sent(request, true, request->body_sent, server->arg);
	request_free(request);
	if (connection->state == CONNECTION_CLOSED)
		return true;
	connection->served_one = true;
	out_free(&connection->out);
	if (keep)
		connection_enter(connection, CONNECTION_IDLE);
	else
		begin_linger(connection);
	return true;
}

static void begin_request(struct http_request *request)
{
	struct http_connection *connection = request->connection;
	uint64_t wait = rates_take_request(connection);
	connection->state = CONNECTION_REQUEST;
	if (wait > 0) {
		connection_hit(connection, LIMIT_REQUESTS_PER_SOURCE);
		request_too_soon(request, wait);
		return;
	}
	request->seen = true;
	connection->server->handler->on_request(request, connection->server->arg);
}

static size_t take_head(struct http_connection *connection, const uint8_t *data, size_t size)
{
	struct http_server *server = connection->server;
	if (connection->state == CONNECTION_IDLE) {
		connection->request = request_new(connection);
		if (connection->request == NULL) {
			connection_refuse(connection, "out of memory");
			return 0;
		}
		connection_enter(connection, CONNECTION_HEAD);
	}
	struct http_request *request = connection->request;
	size_t used = message_feed_head(&request->message, data, size, server->limits.max_head_bytes);
	if (request->message.fault.status != 0) {
		connection->state = CONNECTION_REQUEST;
		request_fault(request, request->message.fault);
	} else if (request->message.head_complete) {
		begin_request(request);
	}
	return used;
}

static size_t take_input(struct http_connection *connection, const uint8_t *data, size_t size)
{
	size_t used = 0;
	while (used < size && connection_wants_input(connection)) {
		if (connection->state == CONNECTION_REQUEST)
			used += request_feed(connection->request, data + used, size - used);
		else
			used += take_head(connection, data + used, size - used);
	}
	return used;
}

static void keep_pending(struct http_connection *connection, const uint8_t *data, size_t size)
{
	connection->pending = malloc(size);
	if (connection->pending == NULL) {
		connection_refuse(connection, "out of memory");
		return;
	}
	memcpy(connection->pending, data, size);
	connection->pending_size = size;
	connection->pending_at = 0;
}

static bool step_pending(struct http_connection *connection)
{
	/* The handler may end the connection, never the memory that is being read from: that goes with the end of the run. */
	connection->pending_at += take_input(connection, connection->pending + connection->pending_at, connection->pending_size - connection->pending_at);
	if (connection->pending_at == connection->pending_size) {
		free(connection->pending);
		connection->pending = NULL;
		connection->pending_size = connection->pending_at = 0;
	}
	return true;
}

static void read_failed(struct http_connection *connection, ssize_t error)
{
	if (error == -SIS_ERR_CLOSED)
		connection_close(connection, false);
	else
		connection_refuse(connection, connection->server->transport->words(connection->session));
}

static bool step_read(struct http_connection *connection, size_t *budget)
{
	struct http_server *server = connection->server;
	if (!connection_wants_input(connection) || *budget == 0)
		return false;
	if (connection->pending_size > 0)
		return step_pending(connection);
	/* A body is gathered, so that one pwrite takes several records; of a head, one record is enough, and all that may have to be kept. */
	size_t wanted = connection->state == CONNECTION_REQUEST ? SCRATCH_BYTES : RECORD_BYTES, size = 0;
	ssize_t n = 0;
	while (size < wanted) {
		n = server->transport->read(connection->session, server->read_scratch + size, wanted - size);
		if (n <= 0)
			break;
		size += (size_t)n;
		if (wanted == RECORD_BYTES)
			break;
	}
	if (size > 0) {
		connection->moved += size;
		rates_moved(connection, size);
		*budget -= size < *budget ? size : *budget;
		size_t used = take_input(connection, server->read_scratch, size);
		if (used < size && connection->state != CONNECTION_CLOSED)
			keep_pending(connection, server->read_scratch + used, size - used);
	}
	if (n < 0 && n != -SIS_ERR_AGAIN && connection->state != CONNECTION_CLOSED && connection_wants_input(connection) && connection->pending_size == 0)
		read_failed(connection, n);
	return size > 0;
}

static bool step_stream(struct http_connection *connection, size_t budget)
{
	return budget > 0 && stream_advance(connection->request);
}

bool connection_step(struct http_connection *connection, size_t *budget)
{
	switch (connection->state) {
	case CONNECTION_PROXY:
		return step_announce(connection);
	case CONNECTION_HANDSHAKE:
		return step_handshake(connection);
	case CONNECTION_LINGER:
		return step_linger(connection);
	case CONNECTION_CLOSED:
		return false;
	default:
		return step_write(connection, budget) || step_finish(connection) || step_read(connection, budget) ||
		       (connection->state == CONNECTION_REQUEST && (request_advance(connection->request) || step_stream(connection, *budget)));
	}
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One connection from accept to close. No callback of this file runs inside another: connection_run() notices that it is running already. */
#include "http/internal.h"

#include "base/error.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NEVER UINT64_MAX
#define LINGER_READS 16

const char HTTP_LIMIT_SOURCE[] = "too many connections from this source";
const char HTTP_LIMIT_TOTAL[] = "too many connections altogether";

/* ------------------------------------------------ time ------------------------------------------------ */

static void set_deadline(struct http_connection *connection, uint64_t ms)
{
	connection->deadline_ns = ms == NEVER ? NEVER : time_monotonic_ns() + ms * 1000000u;
}

static void arm_timer(struct http_connection *connection)
{
	if (connection->deadline_ns >= connection->armed_ns)
		return;
	uint64_t now = time_monotonic_ns();
	connection->armed_ns = connection->deadline_ns;
	loop_timer_set(connection->timer, connection->deadline_ns <= now ? 0 : (int64_t)((connection->deadline_ns - now) / 1000000u) + 1);
}

static unsigned rate_window_ms(const struct http_connection *connection)
{
	unsigned idle = connection->server->limits.idle_timeout_ms;
	return idle < RATE_WINDOW_MS ? idle : RATE_WINDOW_MS;
}

static bool wants_output(const struct http_connection *connection)
{
	return connection->out.size > connection->out.sent || (connection->request != NULL && connection->request->file_left > 0);
}

static bool wants_input(const struct http_connection *connection)
{
	switch (connection->state) {
	case CONNECTION_IDLE:
	case CONNECTION_HEAD:
		return true;
	case CONNECTION_REQUEST:
		return request_wants_body(connection->request);
	default:
		return false;
	}
}

/* While the handler thinks, the peer is not slow. Each turn of the peer begins with a fresh window. */
static void update_turn(struct http_connection *connection)
{
	if (connection->state != CONNECTION_REQUEST)
		return;
	bool peers_turn = wants_output(connection) || wants_input(connection);
	if (peers_turn && !connection->peers_turn) {
		connection->moved = 0;
		set_deadline(connection, rate_window_ms(connection));
	} else if (!peers_turn) {
		set_deadline(connection, NEVER);
	}
	connection->peers_turn = peers_turn;
}

static void enter(struct http_connection *connection, enum connection_state state)
{
	const struct http_limits *limits = &connection->server->limits;
	connection->state = state;
	connection->peers_turn = false;
	if (state == CONNECTION_IDLE && (connection->served_one || connection->tag != NULL))
		set_deadline(connection, limits->idle_timeout_ms);
	else if (state == CONNECTION_LINGER)
		set_deadline(connection, LINGER_MS);
	else if (state != CONNECTION_REQUEST)
		set_deadline(connection, limits->header_timeout_ms);
}

static void too_slow(struct http_connection *connection)
{
	struct http_request *request = connection->request;
	if (!request->answered)
		request_fault(request, (struct http_fault){ 408, "the body came too slowly" });
	else
		connection_refuse(connection, "took the answer too slowly");
}

static void deadline_passed(struct http_connection *connection)
{
	uint64_t window_ms = rate_window_ms(connection);
	switch (connection->state) {
	case CONNECTION_HANDSHAKE:
		connection_refuse(connection, "no TLS handshake in time");
		break;
	case CONNECTION_HEAD:
		connection->state = CONNECTION_REQUEST;
		request_fault(connection->request, (struct http_fault){ 408, "the head of the request did not come in time" });
		break;
	case CONNECTION_REQUEST:
		if (connection->moved == 0 || connection->moved < connection->server->limits.min_rate_bytes_s * window_ms / 1000)
			too_slow(connection);
		connection->moved = 0;
		set_deadline(connection, window_ms);
		break;
	default:
		connection_close(connection, false);
	}
}

static void connection_timer(void *arg)
{
	struct http_connection *connection = arg;
	connection->armed_ns = NEVER;
	if (connection->state != CONNECTION_CLOSED && time_monotonic_ns() >= connection->deadline_ns)
		deadline_passed(connection);
	connection_run(connection);
}

/* ------------------------------------------------ end ------------------------------------------------ */

void connection_close(struct http_connection *connection, bool reset)
{
	connection->state = CONNECTION_CLOSED;
	connection->must_reset = connection->must_reset || reset;
}

void connection_refuse(struct http_connection *connection, const char *reason)
{
	struct http_server *server = connection->server;
	if (connection->state != CONNECTION_CLOSED && server->handler->on_refused != NULL)
		server->handler->on_refused(connection->peer, reason, server->arg);
	connection_close(connection, false);
}

static void leave_ready_list(struct http_connection *connection)
{
	struct http_connection **at = &connection->server->ready;
	while (*at != NULL && *at != connection)
		at = &(*at)->next_ready;
	if (*at != NULL)
		*at = connection->next_ready;
}

static void close_socket(struct http_connection *connection)
{
	/* A revoked peer gets nothing more, not even what the kernel still holds for it. */
	struct linger now = { .l_onoff = 1, .l_linger = 0 };
	if (connection->must_reset)
		setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	connection->fd = fd_close(connection->fd);
}

static void connection_destroy(struct http_connection *connection)
{
	struct http_server *server = connection->server;
	loop_remove(connection->io);
	loop_remove(connection->timer);
	tls_session_free(connection->tls);
	close_socket(connection);
	struct http_request *request = connection->request;
	connection->request = NULL;
	if (request != NULL)
		request_gone(request);
	if (connection->is_ready)
		leave_ready_list(connection);
	*connection->previous = connection->next;
	if (connection->next != NULL)
		connection->next->previous = connection->previous;
	server->n_connections--;
	source_leave(server, connection->source);
	out_free(&connection->out);
	free(connection->pending);
	free(connection->tag);
	free(connection);
	connection_check_drained(server);
}

/* ------------------------------------------------ one step at a time ------------------------------------------------ */

/* Who is known may be idle before the first request, and is found by a revocation; a stranger must ask for something soon. */
static void connected(struct http_connection *connection)
{
	struct http_server *server = connection->server;
	struct span certificate = tls_peer_certificate(connection->tls);
	if (certificate.size > 0 && tls_peer_error(connection->tls) == 0 && server->handler->on_connected != NULL)
		connection->tag = server->handler->on_connected(certificate, server->arg);
	enter(connection, CONNECTION_IDLE);
}

static bool step_handshake(struct http_connection *connection)
{
	int error = tls_handshake(connection->tls);
	if (error == -SIS_ERR_AGAIN)
		return false;
	if (error == 0)
		connected(connection);
	else if (error == -SIS_ERR_CLOSED)
		connection_close(connection, false);
	else
		connection_refuse(connection, tls_error_words(connection->tls));
	return true;
}

static void begin_linger(struct http_connection *connection)
{
	tls_shutdown(connection->tls);
	shutdown(connection->fd, SHUT_WR);
	enter(connection, CONNECTION_LINGER);
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
	if (!wants_output(connection) || *budget == 0)
		return false;
	ssize_t size = response_gather(connection, server->write_scratch, SCRATCH_BYTES);
	if (size <= 0) {
		connection_close(connection, true);     /* the file ended early: a reset tells the peer that the answer is not whole */
		return true;
	}
	size_t sent = 0;
	while (sent < (size_t)size) {
		ssize_t n = tls_write(connection->tls, server->write_scratch + sent, (size_t)size - sent);
		if (n < 0 && n != -SIS_ERR_AGAIN)
			connection_close(connection, false);
		if (n <= 0)
			break;
		sent += (size_t)n;
	}
	response_consume(connection, sent);
	connection->moved += sent;
	*budget -= sent < *budget ? sent : *budget;
	return sent == (size_t)size || connection->state == CONNECTION_CLOSED;
}

/* The answer is sent: on to the next request, or to the end. */
static bool step_finish(struct http_connection *connection)
{
	struct http_request *request = connection->request;
	if (connection->state != CONNECTION_REQUEST || !request->answered || wants_output(connection))
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
		enter(connection, CONNECTION_IDLE);
	else
		begin_linger(connection);
	return true;
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
		enter(connection, CONNECTION_HEAD);
	}
	struct http_request *request = connection->request;
	size_t used = message_feed_head(&request->message, data, size, server->limits.max_head_bytes);
	if (request->message.fault.status != 0) {
		connection->state = CONNECTION_REQUEST;
		request_fault(request, request->message.fault);
	} else if (request->message.head_complete) {
		connection->state = CONNECTION_REQUEST;
		request->seen = true;
		server->handler->on_request(request, server->arg);
	}
	return used;
}

static size_t take_input(struct http_connection *connection, const uint8_t *data, size_t size)
{
	size_t used = 0;
	while (used < size && wants_input(connection)) {
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
		connection_refuse(connection, tls_error_words(connection->tls));
}

static bool step_read(struct http_connection *connection, size_t *budget)
{
	struct http_server *server = connection->server;
	if (!wants_input(connection) || *budget == 0)
		return false;
	if (connection->pending_size > 0)
		return step_pending(connection);
	/* A body is gathered, so that one pwrite takes several records; of a head, one record is enough, and all that may have to be kept. */
	size_t wanted = connection->state == CONNECTION_REQUEST ? SCRATCH_BYTES : RECORD_BYTES, size = 0;
	ssize_t n = 0;
	while (size < wanted) {
		n = tls_read(connection->tls, server->read_scratch + size, wanted - size);
		if (n <= 0)
			break;
		size += (size_t)n;
		if (wanted == RECORD_BYTES)
			break;
	}
	if (size > 0) {
		connection->moved += size;
		*budget -= size < *budget ? size : *budget;
		size_t used = take_input(connection, server->read_scratch, size);
		if (used < size && connection->state != CONNECTION_CLOSED)
			keep_pending(connection, server->read_scratch + used, size - used);
	}
	if (n < 0 && n != -SIS_ERR_AGAIN && connection->state != CONNECTION_CLOSED && wants_input(connection) && connection->pending_size == 0)
		read_failed(connection, n);
	return size > 0;
}

static bool connection_step(struct http_connection *connection, size_t *budget)
{
	switch (connection->state) {
	case CONNECTION_HANDSHAKE:
		return step_handshake(connection);
	case CONNECTION_LINGER:
		return step_linger(connection);
	case CONNECTION_CLOSED:
		return false;
	default:
		return step_write(connection, budget) || step_finish(connection) || step_read(connection, budget) ||
		       (connection->state == CONNECTION_REQUEST && request_advance(connection->request));
	}
}

/* ------------------------------------------------ the run ------------------------------------------------ */

void connection_make_ready(struct http_connection *connection)
{
	struct http_server *server = connection->server;
	if (connection->is_ready)
		return;
	struct http_connection **at = &server->ready;
	while (*at != NULL)
		at = &(*at)->next_ready;
	*at = connection;
	connection->is_ready = true;
	loop_timer_set(server->ready_timer, 0);
}

static void update_interest(struct http_connection *connection)
{
	uint32_t interest = 0;
	if (connection->state == CONNECTION_HANDSHAKE) {
		interest = tls_wants_write(connection->tls) ? EPOLLOUT : EPOLLIN;
	} else if (connection->state == CONNECTION_LINGER) {
		interest = EPOLLIN;
	} else {
		bool input = wants_input(connection);
		if (input && (connection->pending_size > 0 || tls_pending(connection->tls) > 0))
			connection_make_ready(connection);         /* the socket would not tell */
		interest = (input ? EPOLLIN : 0u) | (wants_output(connection) ? EPOLLOUT : 0u);
	}
	if (interest != connection->interest && loop_modify_io(connection->io, interest) == 0)
		connection->interest = interest;
}

void connection_run(struct http_connection *connection)
{
	struct http_server *server = connection->server;
	if (connection->running)
		return;
	if (connection->state != CONNECTION_CLOSED && server->busy) {
		connection_make_ready(connection);
		return;
	}
	if (connection->state != CONNECTION_CLOSED) {
		size_t budget = ROUND_BYTES;
		connection->running = server->busy = true;
		while (connection_step(connection, &budget))
			;
		connection->running = server->busy = false;
	}
	if (connection->state == CONNECTION_CLOSED) {
		connection_destroy(connection);
		return;
	}
	update_turn(connection);
	update_interest(connection);
	arm_timer(connection);
}

static void connection_event(uint32_t events, void *arg)
{
	struct http_connection *connection = arg;
	/* Nobody reads or writes right now, so nobody else would notice that the peer has gone. */
	if (connection->interest == 0 && (events & (EPOLLERR | EPOLLHUP)) != 0)
		connection_close(connection, false);
	connection_run(connection);
}

static void peer_text(const struct sockaddr *address, char *ret_text, size_t capacity)
{
	char host[INET6_ADDRSTRLEN] = "?";
	unsigned port = 0;
	if (address->sa_family == AF_INET) {
		struct sockaddr_in in;
		memcpy(&in, address, sizeof(in));
		inet_ntop(AF_INET, &in.sin_addr, host, sizeof(host));
		port = ntohs(in.sin_port);
	} else if (address->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;
		memcpy(&in6, address, sizeof(in6));
		inet_ntop(AF_INET6, &in6.sin6_addr, host, sizeof(host));
		port = ntohs(in6.sin6_port);
	}
	snprintf(ret_text, capacity, address->sa_family == AF_INET6 ? "[%s]:%u" : "%s:%u", host, port);
}

static void refuse_early(struct http_server *server, const struct http_connection *connection, const char *reason)
{
	if (server->handler->on_refused != NULL)
		server->handler->on_refused(connection->peer, reason, server->arg);
}

static int connection_open(struct http_connection *connection, int fd)
{
	struct http_server *server = connection->server;
	static const int on = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));      /* fails for what is no TCP: tests */
	int error = server->identity == NULL ? -SIS_ERR_UNAVAILABLE : tls_server_new(server->identity, fd, &connection->tls);
	if (error >= 0)
		error = loop_add_timer(server->loop, -1, connection_timer, connection, &connection->timer);
	if (error >= 0)
		error = loop_add_io(server->loop, fd, EPOLLIN, connection_event, connection, &connection->io);
	return error;
}

void connection_accept(struct http_server *server, int fd, const struct sockaddr *address)
{
	struct http_connection *connection = calloc(1, sizeof(*connection));
	if (connection == NULL) {
		fd_close(fd);
		return;
	}
	*connection = (struct http_connection){ .server = server, .fd = fd, .interest = EPOLLIN, .armed_ns = NEVER, .source = source_from(address) };
	peer_text(address, connection->peer, sizeof(connection->peer));
	if (!source_enter(server, connection->source)) {
		refuse_early(server, connection, server->n_connections >= server->limits.max_connections ? HTTP_LIMIT_TOTAL : HTTP_LIMIT_SOURCE);
		fd_close(fd);
		free(connection);
		return;
	}
	server->n_connections++;
	connection->previous = &server->connections;
	connection->next = server->connections;
	if (connection->next != NULL)
		connection->next->previous = &connection->next;
	server->connections = connection;
	enter(connection, CONNECTION_HANDSHAKE);
	if (connection_open(connection, fd) < 0)
		connection_close(connection, true);
	connection_run(connection);
}

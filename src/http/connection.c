/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One connection: its deadlines, its end, and the run that takes it as far as it can go. No callback of this file runs inside another: connection_run() notices that it is running already. */
#include "http/internal.h"

#include <stdlib.h>

/* ------------------------------------------------ time ------------------------------------------------ */

static void set_deadline(struct http_connection *connection, uint64_t ms)
{
	connection->deadline_ns = ms == NEVER ? NEVER : time_monotonic_ns() + ms * 1000000u;
}

static void arm_timer(struct http_connection *connection)
{
	uint64_t next = connection->deadline_ns;
	if (connection->paced_until_ns != 0 && connection->paced_until_ns < next)
		next = connection->paced_until_ns;
	if (next >= connection->armed_ns)
		return;
	uint64_t now = time_monotonic_ns();
	connection->armed_ns = next;
	loop_timer_set(connection->timer, next <= now ? 0 : (int64_t)((next - now) / 1000000u) + 1);
}

static unsigned rate_window_ms(const struct http_connection *connection)
{
	unsigned idle = connection->server->limits.idle_timeout_ms;
	return idle < RATE_WINDOW_MS ? idle : RATE_WINDOW_MS;
}

bool connection_wants_output(const struct http_connection *connection)
{
	return connection->out.size > connection->out.sent || (connection->request != NULL && connection->request->file_left > 0);
}

bool connection_wants_input(const struct http_connection *connection)
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

/* How long a peer may take nothing: of a stream it may be long, since it is no transfer that has to come to an end. */
static unsigned turn_ms(const struct http_connection *connection)
{
	return stream_is_open(connection->request) ? connection->server->limits.idle_timeout_ms : rate_window_ms(connection);
}

/* While the handler thinks, or we let the peer wait, the peer is not slow. Each turn of the peer begins with a fresh window. */
static void update_turn(struct http_connection *connection)
{
	if (connection->state != CONNECTION_REQUEST)
		return;
	bool peers_turn = connection->paced_until_ns == 0 && (connection_wants_output(connection) || connection_wants_input(connection));
	if (peers_turn && !connection->peers_turn) {
		connection->moved = 0;
		set_deadline(connection, turn_ms(connection));
	} else if (!peers_turn) {
		set_deadline(connection, NEVER);
	}
	connection->peers_turn = peers_turn;
}

void connection_enter(struct http_connection *connection, enum connection_state state)
{
	const struct http_limits *limits = &connection->server->limits;
	connection->state = state;
	connection->peers_turn = false;
	if (state == CONNECTION_IDLE && (connection->served_one || connection->account != 0))
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
	uint64_t window_ms = turn_ms(connection), least = connection->server->limits.min_rate_bytes_s * window_ms / 1000;
	switch (connection->state) {
	case CONNECTION_PROXY:
		connection_refuse(connection, "this balancer sent no whole PROXY header in time");
		break;
	case CONNECTION_HANDSHAKE:
		penalty_add(connection, OFFENCE_HANDSHAKE);
		connection_refuse(connection, "no TLS handshake in time");
		break;
	case CONNECTION_HEAD:
		penalty_add(connection, OFFENCE_REQUEST);
		connection->state = CONNECTION_REQUEST;
		request_fault(connection->request, (struct http_fault){ 408, "the head of the request did not come in time" });
		break;
	case CONNECTION_REQUEST:
		if (connection->moved == 0 || (connection->moved < least && !stream_is_open(connection->request)))
			too_slow(connection);
		connection->moved = 0;
		set_deadline(connection, window_ms);
		break;
	default:
		connection_close(connection, false);
	}
}

void connection_timer(void *arg)
{
	struct http_connection *connection = arg;
	connection->armed_ns = NEVER;
	/* What is answered now is sent by the run below: a run of its own could end the connection under our hands. */
	connection->running = true;
	if (connection->state != CONNECTION_CLOSED && time_monotonic_ns() >= connection->deadline_ns)
		deadline_passed(connection);
	connection->running = false;
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
	struct http_server *server = connection->server;
	struct http_connection **at = &server->ready;
	while (*at != NULL && *at != connection)
		at = &(*at)->next_ready;
	if (*at == NULL)
		return;
	*at = connection->next_ready;
	if (*at == NULL)
		server->ready_end = at;
}

static void close_socket(struct http_connection *connection)
{
	/* A revoked peer gets nothing more, not even what the kernel still holds for it. Everybody else gets that, whatever another worker that was taken over
	 * has told the listening socket, from which a connection has the option. */
	struct linger linger = { .l_onoff = connection->must_reset, .l_linger = 0 };
	setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	connection->fd = fd_close(connection->fd);
}

static void connection_destroy(struct http_connection *connection)
{
	struct http_server *server = connection->server;
	loop_remove(connection->io);
	loop_remove(connection->timer);
	if (server->transport != NULL)
		server->transport->close(connection->session);
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
	source_leave(connection);
	account_leave(connection);
	announce_end(connection);
	out_free(&connection->out);
	free(connection->pending);
	free(connection->tag);
	free(connection);
	connection_check_drained(server);
}

/* ------------------------------------------------ the run ------------------------------------------------ */

void connection_make_ready(struct http_connection *connection)
{
	struct http_server *server = connection->server;
	if (connection->is_ready)
		return;
	*server->ready_end = connection;
	server->ready_end = &connection->next_ready;
	connection->is_ready = true;
	loop_timer_set(server->ready_timer, 0);
}

static void update_interest(struct http_connection *connection)
{
	uint32_t interest = 0;
	if (connection->state == CONNECTION_HANDSHAKE) {
		interest = connection->server->transport->wants_write(connection->session) ? EPOLLOUT : EPOLLIN;
	} else if (connection->state == CONNECTION_LINGER || connection->state == CONNECTION_PROXY) {
		interest = EPOLLIN;
	} else if (connection->paced_until_ns != 0) {
		interest = 0;
	} else if (stream_is_open(connection->request)) {
		if (stream_is_hungry(connection->request) && !connection_wants_output(connection))
			connection_make_ready(connection);         /* its share of this round was used up */
		interest = EPOLLRDHUP | (connection_wants_output(connection) ? EPOLLOUT : 0u);
	} else {
		bool input = connection_wants_input(connection);
		if (input && (connection->pending_size > 0 || connection->server->transport->pending(connection->session) > 0))
			connection_make_ready(connection);         /* the socket would not tell */
		interest = (input ? EPOLLIN : 0u) | (connection_wants_output(connection) ? EPOLLOUT : 0u);
	}
	if (interest != connection->interest && loop_modify_io(connection->io, interest) == 0)
		connection->interest = interest;
}

/* How much may be moved in this round. Nothing, when source or account has had what it may: then until the timer calls. */
static size_t begin_round(struct http_connection *connection)
{
	enum limit limit = LIMIT_NONE;
	connection->paced_until_ns = connection->state == CONNECTION_REQUEST ? rates_paced_until(connection, &limit) : 0;
	if (connection->paced_until_ns == 0)
		return rates_budget(connection);
	if (!connection->request->was_paced)
		connection_hit(connection, limit);
	connection->request->was_paced = true;
	return 0;
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
		size_t budget = begin_round(connection);
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

void connection_event(uint32_t events, void *arg)
{
	struct http_connection *connection = arg;
	/* Nobody reads right now, so nobody else would notice that the peer has gone. */
	if ((connection->interest == 0 || stream_is_open(connection->request)) && (events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP)) != 0)
		connection_close(connection, false);
	connection_run(connection);
}

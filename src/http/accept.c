/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A connection's beginning: who it is, whether it is one too many, its session. */
#include "http/internal.h"

#include "base/error.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

void connection_set_peer(struct http_connection *connection, const struct sockaddr *address)
{
	(void)address_from_socket(address, connection->address);
	connection->source = source_from(connection->address);
	peer_text(address, connection->peer, sizeof(connection->peer));
}

void connection_hit(const struct http_connection *connection, enum limit limit)
{
	const struct http_server *server = connection->server;
	if (server->handler->on_limit != NULL)
		server->handler->on_limit(limit, connection->peer, server->arg);
}

enum limit connection_admit(struct http_connection *connection)
{
	if (penalty_is_due(connection))
		return LIMIT_PENALTY;
	if (!rates_take_handshake(connection))
		return LIMIT_HANDSHAKES_PER_SOURCE;
	return source_enter(connection) ? LIMIT_NONE : LIMIT_CONNECTIONS_PER_SOURCE;
}

/* Before anything is allocated: whom we refuse must cost us next to nothing. */
static enum limit admit_first(struct http_connection *connection, bool from_proxy)
{
	const struct http_server *server = connection->server;
	const struct http_limits *limits = &server->limits;
	if (server->n_connections >= limits->max_connections + limits_surplus(limits))
		return LIMIT_CONNECTIONS;
	return from_proxy ? LIMIT_NONE : connection_admit(connection);
}

static int connection_open(struct http_connection *connection, int fd)
{
	struct http_server *server = connection->server;
	static const int on = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));      /* fails for what is no TCP: tests */
	int error = server->transport == NULL ? -SIS_ERR_UNAVAILABLE : server->transport->open(server, fd, &connection->session);
	if (error >= 0 && connection->state == CONNECTION_PROXY)
		error = announce_begin(connection);
	if (error >= 0)
		error = loop_add_timer(server->loop, -1, connection_timer, connection, &connection->timer);
	if (error >= 0)
		error = loop_add_io(server->loop, fd, EPOLLIN, connection_event, connection, &connection->io);
	return error;
}

static void connection_link(struct http_connection *connection)
{
	struct http_server *server = connection->server;
	connection->is_surplus = server->n_connections++ >= server->limits.max_connections;
	connection->previous = &server->connections;
	connection->next = server->connections;
	if (connection->next != NULL)
		connection->next->previous = &connection->next;
	server->connections = connection;
}

void connection_accept(struct http_server *server, int fd, const struct sockaddr *address)
{
	struct http_connection first = { .server = server, .fd = fd, .interest = EPOLLIN, .armed_ns = NEVER }, *connection;
	connection_set_peer(&first, address);
	bool from_proxy = prefix_list_holds(&server->limits.proxy_from, first.address);
	enum limit limit = admit_first(&first, from_proxy);
	if (limit != LIMIT_NONE) {
		connection_hit(&first, limit);
		fd_close(fd);
		return;
	}
	connection = malloc(sizeof(*connection));
	if (connection == NULL) {
		source_leave(&first);
		fd_close(fd);
		return;
	}
	*connection = first;
	connection_link(connection);
	connection_enter(connection, from_proxy ? CONNECTION_PROXY : CONNECTION_HANDSHAKE);
	if (connection_open(connection, fd) < 0)
		connection_close(connection, true);
	connection_run(connection);
}

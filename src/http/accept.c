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

static void refuse_early(struct http_server *server, const struct http_connection *connection, enum limit limit)
{
	if (server->handler->on_limit != NULL)
		server->handler->on_limit(limit, connection->peer, server->arg);
}

static int connection_open(struct http_connection *connection, int fd)
{
	struct http_server *server = connection->server;
	static const int on = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));      /* fails for what is no TCP: tests */
	int error = server->transport == NULL ? -SIS_ERR_UNAVAILABLE : server->transport->open(server, fd, &connection->session);
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
		refuse_early(server, connection, server->n_connections >= server->limits.max_connections ? LIMIT_CONNECTIONS : LIMIT_CONNECTIONS_PER_SOURCE);
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
	connection_enter(connection, CONNECTION_HANDSHAKE);
	if (connection_open(connection, fd) < 0)
		connection_close(connection, true);
	connection_run(connection);
}

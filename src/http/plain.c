/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Connections without TLS, on loopback addresses only. */
#include "http/internal.h"
#include "http/plain.h"

#include "base/error.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct plain { int fd; };

static bool is_loopback(const struct sockaddr_storage *address)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	memcpy(&in, address, sizeof(in));
	memcpy(&in6, address, sizeof(in6));
	return address->ss_family == AF_INET ? ntohl(in.sin_addr.s_addr) >> 24 == 127
	                                     : address->ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr);
}

/* Asked of each connection's own end, so that no listener, however it was made, takes one from elsewhere. */
static int plain_open(const struct http_server *server, int fd, void **ret_session)
{
	struct sockaddr_storage address = { 0 };
	socklen_t size = sizeof(address);
	(void)server;
	if (getsockname(fd, (struct sockaddr *)&address, &size) < 0 || !is_loopback(&address))
		return -SIS_ERR_NOT_ALLOWED;
	struct plain *plain = calloc(1, sizeof(*plain));
	if (plain == NULL)
		return -SIS_ERR_NO_MEMORY;
	plain->fd = fd;
	*ret_session = plain;
	return 0;
}

static int plain_handshake(void *session)
{
	(void)session;
	return 0;
}

static bool plain_has_begun(const void *session)
{
	(void)session;
	return true;
}

static bool plain_wants_write(const void *session)
{
	(void)session;
	return false;
}

static ssize_t result(ssize_t n, ssize_t if_nothing)
{
	if (n > 0)
		return n;
	if (n == 0)
		return if_nothing;
	return errno == EAGAIN || errno == EINTR ? -SIS_ERR_AGAIN : -SIS_ERR_CLOSED;
}

static ssize_t plain_read(void *session, void *ret_data, size_t capacity)
{
	const struct plain *plain = session;
	return result(recv(plain->fd, ret_data, capacity, MSG_DONTWAIT), -SIS_ERR_CLOSED);
}

static ssize_t plain_write(void *session, const void *data, size_t size)
{
	const struct plain *plain = session;
	return result(send(plain->fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL), -SIS_ERR_AGAIN);
}

static size_t plain_pending(const void *session)
{
	(void)session;
	return 0;
}

static void plain_shutdown(void *session)
{
	(void)session;
}

static struct span plain_peer_certificate(const void *session)
{
	(void)session;
	return (struct span){ 0 };
}

static int plain_peer_error(const void *session)
{
	(void)session;
	return 0;
}

static const char *plain_words(const void *session)
{
	(void)session;
	return "the connection broke";
}

static void plain_end(struct http_server *server)
{
	(void)server;
}

static const struct http_transport transport = {
	plain_open, free, plain_handshake, plain_has_begun, plain_wants_write, plain_read, plain_write, plain_pending, plain_shutdown,
	plain_peer_certificate, plain_peer_error, plain_words, plain_end,
};

void http_server_set_plain(struct http_server *server)
{
	server->transport = &transport;
}

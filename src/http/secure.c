/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Connections over TLS: what a worker serves. */
#include "http/internal.h"

#include "base/error.h"

static int secure_open(const struct http_server *server, int fd, void **ret_session)
{
	struct tls_session *session = NULL;
	int error = tls_server_new(server->identity, fd, &session);
	if (error >= 0)
		*ret_session = session;
	return error;
}

static void secure_close(void *session)
{
	tls_session_free(session);
}

static int secure_handshake(void *session)
{
	return tls_handshake(session);
}

static bool secure_has_begun(const void *session)
{
	return tls_has_begun(session);
}

static bool secure_wants_write(const void *session)
{
	return tls_wants_write(session);
}

static ssize_t secure_read(void *session, void *ret_data, size_t capacity)
{
	return tls_read(session, ret_data, capacity);
}

static ssize_t secure_write(void *session, const void *data, size_t size)
{
	return tls_write(session, data, size);
}

static size_t secure_pending(const void *session)
{
	return tls_pending(session);
}

static void secure_shutdown(void *session)
{
	tls_shutdown(session);
}

static struct span secure_peer_certificate(const void *session)
{
	return tls_peer_certificate(session);
}

static int secure_peer_error(const void *session)
{
	return tls_peer_error(session);
}

static const char *secure_words(const void *session)
{
	return tls_error_words(session);
}

static void secure_end(struct http_server *server)
{
	tls_identity_unref(server->identity);
	server->identity = NULL;
}

static const struct http_transport transport = {
	secure_open, secure_close, secure_handshake, secure_has_begun, secure_wants_write, secure_read, secure_write, secure_pending, secure_shutdown,
	secure_peer_certificate, secure_peer_error, secure_words, secure_end,
};

void http_server_set_identity(struct http_server *server, struct tls_identity *identity)
{
	struct tls_identity *old = server->identity;
	server->identity = tls_identity_ref(identity);
	server->transport = &transport;
	tls_identity_unref(old);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What server and client sessions have in common: parameters, handshake, reading and writing. */
#include "tls/session.h"

#include "base/error.h"
#include "base/util.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define HANDSHAKE_MESSAGE_MAX_BYTES (24 * 1024)         /* a stranger may make us keep this much before it is known */
#define EMPTY_READS_MAX 16

/* TLS 1.3 only, and of that only what our certificates can use. Explicit, so that no file of the system is asked. */
static const char priorities[] =
	"NONE:+VERS-TLS1.3:+AES-256-GCM:+AES-128-GCM:+CHACHA20-POLY1305:+AEAD:+GROUP-X25519:+GROUP-SECP256R1:"
	"+SIGN-EDDSA-ED25519:+SIGN-ECDSA-SECP256R1-SHA256:+CTYPE-X509:+COMP-NULL";

static int set_priorities(gnutls_session_t session)
{
	static gnutls_priority_t cache;         /* the same for all, for the life of the process */
	if (cache == NULL && gnutls_priority_init(&cache, priorities, NULL) < 0) {
		cache = NULL;
		return -SIS_ERR_INTERNAL;
	}
	return gnutls_priority_set(session, cache) < 0 ? -SIS_ERR_INTERNAL : 0;
}

/* Both are HTTP/1.1. Who offers the first knows the server's own authority, and wants a certificate of it (server.c). */
static unsigned char alpn_ours[] = "sis/1", alpn_http[] = "http/1.1";

static int set_alpn(gnutls_session_t session)
{
	const gnutls_datum_t protocols[] = { { alpn_ours, sizeof(alpn_ours) - 1 }, { alpn_http, sizeof(alpn_http) - 1 } };
	return gnutls_alpn_set_protocols(session, protocols, ARRAY_SIZE(protocols), 0) < 0 ? -SIS_ERR_INTERNAL : 0;
}

bool session_is_by_ours(const struct tls_session *session)
{
	gnutls_datum_t chosen;
	return gnutls_alpn_get_selected_protocol(session->gnutls, &chosen) >= 0 && chosen.size == sizeof(alpn_ours) - 1 &&
	       memcmp(chosen.data, alpn_ours, chosen.size) == 0;
}

/* Our own transport, to know whether it was the socket that had nothing, or GnuTLS that read a message without data. */
static ssize_t pull(gnutls_transport_ptr_t arg, void *ret_data, size_t capacity)
{
	struct tls_session *session = arg;
	ssize_t n = recv(session->fd, ret_data, capacity, 0);
	session->is_dry = n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
	session->has_begun = session->has_begun || n > 0;
	if (n == 0 && capacity > 0)
		session->is_ended = true;
	return n;
}

static ssize_t push(gnutls_transport_ptr_t arg, const giovec_t *parts, int n_parts)
{
	const struct tls_session *session = arg;
	union { const giovec_t *given; struct iovec *parts; } view = { .given = parts };
	struct msghdr message = { .msg_iov = view.parts, .msg_iovlen = (size_t)n_parts };
	return sendmsg(session->fd, &message, MSG_NOSIGNAL);
}

static void session_freep(struct tls_session **session)
{
	tls_session_free(*session);
}

int session_new(unsigned flags, int fd, struct tls_session **ret_session)
{
	__attribute__((cleanup(session_freep))) struct tls_session *session = calloc(1, sizeof(*session));
	if (session == NULL || gnutls_init(&session->gnutls, flags | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) < 0)
		return -SIS_ERR_NO_MEMORY;
	gnutls_session_set_ptr(session->gnutls, session);
	session->fd = fd;
	gnutls_transport_set_ptr(session->gnutls, session);
	gnutls_transport_set_pull_function(session->gnutls, pull);
	gnutls_transport_set_vec_push_function(session->gnutls, push);
	gnutls_handshake_set_max_packet_length(session->gnutls, HANDSHAKE_MESSAGE_MAX_BYTES);
	gnutls_handshake_set_timeout(session->gnutls, GNUTLS_INDEFINITE_TIMEOUT);       /* the caller has timers of its own */
	int r = set_priorities(session->gnutls);
	if (r == 0)
		r = set_alpn(session->gnutls);
	if (r < 0)
		return r;
	*ret_session = session;
	session = NULL;
	return 0;
}

void tls_session_free(struct tls_session *session)
{
	if (session == NULL)
		return;
	if (session->gnutls != NULL)
		gnutls_deinit(session->gnutls);
	client_free(session->client);
	tls_identity_unref(session->identity);
	free(session);
}

int session_failed(struct tls_session *session, int gnutls_code)
{
	if (gnutls_code == GNUTLS_E_AGAIN || gnutls_code == GNUTLS_E_INTERRUPTED) {
		session->wants_write = gnutls_record_get_direction(session->gnutls) != 0;
		if (!session->is_ended || session->wants_write)
			return -SIS_ERR_AGAIN;
		/* For an end in the middle of a record GnuTLS asks to be called again: at once and for ever, as the socket stays readable. */
		session->words = "closed by the peer in the middle of a record";
		return -SIS_ERR_CLOSED;
	}
	session->words = gnutls_strerror(gnutls_code);
	switch (gnutls_code) {
	case GNUTLS_E_FATAL_ALERT_RECEIVED:
		session->words = gnutls_alert_get_name(gnutls_alert_get(session->gnutls));
		return -SIS_ERR_TLS;
	case GNUTLS_E_PREMATURE_TERMINATION:
	case GNUTLS_E_PUSH_ERROR:
	case GNUTLS_E_PULL_ERROR:
	case GNUTLS_E_SESSION_EOF:
	case GNUTLS_E_INVALID_SESSION:          /* read or write after such an end */
		session->words = "the connection was cut off";
		return -SIS_ERR_CLOSED;
	case GNUTLS_E_MEMORY_ERROR:
		return -SIS_ERR_NO_MEMORY;
	default:
		return -SIS_ERR_TLS;
	}
}

/* One step; the peer is told what was wrong if it can be told without waiting. */
static int shake_hands(struct tls_session *session)
{
	int r = gnutls_handshake(session->gnutls);
	for (unsigned i = 0; r < 0 && !gnutls_error_is_fatal(r) && r != GNUTLS_E_AGAIN && r != GNUTLS_E_INTERRUPTED && i < EMPTY_READS_MAX; i++)
		r = gnutls_handshake(session->gnutls);
	if (r == GNUTLS_E_SUCCESS) {
		session->has_shaken_hands = true;
		return 0;
	}
	if (gnutls_error_is_fatal(r))
		gnutls_alert_send_appropriate(session->gnutls, r);
	int verify_error = session->client != NULL ? client_verify_error(session) : 0;
	return verify_error != 0 && gnutls_error_is_fatal(r) ? verify_error : session_failed(session, r);
}

int tls_handshake(struct tls_session *session)
{
	if (session->is_complete)
		return 0;
	session->wants_write = false;
	int r = session->has_shaken_hands ? 0 : shake_hands(session);
	if (r == 0)
		r = session->identity != NULL ? server_finish(session) : client_finish(session);
	session->is_complete = r == 0;
	return r;
}

bool tls_has_begun(const struct tls_session *session)
{
	return session->has_begun;
}

bool tls_wants_write(const struct tls_session *session)
{
	return session->wants_write;
}

ssize_t tls_read(struct tls_session *session, void *ret_data, size_t capacity)
{
	session->wants_write = false;
	for (unsigned i = 0; i < EMPTY_READS_MAX; i++) {
		ssize_t n = gnutls_record_recv(session->gnutls, ret_data, capacity);
		if (n > 0)
			return n;
		if (n == 0) {
			session->words = "closed by the peer";
			return -SIS_ERR_CLOSED;
		}
		/* Tickets, warnings and key updates are not data: look again, but not for ever. */
		bool must_wait = n == GNUTLS_E_AGAIN && (session->is_dry || session->is_ended || gnutls_record_get_direction(session->gnutls) != 0);
		if (gnutls_error_is_fatal((int)n) || must_wait)
			return session_failed(session, (int)n);
	}
	session->words = "too many messages without data";
	return -SIS_ERR_TLS;
}

ssize_t tls_write(struct tls_session *session, const void *data, size_t size)
{
	session->wants_write = false;
	if (size == 0)
		return 0;
	/* GnuTLS has sealed the bytes of an interrupted write: it wants to be called with none to go on. */
	bool goes_on = session->write_pending > 0;
	ssize_t n = goes_on ? gnutls_record_send(session->gnutls, NULL, 0) : gnutls_record_send(session->gnutls, data, size);
	if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED) {
		if (!goes_on)
			session->write_pending = size;
		session_failed(session, GNUTLS_E_AGAIN);
		session->wants_write = true;
		return -SIS_ERR_AGAIN;
	}
	session->write_pending = 0;
	return n < 0 ? session_failed(session, (int)n) : n;
}

size_t tls_pending(const struct tls_session *session)
{
	return gnutls_record_check_pending(session->gnutls);
}

int tls_shutdown(struct tls_session *session)
{
	session->wants_write = false;
	int r = gnutls_bye(session->gnutls, GNUTLS_SHUT_WR);
	return r == GNUTLS_E_SUCCESS ? 0 : session_failed(session, r);
}

struct span session_peer_leaf(const struct tls_session *session)
{
	unsigned n = 0;
	const gnutls_datum_t *peers = gnutls_certificate_get_peers(session->gnutls, &n);
	return peers != NULL && n > 0 ? (struct span){ peers[0].data, peers[0].size } : (struct span){ NULL, 0 };
}

struct span tls_peer_certificate(const struct tls_session *session)
{
	return session->is_complete ? session_peer_leaf(session) : (struct span){ NULL, 0 };
}

int tls_peer_error(const struct tls_session *session)
{
	return session->peer_error;
}

bool tls_is_resumed(const struct tls_session *session)
{
	return gnutls_session_is_resumed(session->gnutls) != 0;
}

const char *tls_error_words(const struct tls_session *session)
{
	return session->words != NULL ? session->words : "nothing went wrong";
}

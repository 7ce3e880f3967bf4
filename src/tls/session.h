/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The inside of a session, shared by both ends of TLS. */
#pragma once

#include "pki/backend.h"
#include "tls/tls.h"

#include <gnutls/gnutls.h>

struct tls_client;                      /* client.c */

struct tls_session {
	gnutls_session_t gnutls;
	struct tls_identity *identity;  /* server only, a reference */
	struct tls_client *client;      /* client only, owned */
	int fd;                         /* borrowed */
	bool is_dry;                    /* the socket had nothing when it was last asked */
	bool is_ended;                  /* the peer sends nothing more */
	size_t write_pending;           /* bytes that a write which answered AGAIN has already sealed */
	bool wants_write, has_begun, has_shaken_hands, is_complete;
	int peer_error;
	const char *words;
};

/* flags: of gnutls_init(3). What both ends have in common; *ret_session is not yet of use on failure. */
int session_new(unsigned flags, int fd, struct tls_session **ret_session);
/* Remembers why, and gives the negative error for a code of GnuTLS. */
int session_failed(struct tls_session *session, int gnutls_code);
struct span session_peer_leaf(const struct tls_session *session);
/* Server: the client has said, by ALPN, that it trusts the own authority. */
bool session_is_by_ours(const struct tls_session *session);

/* After the handshake proper. */
int server_finish(struct tls_session *session);
int client_finish(struct tls_session *session);
int client_verify_error(const struct tls_session *session);     /* 0 when nothing was wrong with the server's certificate */
void client_free(struct tls_client *client);

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * TLS 1.3 over non-blocking sockets, server and client, from GnuTLS. The only header that the rest of the house sees of it. */
#pragma once

#include "crypto/sign.h"
#include "pki/pki.h"

#include <stdbool.h>
#include <sys/types.h>

/* Server: what is presented. Reference-counted: sessions keep theirs, so that a new identity can come while old connections go on. */
struct tls_identity;
/* data is the whole RFC 8446 §4.4.3 CertificateVerify input for Ed25519, and its SHA-256 for P-256. The
 * signature has the form of crypto/sign.h (P-256: r || s). 0 or a negative error. */
typedef int tls_sign_fn(uint32_t generation, enum key_algorithm algorithm, struct span data, uint8_t *ret_signature, size_t capacity,
                        size_t *ret_size, void *arg);
/* chain: u32-sized DER certificates, leaf first. ca: the device CAs (a set, verified against; the name of the first is sent). ticket_key: 64 bytes shared by all workers.
 * Client certificates are requested, never required: the caller looks at tls_peer_certificate. A certificate that does not verify (signature,
 * validity) still completes the handshake and is reported by tls_peer_error, so that the answer can be a clear HTTP error.
 * NOT_ALLOWED for another algorithm; NO_MEMORY; the errors of a certificate that cannot be read. */
int tls_identity_new(uint32_t generation, enum key_algorithm algorithm, struct span chain, struct span ca, const uint8_t ticket_key[64],
                     tls_sign_fn *sign, void *arg, struct tls_identity **ret_identity);
/* Clients that do not offer the ALPN protocol "sis/1", and so do not know the own authority, are shown external instead (takes a reference; NULL: none).
 * Made with the same ca and ticket key. */
void tls_identity_set_external(struct tls_identity *identity, struct tls_identity *external);
struct tls_identity *tls_identity_ref(struct tls_identity *identity);
void tls_identity_unref(struct tls_identity *identity);         /* accepts NULL */

/* Client */
struct tls_client_config {
	struct span ca;                 /* authorities (pki.h), the only trust anchors. Empty: accept any chain that has a CA of ca_fingerprint (enrolling) */
	uint8_t ca_fingerprint[FINGERPRINT_BYTES];
	const char *server_name;        /* checked against the certificate: DNS name or IP address */
	struct span certificate;        /* DER, empty for none */
	const struct signing_key *key;
	struct span resume;             /* session data from tls_session_save, or empty */
	bool resume_is_checked;         /* the session to resume was made under this ca and server_name a short while ago: not checked again */
};

struct tls_session;
/* Neither takes the fd, which is non-blocking. */
int tls_server_new(struct tls_identity *identity, int fd, struct tls_session **ret_session);
int tls_client_new(const struct tls_client_config *config, int fd, struct tls_session **ret_session);
void tls_session_free(struct tls_session *session);             /* accepts NULL; does not send close_notify */

/* 0 when complete, -AGAIN (see tls_wants_write), -TLS, -UNTRUSTED, -EXPIRED, -CLOSED. */
int tls_handshake(struct tls_session *session);
bool tls_has_begun(const struct tls_session *session);        /* the other side has sent something */
bool tls_wants_write(const struct tls_session *session);
/* Bytes moved (> 0), or -AGAIN, -CLOSED (orderly or not), -TLS. After -AGAIN a write must be repeated with the same or more data. */
ssize_t tls_read(struct tls_session *session, void *ret_data, size_t capacity);
ssize_t tls_write(struct tls_session *session, const void *data, size_t size);
size_t tls_pending(const struct tls_session *session);          /* decrypted bytes that tls_read would give without the socket */
int tls_shutdown(struct tls_session *session);                  /* close_notify; may be -AGAIN; best effort */

/* After the handshake: the peer's leaf certificate (borrowed DER; empty when none), also on resumed sessions. */
struct span tls_peer_certificate(const struct tls_session *session);
int tls_peer_error(const struct tls_session *session);          /* 0, -UNTRUSTED, -EXPIRED */
bool tls_is_resumed(const struct tls_session *session);
const char *tls_error_words(const struct tls_session *session); /* why the last call failed, for the log: static or owned by the session */
/* Client: the ticket received so far (AGAIN when none yet). Secret: it resumes as this device. */
int tls_session_save(struct tls_session *session, struct secret **ret_data);
/* Client: the authorities that were given, or the one of the fingerprint, and those that were learned from the server (authorities_extend). */
int tls_client_ca(const struct tls_session *session, struct blob *ret_der);

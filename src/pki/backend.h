/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Between our keys and GnuTLS's: shared by pki and tls, the two rooms that name the library. */
#pragma once

#include "pki/pki.h"

#include <gnutls/abstract.h>
#include <gnutls/x509.h>

#define CLEANUP_CRT __attribute__((cleanup(backend_crt_freep)))
#define CLEANUP_PUBKEY __attribute__((cleanup(backend_pubkey_freep)))
#define CLEANUP_PRIVKEY __attribute__((cleanup(backend_privkey_freep)))
#define CLEANUP_DATUM __attribute__((cleanup(backend_datum_free)))              /* memory of GnuTLS */
#define CLEANUP_SECRET_DATUM __attribute__((cleanup(backend_datum_wipe)))       /* the same, holding a private key */

void backend_crt_freep(gnutls_x509_crt_t *crt);
void backend_pubkey_freep(gnutls_pubkey_t *key);
void backend_privkey_freep(gnutls_privkey_t *key);
void backend_datum_free(gnutls_datum_t *datum);
void backend_datum_wipe(gnutls_datum_t *datum);

/* A view of a span for GnuTLS, which takes its inputs without const but does not write them. */
gnutls_datum_t backend_datum(struct span span);
/* NO_MEMORY, or `otherwise` (a negative code). */
int backend_error(int gnutls_code, int otherwise);
int backend_blob_from(const void *data, size_t size, struct blob *ret_blob);

int backend_crt_import(struct span der, gnutls_x509_crt_t *ret_crt);            /* BAD_FORMAT, TOO_LARGE */
bool backend_crt_is_ca(gnutls_x509_crt_t crt);                                  /* CA:TRUE, keyCertSign */
bool backend_crt_is_signed_by(gnutls_x509_crt_t crt, gnutls_x509_crt_t ca);     /* whatever the time is */
int backend_crt_check_time(gnutls_x509_crt_t crt, int64_t at);                  /* EXPIRED, also before it begins */
int backend_pubkey_import(const struct public_key *key, gnutls_pubkey_t *ret_key);
/* NOT_ALLOWED when it is neither Ed25519 nor P-256. */
int backend_pubkey_export(gnutls_pubkey_t key, struct public_key *ret_key);
int backend_privkey_import(const struct signing_key *key, gnutls_privkey_t *ret_key);
gnutls_digest_algorithm_t backend_digest_for(enum key_algorithm algorithm);     /* to sign with such a key */

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The inside of the authority, for the files of this room that sign with it. */
#pragma once

#include "pki/backend.h"

#define CA_LIFETIME_MAX_S (100ULL * 366 * 86400)
#define SIGNING_KEY __attribute__((cleanup(signing_key_wipe)))

#define KEY_ID_BYTES 20

struct pki_ca {
	struct signing_key key;
	struct blob certificate;                /* DER */
	gnutls_x509_crt_t crt;
	gnutls_privkey_t privkey;
};

/* authority.c */
int authority_crt_begin(const struct public_key *key, int64_t not_after, gnutls_x509_crt_t *ret_crt);
int authority_crt_finish(gnutls_x509_crt_t crt, gnutls_x509_crt_t issuer, gnutls_privkey_t key, struct blob *ret_der);
int authority_from(const struct signing_key *key, struct span der, struct pki_ca **ret_ca);     /* MISMATCH, UNTRUSTED */
/* successor.c: a self-signed authority under the subject that `name` has. */
int authority_create(gnutls_x509_crt_t name, uint64_t lifetime_s, struct pki_ca **ret_ca);

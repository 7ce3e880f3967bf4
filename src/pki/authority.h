/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The inside of the authority, for the files of this room that sign with it. */
#pragma once

#include "pki/backend.h"

#define CA_LIFETIME_MAX_S (100ULL * 366 * 86400)
#define SIGNING_KEY __attribute__((cleanup(signing_key_wipe)))

struct pki_ca {
	struct signing_key key;
	struct blob certificate;                /* DER */
	gnutls_x509_crt_t crt;
	gnutls_privkey_t privkey;
};

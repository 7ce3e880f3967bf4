/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What held when it was last checked (the profile's file "verified"): a signature costs a tenth of a millisecond, and a contact's certificate and key statement
 * are the same today as yesterday. Digests of public things only, believed for a day; who could forge the file could replace ca.pem. Thread-safe. */
#pragma once

#include "sis/profile.h"

enum verified_kind {
	VERIFIED_CERTIFICATE_NOW = 1,           /* a certificate under the profile's authority, at that time */
	VERIFIED_CERTIFICATE_THEN,              /* the same, at its beginning */
	VERIFIED_KEY,                           /* a key statement under a certificate */
	VERIFIED_LIST,                          /* a certificate is not on this revocation list, which the authority signed */
	VERIFIED_ENDORSEMENT,                   /* an endorsement; of: SHA-256 of the endorser's key */
};

struct verified;
struct verified *verified_open(const struct profile *profile);                          /* empty when the file is not there or of no use */
void verified_free(struct verified *verified);                                          /* accepts NULL */
/* of: the certificate's fingerprint. text: what it signed, or empty. */
bool verified_knows(struct verified *verified, enum verified_kind kind, const uint8_t of[FINGERPRINT_BYTES], struct span text);
void verified_add(struct verified *verified, enum verified_kind kind, const uint8_t of[FINGERPRINT_BYTES], struct span text);
void verified_save(struct verified *verified);                                          /* best effort; nothing to do when nothing is new */

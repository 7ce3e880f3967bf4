/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The private keys of a profile as files. An X25519 key lies in the same container as a signing key (PKCS#8 of 32 secret bytes), so that one passphrase
 * covers all in one way. Used by profile.c. */
#pragma once

#include "sis/profile.h"

/* Ask for the passphrase the first time that one is needed. */
int profile_read_signing_key(struct profile *profile, const char *name, struct signing_key *ret_key, struct why *why);
int profile_read_secret(struct profile *profile, const char *name, struct secret32 *ret_secret, struct why *why);
int profile_read_former(struct profile *profile, struct why *why);     /* former/NAME.key, in the order of the names; none is no error */
int profile_write_signing_key(int dir_fd, const char *name, const struct signing_key *key, const char *passphrase);
int profile_write_secret(int dir_fd, const char *name, const struct secret32 *secret, const char *passphrase);
int profile_write_former(const struct profile *profile, int dir_fd, const char *passphrase);

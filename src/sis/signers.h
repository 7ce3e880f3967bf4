/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Certificates that a command has checked already: a list of a thousand items has few signers, and a chain and a revocation list cost a signature each. For
 * several threads. */
#pragma once

#include "pki/pki.h"

struct signer {
	struct certificate facts;
	int revoked;                            /* by the list: 1, or 0 */
	int64_t revoked_at;
	uint8_t reason;
	char *pem;                              /* as it was given, so that the same text is known again */
};
struct signers;
struct signers *signers_new(void);
void signers_free(struct signers *signers);             /* accepts NULL */
/* False when it was not seen; *ret_signer has no pem. Both accept NULL. */
bool signers_find(struct signers *signers, const char *pem, struct signer *ret_signer);
void signers_add(struct signers *signers, const struct signer *signer, const char *pem);       /* copies */

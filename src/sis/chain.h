/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The chain of a device's statements: each carries the number after the last one's and the last one's hash. chain.json, one writer at a time over all
 * processes and threads. */
#pragma once

#include "crypto/digest.h"
#include "format/item.h"
#include "sis/profile.h"

/* Fills sequence and previous of the statement, signs it into ret_text (STATEMENT_MAX_BYTES + 1), and moves the chain on. A number is never given
 * twice, whatever becomes of the statement. */
int chain_sign(const struct profile *profile, struct statement *statement, char *ret_text, size_t *ret_size, struct why *why);
/* Brings the chain to the disk: once at the end of a command, after the last chain_sign. */
void chain_flush(const struct profile *profile);

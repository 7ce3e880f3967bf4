/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Bytes under a passphrase, for the recovery page (sis-item(5), RECOVERY PAGE): yescrypt, which costs a guesser memory for each guess, then HKDF-SHA256 and
 * AES-256-GCM. This file alone names libcrypt in this room.
 *
 *     sealed = version (1) || cost (1) || salt (16) || AES-256-GCM(plain), with the 18 bytes before as associated data */
#pragma once

#include "base/cursor.h"

#define PASSPHRASE_HEADER_BYTES 18
#define PASSPHRASE_SALT_BYTES 16
#define PASSPHRASE_OVERHEAD (PASSPHRASE_HEADER_BYTES + 16)
/* As in crypt(5), "$y$": each one more doubles memory and time. Reading takes no more than 128 MiB whatever a page says. */
#define PASSPHRASE_COST_MAX 8
#define PASSPHRASE_COST_DEFAULT 8
#define PASSPHRASE_MAX_TEXT 511

/* ret_sealed holds plain.size + PASSPHRASE_OVERHEAD. salt NULL: a fresh one. USAGE for a cost out of range or an empty or too long passphrase. */
int passphrase_seal(const char *passphrase, unsigned cost, const uint8_t *salt, struct span plain, uint8_t *ret_sealed);
/* ret_plain holds sealed.size - PASSPHRASE_OVERHEAD. BAD_SEAL: another passphrase, or altered. UNKNOWN_SUITE: another version or cost. BAD_FORMAT. */
int passphrase_open(const char *passphrase, struct span sealed, uint8_t *ret_plain);

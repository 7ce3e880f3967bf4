/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * HKDF with SHA-256 (RFC 5869) over byte pieces, so that labelled inputs need no joining buffer. Used inside this room. */
#pragma once

#include "base/cursor.h"
#include "base/secret.h"

/* PRK = HMAC(salt, all pieces one after the other). */
void kdf_extract(struct span salt, const struct span *pieces, size_t n_pieces, struct secret32 *ret_prk);
/* OKM of size <= 32 bytes (one block: T(1) = HMAC(prk, info pieces || 0x01)), cut to size. */
void kdf_expand(const struct secret32 *prk, const struct span *info_pieces, size_t n_pieces, void *ret_okm, size_t size);

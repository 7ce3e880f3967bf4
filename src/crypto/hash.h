/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Digests reckoned piece by piece, as bytes arrive. SHA-1 is here because the tus protocol demands it (checksum extension): against accidents only,
 * nothing may be trusted for its sake. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum hash_algorithm { HASH_SHA1, HASH_SHA256, HASH_SHA512 };
#define HASH_ALGORITHMS 3
#define HASH_BYTES_MAX 64

struct hash;                                                            /* nettle's: FIPS 180-4 */
size_t hash_bytes(enum hash_algorithm algorithm);                       /* of a digest: 20, 32, 64 */
struct hash *hash_new(enum hash_algorithm algorithm);                   /* NULL: no memory */
void hash_add(struct hash *hash, const void *data, size_t size);
void hash_end(struct hash *hash, uint8_t *ret_digest);                  /* hash_bytes(algorithm) bytes; begins anew */
void hash_free(struct hash *hash);
static inline void hash_freep(struct hash **hash) { hash_free(*hash); }
#define CLEANUP_HASH __attribute__((cleanup(hash_freep)))

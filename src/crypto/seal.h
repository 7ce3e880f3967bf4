/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The sealed stream (sis-item(5)): AES-256-GCM in 64 KiB chunks, nonce = 11-byte big-endian counter || last-chunk flag (0 or 1), no additional
 * data. A part that is absent has 0 bytes; a part whose plaintext is empty is one chunk of 16 bytes. */
#pragma once

#include "base/secret.h"
#include "crypto/digest.h"

#include <stdbool.h>

#define SEAL_CHUNK_BYTES 65536u
#define SEAL_TAG_BYTES 16u
#define SEAL_SEALED_CHUNK_BYTES (SEAL_CHUNK_BYTES + SEAL_TAG_BYTES)

enum seal_part { SEAL_OBJECT, SEAL_MANIFEST, SEAL_THUMBNAIL };

struct seal_keys {
	struct secret32 part[3];                /* by enum seal_part */
	uint8_t commitment[32];                 /* public */
};
/* HKDF-SHA256(salt = item id, key = file key, info = "sis/1 object" ...), 32 bytes each. Who owns them wipes them. */
void seal_derive_keys(const struct secret32 *file_key, const uint8_t item_id[16], struct seal_keys *ret_keys);

uint64_t seal_n_chunks(uint64_t plain_size);            /* at least 1 */
uint64_t seal_sealed_size(uint64_t plain_size);
/* BAD_FORMAT when no plaintext has this sealed size (0 included). */
int seal_plain_size(uint64_t sealed_size, uint64_t *ret_plain_size);
/* Objects are never padded to less: between a word and a sentence Padmé alone would tell the length to the byte. */
#define SEAL_PADDED_MIN_BYTES 512
/* Padmé (Nikitin et al. 2019, §4), and at least SEAL_PADDED_MIN_BYTES: the padded size, >= size. */
uint64_t seal_padded_size(uint64_t size);

/* A cipher context for one part key; one per thread. NO_MEMORY. */
struct seal_cipher;
int seal_cipher_new(const struct secret32 *key, struct seal_cipher **ret_cipher);
void seal_cipher_free(struct seal_cipher *cipher);
void seal_cipher_freep(struct seal_cipher **cipher);
/* plain_size <= SEAL_CHUNK_BYTES; ret_sealed holds plain_size + 16 and must not overlap plain. */
int seal_chunk(struct seal_cipher *cipher, uint64_t index, bool last, const void *plain, size_t plain_size, uint8_t *ret_sealed);
/* BAD_SEAL when altered, out of place or with the wrong last flag; ret_plain holds sealed_size - 16 and is wiped on failure. */
int seal_open_chunk(struct seal_cipher *cipher, uint64_t index, bool last, const uint8_t *sealed, size_t sealed_size, uint8_t *ret_plain);

/* Whole small parts in memory (manifest, thumbnail, small objects): chunks and root in one go. ret_sealed holds seal_sealed_size(size). */
int seal_part(const struct secret32 *key, const void *plain, size_t size, uint8_t *ret_sealed, uint8_t ret_root[DIGEST_BYTES]);
/* Checks the root (BAD_ROOT), then opens (BAD_SEAL). ret_plain holds the plain size. */
int seal_open_part(const struct secret32 *key, const uint8_t *sealed, size_t sealed_size, const uint8_t root[DIGEST_BYTES], uint8_t *ret_plain);
/* The root of a sealed part in memory. */
void seal_root(const uint8_t *sealed, size_t sealed_size, uint8_t ret_root[DIGEST_BYTES]);

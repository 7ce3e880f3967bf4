/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The sealed stream: key derivation, sizes, chunks, whole parts. */
#include "crypto/seal.h"

#include "base/error.h"
#include "base/util.h"
#include "crypto/aead.h"
#include "crypto/kdf.h"

#include <assert.h>
#include <string.h>

/* The cipher of a part is the AEAD alone: the opaque name keeps callers from sealing anything but chunks with a part's key. */
static struct aead *cipher_aead(struct seal_cipher *cipher)
{
	return (struct aead *)cipher;
}

void seal_derive_keys(const struct secret32 *file_key, const uint8_t item_id[16], struct seal_keys *ret_keys)
{
	static const char *const info[] = {
		[SEAL_OBJECT] = "sis/1 object", [SEAL_MANIFEST] = "sis/1 manifest", [SEAL_THUMBNAIL] = "sis/1 thumbnail",
	};
	const struct span key = { file_key->bytes, sizeof(file_key->bytes) };
	const struct span commitment_info = span_from_string("sis/1 commitment");
	SECRET struct secret32 prk;

	kdf_extract((struct span){ item_id, 16 }, &key, 1, &prk);
	for (size_t i = 0; i < ARRAY_SIZE(info); i++) {
		const struct span piece = span_from_string(info[i]);

		kdf_expand(&prk, &piece, 1, ret_keys->part[i].bytes, sizeof(ret_keys->part[i].bytes));
	}
	kdf_expand(&prk, &commitment_info, 1, ret_keys->commitment, sizeof(ret_keys->commitment));
}

uint64_t seal_n_chunks(uint64_t plain_size)
{
	return plain_size ? (plain_size - 1) / SEAL_CHUNK_BYTES + 1 : 1;
}

uint64_t seal_sealed_size(uint64_t plain_size)
{
	return plain_size + seal_n_chunks(plain_size) * SEAL_TAG_BYTES;
}

int seal_plain_size(uint64_t sealed_size, uint64_t *ret_plain_size)
{
	uint64_t n_whole = sealed_size / SEAL_SEALED_CHUNK_BYTES, rest = sealed_size % SEAL_SEALED_CHUNK_BYTES;

	if (!rest && n_whole) {
		*ret_plain_size = n_whole * SEAL_CHUNK_BYTES;
		return 0;
	}
	/* A last chunk without plaintext exists only as the only chunk. */
	if (rest < SEAL_TAG_BYTES || (rest == SEAL_TAG_BYTES && n_whole))
		return -SIS_ERR_BAD_FORMAT;
	*ret_plain_size = n_whole * SEAL_CHUNK_BYTES + rest - SEAL_TAG_BYTES;
	return 0;
}

uint64_t seal_padded_size(uint64_t size)
{
	unsigned exponent, exponent_bits;
	uint64_t mask;

	if (size < SEAL_PADDED_MIN_BYTES)
		return SEAL_PADDED_MIN_BYTES;
	exponent = 63 - (unsigned)__builtin_clzll(size);
	exponent_bits = 32 - (unsigned)__builtin_clz(exponent);
	mask = (UINT64_C(1) << (exponent - exponent_bits)) - 1;
	if (size > UINT64_MAX - mask)
		return size;
	return (size + mask) & ~mask;
}

int seal_cipher_new(const struct secret32 *key, struct seal_cipher **ret_cipher)
{
	struct aead *aead;
	int r = aead_new(key, &aead);

	if (r < 0)
		return r;
	*ret_cipher = (struct seal_cipher *)aead;
	return 0;
}

void seal_cipher_free(struct seal_cipher *cipher)
{
	aead_free(cipher_aead(cipher));
}

void seal_cipher_freep(struct seal_cipher **cipher)
{
	seal_cipher_free(*cipher);
	*cipher = NULL;
}

/* 11 bytes big-endian counter (three of them beyond 64 bits, always zero), then the last-chunk flag. */
static void make_nonce(uint64_t index, bool last, uint8_t ret_nonce[AEAD_NONCE_BYTES])
{
	struct builder builder = builder_from(ret_nonce, AEAD_NONCE_BYTES);

	builder_put_u8(&builder, 0);
	builder_put_u16(&builder, 0);
	builder_put_u64(&builder, index);
	builder_put_u8(&builder, last);
}

int seal_chunk(struct seal_cipher *cipher, uint64_t index, bool last, const void *plain, size_t plain_size, uint8_t *ret_sealed)
{
	uint8_t nonce[AEAD_NONCE_BYTES];

	assert(plain_size <= SEAL_CHUNK_BYTES);
	make_nonce(index, last, nonce);
	return aead_seal(cipher_aead(cipher), nonce, (struct span){ 0 }, (struct span){ plain, plain_size }, ret_sealed);
}

int seal_open_chunk(struct seal_cipher *cipher, uint64_t index, bool last, const uint8_t *sealed, size_t sealed_size, uint8_t *ret_plain)
{
	uint8_t nonce[AEAD_NONCE_BYTES];

	if (sealed_size > SEAL_SEALED_CHUNK_BYTES)
		return -SIS_ERR_BAD_SEAL;
	make_nonce(index, last, nonce);
	return aead_open(cipher_aead(cipher), nonce, (struct span){ 0 }, (struct span){ sealed, sealed_size }, ret_plain);
}

int seal_part(const struct secret32 *key, const void *plain, size_t size, uint8_t *ret_sealed, uint8_t ret_root[DIGEST_BYTES])
{
	__attribute__((cleanup(seal_cipher_freep))) struct seal_cipher *cipher = NULL;
	const uint64_t n_chunks = seal_n_chunks(size);
	const uint8_t *from = plain;
	int r = seal_cipher_new(key, &cipher);

	for (uint64_t i = 0; r == 0 && i < n_chunks; i++) {
		const bool last = i == n_chunks - 1;
		const size_t chunk = last ? size - i * SEAL_CHUNK_BYTES : SEAL_CHUNK_BYTES;

		r = seal_chunk(cipher, i, last, size ? from + i * SEAL_CHUNK_BYTES : NULL, chunk, ret_sealed + i * SEAL_SEALED_CHUNK_BYTES);
	}
	if (r == 0)
		seal_root(ret_sealed, seal_sealed_size(size), ret_root);
	return r;
}

int seal_open_part(const struct secret32 *key, const uint8_t *sealed, size_t sealed_size, const uint8_t root[DIGEST_BYTES], uint8_t *ret_plain)
{
	__attribute__((cleanup(seal_cipher_freep))) struct seal_cipher *cipher = NULL;
	uint8_t actual_root[DIGEST_BYTES];
	uint64_t plain_size, n_chunks;
	int r = seal_plain_size(sealed_size, &plain_size);

	if (r < 0)
		return r;
	seal_root(sealed, sealed_size, actual_root);
	if (memcmp(root, actual_root, DIGEST_BYTES))
		return -SIS_ERR_BAD_ROOT;
	r = seal_cipher_new(key, &cipher);
	n_chunks = seal_n_chunks(plain_size);
	for (uint64_t i = 0; r == 0 && i < n_chunks; i++) {
		const bool last = i == n_chunks - 1;
		const size_t chunk = last ? sealed_size - i * SEAL_SEALED_CHUNK_BYTES : SEAL_SEALED_CHUNK_BYTES;

		r = seal_open_chunk(cipher, i, last, sealed + i * SEAL_SEALED_CHUNK_BYTES, chunk, ret_plain + i * SEAL_CHUNK_BYTES);
	}
	if (r < 0)
		secret_wipe(ret_plain, plain_size);
	return r;
}

void seal_root(const uint8_t *sealed, size_t sealed_size, uint8_t ret_root[DIGEST_BYTES])
{
	struct merkle merkle;

	merkle_init(&merkle);
	for (size_t at = 0; at < sealed_size; at += SEAL_SEALED_CHUNK_BYTES) {
		const size_t left = sealed_size - at;
		uint8_t leaf[DIGEST_BYTES];

		merkle_hash_leaf(sealed + at, left < SEAL_SEALED_CHUNK_BYTES ? left : SEAL_SEALED_CHUNK_BYTES, leaf);
		merkle_add_leaf(&merkle, leaf);
	}
	merkle_root(&merkle, ret_root);
}

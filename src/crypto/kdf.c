/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * HKDF-SHA256. Every use here wants at most one hash of output, so expansion stops at T(1). */
#include "crypto/kdf.h"

#include <assert.h>
#include <nettle/hmac.h>
#include <string.h>

static void update_pieces(struct hmac_sha256_ctx *hmac, const struct span *pieces, size_t n_pieces)
{
	for (size_t i = 0; i < n_pieces; i++)
		hmac_sha256_update(hmac, pieces[i].size, pieces[i].data);
}

void kdf_extract(struct span salt, const struct span *pieces, size_t n_pieces, struct secret32 *ret_prk)
{
	struct hmac_sha256_ctx hmac;

	/* An absent salt is 32 zeros (RFC 5869 §2.2), which HMAC makes of an empty key by itself. */
	hmac_sha256_set_key(&hmac, salt.size, salt.size ? salt.data : (const uint8_t *)"");
	update_pieces(&hmac, pieces, n_pieces);
	hmac_sha256_digest(&hmac, sizeof(ret_prk->bytes), ret_prk->bytes);
	secret_wipe(&hmac, sizeof(hmac));
}

void kdf_expand(const struct secret32 *prk, const struct span *info_pieces, size_t n_pieces, void *ret_okm, size_t size)
{
	const uint8_t block_number = 1;
	struct hmac_sha256_ctx hmac;

	assert(size <= SHA256_DIGEST_SIZE);
	hmac_sha256_set_key(&hmac, sizeof(prk->bytes), prk->bytes);
	update_pieces(&hmac, info_pieces, n_pieces);
	hmac_sha256_update(&hmac, 1, &block_number);
	hmac_sha256_digest(&hmac, size, ret_okm);
	secret_wipe(&hmac, sizeof(hmac));
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * AES-256-GCM through GnuTLS's AEAD interface. */
#include "crypto/aead.h"

#include "base/error.h"

#include <gnutls/crypto.h>
#include <stdlib.h>

struct aead {
	gnutls_aead_cipher_hd_t handle;
};

int aead_new(const struct secret32 *key, struct aead **ret_aead)
{
	SECRET struct secret32 copy = *key;     /* gnutls_datum_t wants it writable */
	gnutls_datum_t datum = { .data = copy.bytes, .size = sizeof(copy.bytes) };
	struct aead *aead = malloc(sizeof(*aead));

	if (!aead)
		return -SIS_ERR_NO_MEMORY;
	if (gnutls_aead_cipher_init(&aead->handle, GNUTLS_CIPHER_AES_256_GCM, &datum) < 0) {
		free(aead);
		return -SIS_ERR_NO_MEMORY;
	}
	*ret_aead = aead;
	return 0;
}

void aead_free(struct aead *aead)
{
	if (!aead)
		return;
	gnutls_aead_cipher_deinit(aead->handle);
	free(aead);
}

void aead_freep(struct aead **aead)
{
	aead_free(*aead);
	*aead = NULL;
}

int aead_seal(struct aead *aead, const uint8_t nonce[AEAD_NONCE_BYTES], struct span aad, struct span plain, uint8_t *ret_sealed)
{
	size_t sealed_size = plain.size + AEAD_TAG_BYTES;
	int r = gnutls_aead_cipher_encrypt(aead->handle, nonce, AEAD_NONCE_BYTES, aad.data, aad.size, AEAD_TAG_BYTES,
	                                   plain.size ? plain.data : (const uint8_t *)"", plain.size, ret_sealed, &sealed_size);

	return r < 0 || sealed_size != plain.size + AEAD_TAG_BYTES ? -SIS_ERR_INTERNAL : 0;
}

int aead_open(struct aead *aead, const uint8_t nonce[AEAD_NONCE_BYTES], struct span aad, struct span sealed, uint8_t *ret_plain)
{
	uint8_t nothing[1];
	size_t plain_size;

	if (sealed.size < AEAD_TAG_BYTES)
		return -SIS_ERR_BAD_SEAL;
	plain_size = sealed.size - AEAD_TAG_BYTES;
	if (gnutls_aead_cipher_decrypt(aead->handle, nonce, AEAD_NONCE_BYTES, aad.data, aad.size, AEAD_TAG_BYTES, sealed.data, sealed.size,
	                               plain_size ? ret_plain : nothing, &plain_size) < 0) {
		secret_wipe(ret_plain, sealed.size - AEAD_TAG_BYTES);
		return -SIS_ERR_BAD_SEAL;
	}
	return 0;
}

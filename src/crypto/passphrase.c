/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Bytes under a passphrase. */
#include "crypto/passphrase.h"

#include "base/error.h"
#include "base/secret.h"
#include "crypto/aead.h"
#include "crypto/kdf.h"

#include <crypt.h>
#include <stdlib.h>
#include <string.h>

#define SEAL_VERSION 1
#define LABEL "sis/1 recovery"

/* The whole of crypt(3)'s answer goes in: setting, salt and hash. */
static int derive(const char *passphrase, unsigned cost, const uint8_t salt[PASSPHRASE_SALT_BYTES], struct secret32 *ret_key)
{
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];
	struct crypt_data *work = calloc(1, sizeof(*work));
	if (work == NULL)
		return -SIS_ERR_NO_MEMORY;
	const char *hash = NULL;
	if (crypt_gensalt_rn("$y$", cost, (const char *)salt, PASSPHRASE_SALT_BYTES, setting, sizeof(setting)) != NULL)
		hash = crypt_rn(passphrase, setting, work, sizeof(*work));
	bool good = hash != NULL && strncmp(hash, "$y$", 3) == 0;
	if (good) {
		SECRET struct secret32 prk = { { 0 } };
		const struct span pieces[] = { { (const uint8_t *)hash, strlen(hash) } }, info[] = { span_from_string(LABEL) };
		kdf_extract((struct span){ NULL, 0 }, pieces, 1, &prk);
		kdf_expand(&prk, info, 1, ret_key->bytes, sizeof(ret_key->bytes));
	}
	secret_wipe(work, sizeof(*work));
	free(work);
	return good ? 0 : -SIS_ERR_NO_MEMORY;
}

static bool passphrase_is_sound(const char *passphrase)
{
	return *passphrase != '\0' && strlen(passphrase) <= PASSPHRASE_MAX_TEXT;
}

/* The key is used once, for this salt: the nonce may be zeros. */
static const uint8_t nonce[AEAD_NONCE_BYTES];

int passphrase_seal(const char *passphrase, unsigned cost, const uint8_t *salt, struct span plain, uint8_t *ret_sealed)
{
	SECRET struct secret32 key = { { 0 } };
	CLEANUP_AEAD struct aead *aead = NULL;
	uint8_t header[PASSPHRASE_HEADER_BYTES] = { SEAL_VERSION, (uint8_t)cost };
	if (cost < 1 || cost > PASSPHRASE_COST_MAX || !passphrase_is_sound(passphrase))
		return -SIS_ERR_USAGE;
	int r = 0;
	if (salt != NULL)
		memcpy(header + 2, salt, PASSPHRASE_SALT_BYTES);
	else
		r = random_bytes(header + 2, PASSPHRASE_SALT_BYTES);
	if (r == 0)
		r = derive(passphrase, cost, header + 2, &key);
	if (r == 0)
		r = aead_new(&key, &aead);
	if (r == 0)
		r = aead_seal(aead, nonce, (struct span){ header, sizeof(header) }, plain, ret_sealed + sizeof(header));
	if (r == 0)
		memcpy(ret_sealed, header, sizeof(header));
	return r;
}

int passphrase_open(const char *passphrase, struct span sealed, uint8_t *ret_plain)
{
	SECRET struct secret32 key = { { 0 } };
	CLEANUP_AEAD struct aead *aead = NULL;
	if (sealed.size < PASSPHRASE_OVERHEAD)
		return -SIS_ERR_BAD_FORMAT;
	if (sealed.data[0] != SEAL_VERSION || sealed.data[1] < 1 || sealed.data[1] > PASSPHRASE_COST_MAX)
		return -SIS_ERR_UNKNOWN_SUITE;
	if (!passphrase_is_sound(passphrase))
		return -SIS_ERR_BAD_SEAL;
	int r = derive(passphrase, sealed.data[1], sealed.data + 2, &key);
	if (r == 0)
		r = aead_new(&key, &aead);
	if (r < 0)
		return r;
	return aead_open(aead, nonce, (struct span){ sealed.data, PASSPHRASE_HEADER_BYTES },
	                 (struct span){ sealed.data + PASSPHRASE_HEADER_BYTES, sealed.size - PASSPHRASE_HEADER_BYTES }, ret_plain);
}

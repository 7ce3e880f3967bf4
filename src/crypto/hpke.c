/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * HPKE base mode, single shot (RFC 9180): one encapsulation, one message, sequence number 0, so the nonce is the base nonce. */
#include "crypto/hpke.h"

#include "base/error.h"
#include "base/util.h"
#include "crypto/aead.h"
#include "crypto/kdf.h"

#include <nettle/curve25519.h>
#include <string.h>

#define SPAN(bytes) ((struct span){ (bytes), sizeof(bytes) })

/* "KEM" || 0x0020 (§4.1) and "HPKE" || 0x0020 || 0x0001 || 0x0002 (§5.1). */
static const uint8_t kem_suite[] = { 'K', 'E', 'M', 0x00, 0x20 };
static const uint8_t hpke_suite[] = { 'H', 'P', 'K', 'E', 0x00, 0x20, 0x00, 0x01, 0x00, 0x02 };

struct message_key {                    /* what the key schedule gives for one message */
	struct secret32 key;
	uint8_t nonce[AEAD_NONCE_BYTES];
};

static void message_key_wipe(struct message_key *key)
{
	secret_wipe(key, sizeof(*key));
}

/* RFC 9180 §4, LabeledExtract. */
static void labeled_extract(struct span salt, struct span suite, const char *label, struct span ikm, struct secret32 *ret_prk)
{
	const struct span pieces[] = { span_from_string("HPKE-v1"), suite, span_from_string(label), ikm };

	kdf_extract(salt, pieces, ARRAY_SIZE(pieces), ret_prk);
}

/* RFC 9180 §4, LabeledExpand; size <= 32. */
static void labeled_expand(const struct secret32 *prk, struct span suite, const char *label, struct span info, void *ret_okm, size_t size)
{
	const uint8_t length[2] = { 0, (uint8_t)size };
	const struct span pieces[] = { SPAN(length), span_from_string("HPKE-v1"), suite, span_from_string(label), info };

	kdf_expand(prk, pieces, ARRAY_SIZE(pieces), ret_okm, size);
}

/* X25519 and §4.1 ExtractAndExpand. A shared secret of zeros comes of a small-order point and is refused (§7.1.4). */
static int derive_shared_secret(const struct secret32 *private_key, const uint8_t peer[HPKE_KEY_BYTES],
                                const uint8_t encapsulation[HPKE_KEY_BYTES], const uint8_t recipient[HPKE_KEY_BYTES], struct secret32 *ret_shared)
{
	static const uint8_t zeros[HPKE_KEY_BYTES];
	SECRET struct secret32 dh, prk;
	uint8_t kem_context[2 * HPKE_KEY_BYTES];

	curve25519_mul(dh.bytes, private_key->bytes, peer);
	if (constant_time_compare(dh.bytes, zeros, sizeof(zeros)) == 0)
		return -SIS_ERR_BAD_SEAL;
	memcpy(kem_context, encapsulation, HPKE_KEY_BYTES);
	memcpy(kem_context + HPKE_KEY_BYTES, recipient, HPKE_KEY_BYTES);
	labeled_extract((struct span){ 0 }, SPAN(kem_suite), "eae_prk", SPAN(dh.bytes), &prk);
	labeled_expand(&prk, SPAN(kem_suite), "shared_secret", SPAN(kem_context), ret_shared->bytes, sizeof(ret_shared->bytes));
	return 0;
}

/* §5.1 KeySchedule with mode_base and neither psk nor psk_id. */
static void schedule_key(const struct secret32 *shared, struct span info, struct message_key *ret_key)
{
	SECRET struct secret32 secret, psk_id_hash, info_hash;
	uint8_t context[1 + 32 + 32] = { 0x00 };

	labeled_extract((struct span){ 0 }, SPAN(hpke_suite), "psk_id_hash", (struct span){ 0 }, &psk_id_hash);
	labeled_extract((struct span){ 0 }, SPAN(hpke_suite), "info_hash", info, &info_hash);
	memcpy(context + 1, psk_id_hash.bytes, 32);
	memcpy(context + 33, info_hash.bytes, 32);
	labeled_extract(SPAN(shared->bytes), SPAN(hpke_suite), "secret", (struct span){ 0 }, &secret);
	labeled_expand(&secret, SPAN(hpke_suite), "key", SPAN(context), ret_key->key.bytes, sizeof(ret_key->key.bytes));
	labeled_expand(&secret, SPAN(hpke_suite), "base_nonce", SPAN(context), ret_key->nonce, sizeof(ret_key->nonce));
}

int hpke_generate_key(struct secret32 *ret_private_key, uint8_t ret_public_key[HPKE_KEY_BYTES])
{
	SECRET struct secret32 private_key;
	int r = random_bytes(private_key.bytes, sizeof(private_key.bytes));

	if (r < 0)
		return r;
	hpke_public_key(&private_key, ret_public_key);
	*ret_private_key = private_key;
	return 0;
}

void hpke_public_key(const struct secret32 *private_key, uint8_t ret_public_key[HPKE_KEY_BYTES])
{
	curve25519_mul_g(ret_public_key, private_key->bytes);
}

int hpke_seal_with(const struct secret32 *ephemeral, const uint8_t public_key[HPKE_KEY_BYTES], struct span info, struct span aad,
                   struct span plain, uint8_t ret_encapsulation[HPKE_KEY_BYTES], uint8_t *ret_sealed)
{
	__attribute__((cleanup(message_key_wipe))) struct message_key key;
	SECRET struct secret32 shared;
	CLEANUP_AEAD struct aead *aead = NULL;
	uint8_t encapsulation[HPKE_KEY_BYTES];
	int r;

	hpke_public_key(ephemeral, encapsulation);
	r = derive_shared_secret(ephemeral, public_key, encapsulation, public_key, &shared);
	if (r < 0)
		return r;
	schedule_key(&shared, info, &key);
	r = aead_new(&key.key, &aead);
	if (r == 0)
		r = aead_seal(aead, key.nonce, aad, plain, ret_sealed);
	if (r == 0)
		memcpy(ret_encapsulation, encapsulation, HPKE_KEY_BYTES);
	return r;
}

int hpke_seal(const uint8_t public_key[HPKE_KEY_BYTES], struct span info, struct span aad, struct span plain,
              uint8_t ret_encapsulation[HPKE_KEY_BYTES], uint8_t *ret_sealed)
{
	SECRET struct secret32 ephemeral;
	int r = random_bytes(ephemeral.bytes, sizeof(ephemeral.bytes));

	if (r < 0)
		return r;
	return hpke_seal_with(&ephemeral, public_key, info, aad, plain, ret_encapsulation, ret_sealed);
}

int hpke_open(const struct secret32 *private_key, const uint8_t encapsulation[HPKE_KEY_BYTES], struct span info, struct span aad,
              struct span sealed, uint8_t *ret_plain)
{
	uint8_t public_key[HPKE_KEY_BYTES];

	hpke_public_key(private_key, public_key);
	return hpke_open_as(private_key, public_key, encapsulation, info, aad, sealed, ret_plain);
}

int hpke_open_as(const struct secret32 *private_key, const uint8_t public_key[HPKE_KEY_BYTES], const uint8_t encapsulation[HPKE_KEY_BYTES],
                 struct span info, struct span aad, struct span sealed, uint8_t *ret_plain)
{
	__attribute__((cleanup(message_key_wipe))) struct message_key key;
	SECRET struct secret32 shared;
	CLEANUP_AEAD struct aead *aead = NULL;
	int r = derive_shared_secret(private_key, encapsulation, encapsulation, public_key, &shared);

	if (r < 0)
		return r;
	schedule_key(&shared, info, &key);
	r = aead_new(&key.key, &aead);
	return r < 0 ? r : aead_open(aead, key.nonce, aad, sealed, ret_plain);
}

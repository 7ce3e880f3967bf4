/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Ed25519 and ECDSA P-256 from nettle and hogweed, one table row an algorithm. */
#include "crypto/sign.h"

#include "base/error.h"
#include "base/util.h"
#include "crypto/digest.h"

#include <nettle/bignum.h>
#include <nettle/ecc-curve.h>
#include <nettle/ecdsa.h>
#include <nettle/eddsa.h>
#include <stdlib.h>
#include <string.h>

#define P256_BYTES 32

/* nettle's random callback cannot fail, and a predictable nonce would give the key away. */
static void random_or_abort(void *unused, size_t size, uint8_t *ret_data)
{
	if (random_bytes(ret_data, size) < 0)
		abort();
}

static int ed25519_generate(struct signing_key *key)
{
	int r = random_bytes(key->secret.bytes, sizeof(key->secret.bytes));

	if (r == 0)
		ed25519_sha512_public_key(key->public_key.bytes, key->secret.bytes);
	return r;
}

static int ed25519_make(const struct signing_key *key, struct span message, uint8_t *ret_signature)
{
	ed25519_sha512_sign(key->public_key.bytes, key->secret.bytes, message.size, message.data, ret_signature);
	return 0;
}

static bool ed25519_holds(const struct public_key *key, struct span message, const uint8_t *signature)
{
	return ed25519_sha512_verify(key->bytes, message.size, message.data, signature) == 1;
}

static void mpz_wipe_and_clear(mpz_t number)
{
	size_t n_limbs = mpz_size(number);

	if (n_limbs)
		secret_wipe(mpz_limbs_modify(number, (mp_size_t)n_limbs), n_limbs * sizeof(mp_limb_t));
	mpz_clear(number);
}

static void scalar_wipe_and_clear(struct ecc_scalar *scalar)
{
	secret_wipe(scalar->p, P256_BYTES);
	ecc_scalar_clear(scalar);
}

static void point_to_bytes(const struct ecc_point *point, uint8_t ret_bytes[2 * P256_BYTES])
{
	mpz_t x, y;

	mpz_init(x);
	mpz_init(y);
	ecc_point_get(point, x, y);
	nettle_mpz_get_str_256(P256_BYTES, ret_bytes, x);
	nettle_mpz_get_str_256(P256_BYTES, ret_bytes + P256_BYTES, y);
	mpz_clear(x);
	mpz_clear(y);
}

static int p256_generate(struct signing_key *key)
{
	struct ecc_scalar scalar;
	struct ecc_point point;
	mpz_t number;

	ecc_scalar_init(&scalar, nettle_get_secp_256r1());
	ecc_point_init(&point, nettle_get_secp_256r1());
	mpz_init2(number, 8 * P256_BYTES);
	ecdsa_generate_keypair(&point, &scalar, NULL, random_or_abort);
	point_to_bytes(&point, key->public_key.bytes);
	ecc_scalar_get(&scalar, number);
	nettle_mpz_get_str_256(P256_BYTES, key->secret.bytes, number);
	mpz_wipe_and_clear(number);
	ecc_point_clear(&point);
	scalar_wipe_and_clear(&scalar);
	return 0;
}

static int p256_make(const struct signing_key *key, struct span message, uint8_t *ret_signature)
{
	uint8_t digest[DIGEST_BYTES];
	struct dsa_signature signature;
	struct ecc_scalar scalar;
	mpz_t number;
	int valid;

	nettle_mpz_init_set_str_256_u(number, P256_BYTES, key->secret.bytes);
	ecc_scalar_init(&scalar, nettle_get_secp_256r1());
	valid = ecc_scalar_set(&scalar, number);
	mpz_wipe_and_clear(number);
	if (valid) {
		dsa_signature_init(&signature);
		digest_sha256(message.data, message.size, digest);
		ecdsa_sign(&scalar, NULL, random_or_abort, sizeof(digest), digest, &signature);
		nettle_mpz_get_str_256(P256_BYTES, ret_signature, signature.r);
		nettle_mpz_get_str_256(P256_BYTES, ret_signature + P256_BYTES, signature.s);
		dsa_signature_clear(&signature);
	}
	scalar_wipe_and_clear(&scalar);
	return valid ? 0 : -SIS_ERR_BAD_FORMAT;
}

static bool p256_holds(const struct public_key *key, struct span message, const uint8_t *bytes)
{
	uint8_t digest[DIGEST_BYTES];
	struct dsa_signature signature;
	struct ecc_point point;
	mpz_t x, y;
	bool holds;

	digest_sha256(message.data, message.size, digest);
	nettle_mpz_init_set_str_256_u(x, P256_BYTES, key->bytes);
	nettle_mpz_init_set_str_256_u(y, P256_BYTES, key->bytes + P256_BYTES);
	ecc_point_init(&point, nettle_get_secp_256r1());
	dsa_signature_init(&signature);
	nettle_mpz_set_str_256_u(signature.r, P256_BYTES, bytes);
	nettle_mpz_set_str_256_u(signature.s, P256_BYTES, bytes + P256_BYTES);
	/* ecc_point_set refuses what is not on the curve. */
	holds = ecc_point_set(&point, x, y) && ecdsa_verify(&point, sizeof(digest), digest, &signature) == 1;
	dsa_signature_clear(&signature);
	ecc_point_clear(&point);
	mpz_clear(x);
	mpz_clear(y);
	return holds;
}

static const struct algorithm {
	const char *name;
	size_t public_size;
	int (*generate)(struct signing_key *key);
	int (*make)(const struct signing_key *key, struct span message, uint8_t *ret_signature);
	bool (*holds)(const struct public_key *key, struct span message, const uint8_t *signature);
} algorithms[] = {
	[KEY_ED25519]    = { "ed25519",    32, ed25519_generate, ed25519_make, ed25519_holds },
	[KEY_ECDSA_P256] = { "ecdsa-p256", 64, p256_generate,    p256_make,    p256_holds },
};

/* NULL for a number that is no algorithm of ours. */
static const struct algorithm *find_algorithm(enum key_algorithm algorithm)
{
	return (unsigned)algorithm < ARRAY_SIZE(algorithms) && algorithms[algorithm].name ? &algorithms[algorithm] : NULL;
}

size_t public_key_size(enum key_algorithm algorithm)
{
	const struct algorithm *a = find_algorithm(algorithm);

	return a ? a->public_size : 0;
}

const char *key_algorithm_name(enum key_algorithm algorithm)
{
	const struct algorithm *a = find_algorithm(algorithm);

	return a ? a->name : "unknown";
}

int signing_key_generate(enum key_algorithm algorithm, struct signing_key *ret_key)
{
	const struct algorithm *a = find_algorithm(algorithm);
	__attribute__((cleanup(signing_key_wipe))) struct signing_key key = { .public_key.algorithm = algorithm };
	int r = a ? a->generate(&key) : -SIS_ERR_UNKNOWN_SUITE;

	if (r == 0)
		*ret_key = key;
	return r;
}

void signing_key_from_secret(const struct secret32 *secret, struct signing_key *ret_key)
{
	struct public_key public_key = { .algorithm = KEY_ED25519 };

	ed25519_sha512_public_key(public_key.bytes, secret->bytes);
	*ret_key = (struct signing_key){ public_key, *secret };
}

void signing_key_wipe(struct signing_key *key)
{
	secret_wipe(key, sizeof(*key));
}

int signature_make(const struct signing_key *key, struct span message, uint8_t ret_signature[SIGNATURE_BYTES])
{
	const struct algorithm *a = find_algorithm(key->public_key.algorithm);

	return a ? a->make(key, message, ret_signature) : -SIS_ERR_UNKNOWN_SUITE;
}

int signature_verify(const struct public_key *key, struct span message, const uint8_t signature[SIGNATURE_BYTES])
{
	const struct algorithm *a = find_algorithm(key->algorithm);

	return a && a->holds(key, message, signature) ? 0 : -SIS_ERR_BAD_SIGNATURE;
}

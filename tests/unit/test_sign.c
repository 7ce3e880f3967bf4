/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Signatures: RFC 8032 §7.1 (Ed25519), RFC 6979 A.2.5 (a P-256 signature to verify), and what must not hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "crypto/sign.h"

#include "base/error.h"
#include "test_hex.h"

static void ed25519_gives_the_published_signatures(void **state)
{
	static const struct { const char *secret, *public, *message, *signature; } vectors[] = {
		{ "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
		  "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
		  "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b" },
		{ "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
		  "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
		  "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00" },
	};

	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		struct signing_key key = { .public_key.algorithm = KEY_ED25519 };
		uint8_t message[8], signature[SIGNATURE_BYTES];
		struct span span = { message, from_hex(vectors[i].message, message) };

		from_hex(vectors[i].secret, key.secret.bytes);
		from_hex(vectors[i].public, key.public_key.bytes);
		assert_int_equal(signature_make(&key, span, signature), 0);
		assert_hex(signature, vectors[i].signature);
		assert_int_equal(signature_verify(&key.public_key, span, signature), 0);
	}
}

static void p256_verifies_the_published_signature(void **state)
{
	struct public_key key = { .algorithm = KEY_ECDSA_P256 };
	uint8_t signature[SIGNATURE_BYTES];

	from_hex("60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb67903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
	         key.bytes);
	from_hex("efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
	         signature);
	assert_int_equal(signature_verify(&key, span_from_string("sample"), signature), 0);
	assert_int_equal(signature_verify(&key, span_from_string("samplf"), signature), -SIS_ERR_BAD_SIGNATURE);
	key.bytes[3] ^= 1;                              /* no longer a point of the curve */
	assert_int_equal(signature_verify(&key, span_from_string("sample"), signature), -SIS_ERR_BAD_SIGNATURE);
}

static void made_keys_sign_and_nothing_else_verifies(void **state)
{
	static const enum key_algorithm algorithms[] = { KEY_ED25519, KEY_ECDSA_P256 };

	for (size_t i = 0; i < 2; i++) {
		const struct span message = span_from_string("what is signed");
		uint8_t signature[SIGNATURE_BYTES];
		struct signing_key key, other;

		assert_int_equal(signing_key_generate(algorithms[i], &key), 0);
		assert_int_equal(signing_key_generate(algorithms[i], &other), 0);
		assert_int_equal(signature_make(&key, message, signature), 0);
		assert_int_equal(signature_verify(&key.public_key, message, signature), 0);
		assert_int_equal(signature_verify(&other.public_key, message, signature), -SIS_ERR_BAD_SIGNATURE);
		for (size_t bit = 0; bit < 8 * SIGNATURE_BYTES; bit += 37) {
			signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_int_equal(signature_verify(&key.public_key, message, signature), -SIS_ERR_BAD_SIGNATURE);
			signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		memset(signature, 0, sizeof(signature));
		assert_int_equal(signature_verify(&key.public_key, message, signature), -SIS_ERR_BAD_SIGNATURE);
	}
}

static void the_public_point_is_the_scalars(void **state)
{
	struct signing_key key = { .public_key.algorithm = KEY_ECDSA_P256 };
	const struct span message = span_from_string("sample");
	uint8_t signature[SIGNATURE_BYTES];

	from_hex("60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb67903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
	         key.public_key.bytes);
	from_hex("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721", key.secret.bytes);
	assert_int_equal(signature_make(&key, message, signature), 0);
	assert_int_equal(signature_verify(&key.public_key, message, signature), 0);
	memset(key.secret.bytes, 0xff, sizeof(key.secret.bytes));       /* beyond the group's order */
	assert_int_equal(signature_make(&key, message, signature), -SIS_ERR_BAD_FORMAT);
}

static void unknown_algorithms_are_refused(void **state)
{
	const struct public_key key = { .algorithm = (enum key_algorithm)9 };
	uint8_t signature[SIGNATURE_BYTES] = { 0 };
	struct signing_key made;

	assert_int_equal(public_key_size(KEY_ED25519), 32);
	assert_int_equal(public_key_size(KEY_ECDSA_P256), 64);
	assert_int_equal(public_key_size(key.algorithm), 0);
	assert_string_equal(key_algorithm_name(KEY_ED25519), "ed25519");
	assert_string_equal(key_algorithm_name(KEY_ECDSA_P256), "ecdsa-p256");
	assert_int_equal(signature_verify(&key, span_from_string("x"), signature), -SIS_ERR_BAD_SIGNATURE);
	assert_int_equal(signing_key_generate(key.algorithm, &made), -SIS_ERR_UNKNOWN_SUITE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ed25519_gives_the_published_signatures),
		cmocka_unit_test(p256_verifies_the_published_signature),
		cmocka_unit_test(made_keys_sign_and_nothing_else_verifies),
		cmocka_unit_test(the_public_point_is_the_scalars),
		cmocka_unit_test(unknown_algorithms_are_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("sign", tests, NULL, NULL);
}

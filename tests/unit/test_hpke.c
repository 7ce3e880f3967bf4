/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * HPKE base mode against the published test vector of RFC 9180 for this suite, X25519 against RFC 7748 §6.1, and what must be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "crypto/hpke.h"

#include "base/error.h"
#include "test_hex.h"

#define INFO "4f6465206f6e2061204772656369616e2055726e"
#define AAD "436f756e742d30"
#define PLAIN "4265617574792069732074727574682c20747275746820626561757479"
#define SEALED "e5d84cd531cfb583096e7cfa9641bd3079cf3a91cda813c52deb5f512be9931980a41de125a925cdad859d5b7a"
#define ENCAPSULATION "6c93e09869df3402d7bf231bf540fadd35cd56be14f97178f0954db94b7fc256"
#define RECIPIENT_PUBLIC "430f4b9859665145a6b1ba274024487bd66f03a2dd577d7753c68d7d7d00c00c"
#define RECIPIENT_PRIVATE "497b4502664cfea5d5af0b39934dac72242a74f8480451e1aee7d6a53320333d"
#define EPHEMERAL_PRIVATE "179d4b53b6365c45b600c4163b61d95cbc2f4d9e36f1695558dce265ab8bab11"

struct vector {
	uint8_t info[64], aad[64], plain[64], sealed[64], encapsulation[32], public_key[32];
	struct span info_span, aad_span, plain_span, sealed_span;
	struct secret32 private_key, ephemeral;
};

static void load(struct vector *v)
{
	v->info_span = (struct span){ v->info, from_hex(INFO, v->info) };
	v->aad_span = (struct span){ v->aad, from_hex(AAD, v->aad) };
	v->plain_span = (struct span){ v->plain, from_hex(PLAIN, v->plain) };
	v->sealed_span = (struct span){ v->sealed, from_hex(SEALED, v->sealed) };
	from_hex(ENCAPSULATION, v->encapsulation);
	from_hex(RECIPIENT_PUBLIC, v->public_key);
	from_hex(RECIPIENT_PRIVATE, v->private_key.bytes);
	from_hex(EPHEMERAL_PRIVATE, v->ephemeral.bytes);
}

static void seals_to_the_published_bytes(void **state)
{
	uint8_t encapsulation[32], sealed[64];
	struct vector v;

	load(&v);
	assert_int_equal(hpke_seal_with(&v.ephemeral, v.public_key, v.info_span, v.aad_span, v.plain_span, encapsulation, sealed), 0);
	assert_hex(encapsulation, ENCAPSULATION);
	assert_hex(sealed, SEALED);
}

static void opens_the_published_bytes(void **state)
{
	uint8_t plain[64];
	struct vector v;

	load(&v);
	assert_int_equal(hpke_open(&v.private_key, v.encapsulation, v.info_span, v.aad_span, v.sealed_span, plain), 0);
	assert_hex(plain, PLAIN);
}

static void refuses_every_altered_input(void **state)
{
	uint8_t plain[64];
	struct vector v;

	load(&v);
	uint8_t *const altered[] = { v.info, v.aad, v.sealed, v.sealed + v.sealed_span.size - 1, v.encapsulation, v.private_key.bytes + 5 };
	for (size_t i = 0; i < sizeof(altered) / sizeof(altered[0]); i++) {
		*altered[i] ^= 1;
		assert_int_equal(hpke_open(&v.private_key, v.encapsulation, v.info_span, v.aad_span, v.sealed_span, plain), -SIS_ERR_BAD_SEAL);
		*altered[i] ^= 1;
	}
	v.sealed_span.size = HPKE_TAG_BYTES - 1;
	assert_int_equal(hpke_open(&v.private_key, v.encapsulation, v.info_span, v.aad_span, v.sealed_span, plain), -SIS_ERR_BAD_SEAL);
}

/* The points of small order of RFC 7748's curve: all give a shared secret of zeros. */
static void refuses_small_order_points(void **state)
{
	static const char *const points[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	};
	uint8_t encapsulation[32], sealed[64], plain[64];
	struct vector v;

	load(&v);
	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		from_hex(points[i], v.encapsulation);
		assert_int_equal(hpke_open(&v.private_key, v.encapsulation, v.info_span, v.aad_span, v.sealed_span, plain), -SIS_ERR_BAD_SEAL);
		assert_int_equal(hpke_seal(v.encapsulation, v.info_span, v.aad_span, v.plain_span, encapsulation, sealed), -SIS_ERR_BAD_SEAL);
	}
}

static void public_keys_equal_the_published_ones(void **state)
{
	struct secret32 private_key;
	uint8_t public_key[32];

	from_hex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb", private_key.bytes);
	hpke_public_key(&private_key, public_key);
	assert_hex(public_key, "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
	from_hex(RECIPIENT_PRIVATE, private_key.bytes);
	hpke_public_key(&private_key, public_key);
	assert_hex(public_key, RECIPIENT_PUBLIC);
}

static void a_made_key_opens_what_was_sealed_to_it(void **state)
{
	uint8_t public_key[32], encapsulation[2][32], sealed[2][5 + HPKE_TAG_BYTES], plain[5];
	const struct span message = span_from_string("hello");
	struct secret32 private_key;

	assert_int_equal(hpke_generate_key(&private_key, public_key), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(hpke_seal(public_key, span_from_string("i"), span_from_string("a"), message, encapsulation[i], sealed[i]), 0);
	assert_memory_not_equal(encapsulation[0], encapsulation[1], 32);
	assert_int_equal(hpke_open(&private_key, encapsulation[0], span_from_string("i"), span_from_string("a"),
	                           (struct span){ sealed[0], sizeof(sealed[0]) }, plain), 0);
	assert_memory_equal(plain, "hello", 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(seals_to_the_published_bytes),
		cmocka_unit_test(opens_the_published_bytes),
		cmocka_unit_test(refuses_every_altered_input),
		cmocka_unit_test(refuses_small_order_points),
		cmocka_unit_test(public_keys_equal_the_published_ones),
		cmocka_unit_test(a_made_key_opens_what_was_sealed_to_it),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("hpke", tests, NULL, NULL);
}

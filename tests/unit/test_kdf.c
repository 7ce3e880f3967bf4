/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * HKDF-SHA256 against RFC 5869, appendix A (the first 32 bytes of each output: more is never asked for). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "crypto/kdf.h"
#include "test_hex.h"

static void check_vector(const char *ikm_hex, const char *salt_hex, const char *info_hex, const char *prk_hex, const char *okm_hex)
{
	uint8_t ikm[80], salt[80], info[80], okm[32];
	const struct span ikm_piece = { ikm, from_hex(ikm_hex, ikm) }, info_piece = { info, from_hex(info_hex, info) };
	struct secret32 prk;

	kdf_extract((struct span){ salt, from_hex(salt_hex, salt) }, &ikm_piece, 1, &prk);
	assert_hex(prk.bytes, prk_hex);
	kdf_expand(&prk, &info_piece, 1, okm, sizeof(okm));
	assert_hex(okm, okm_hex);
}

static void appendix_a1_basic(void **state)
{
	check_vector("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "000102030405060708090a0b0c", "f0f1f2f3f4f5f6f7f8f9",
	             "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
	             "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf");
}

static void appendix_a3_no_salt_no_info(void **state)
{
	check_vector("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "",
	             "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
	             "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d");
}

/* The labelled inputs of HPKE come in pieces. */
static void pieces_read_as_one(void **state)
{
	const struct span whole = span_from_string("one two three");
	const struct span pieces[] = { span_from_string("one "), span_from_string(""), span_from_string("two three") };
	struct secret32 a, b;

	kdf_extract(span_from_string("salt"), &whole, 1, &a);
	kdf_extract(span_from_string("salt"), pieces, 3, &b);
	assert_memory_equal(a.bytes, b.bytes, sizeof(a.bytes));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appendix_a1_basic),
		cmocka_unit_test(appendix_a3_no_salt_no_info),
		cmocka_unit_test(pieces_read_as_one),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("kdf", tests, NULL, NULL);
}

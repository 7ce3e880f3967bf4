/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The sealed stream. The expected keys, bytes and roots were computed by Python's cryptography. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "crypto/seal.h"

#include "base/error.h"
#include "test_hex.h"

#include <stdlib.h>

static struct secret32 counting_key(void)
{
	struct secret32 key;

	for (unsigned i = 0; i < 32; i++)
		key.bytes[i] = (uint8_t)i;
	return key;
}

/* Freed by the caller. */
static uint8_t *make_plain(size_t size)
{
	uint8_t *plain = malloc(size + 1);

	assert_non_null(plain);
	for (size_t i = 0; i < size; i++)
		plain[i] = (uint8_t)(i * 7 + i / 251);
	return plain;
}

static void subkeys_are_derived_from_file_key_and_item(void **state)
{
	const struct secret32 file_key = counting_key();
	struct seal_keys keys;
	uint8_t item[16];

	for (unsigned i = 0; i < 16; i++)
		item[i] = (uint8_t)(100 + i);
	seal_derive_keys(&file_key, item, &keys);
	assert_hex(keys.part[SEAL_OBJECT].bytes, "c66f1455d4fa28685502cbec9c93d7ce6633a9471e2a53682257415a42cfe5df");
	assert_hex(keys.part[SEAL_MANIFEST].bytes, "43af7db7fda2b73562bd17e4993c7a75e695053cc6f9f8f3d57709ad36faca87");
	assert_hex(keys.part[SEAL_THUMBNAIL].bytes, "5282d264abe16272abede8c6e5fa41b8c6371a6a5b9cd58a1a2181d4910ea869");
	assert_hex(keys.commitment, "d98c69a9c978ff20fa1daa7e72a70b496a371ff9f8e30d20b2667067bea5be7a");
}

static void two_chunks_seal_to_the_known_bytes(void **state)
{
	const struct secret32 key = counting_key();
	const size_t size = SEAL_CHUNK_BYTES + 10, sealed_size = seal_sealed_size(size);
	uint8_t *plain = make_plain(size), *sealed = malloc(sealed_size), root[DIGEST_BYTES], digest[DIGEST_BYTES];

	assert_int_equal(seal_part(&key, plain, size, sealed, root), 0);
	digest_sha256(sealed, sealed_size, digest);
	assert_hex(digest, "492adde8c6ef8b4e98b865d98c2c1c1dd2424f927ab2fadae137ea63126edb51");
	assert_hex(root, "9268e4ac2b57b11644454208b4c120e231c38b6b84f13340a2b9a9e939f7a736");
	free(plain);
	free(sealed);
}

static void an_empty_part_is_one_tag(void **state)
{
	const struct secret32 key = counting_key();
	uint8_t sealed[SEAL_TAG_BYTES], root[DIGEST_BYTES];

	assert_int_equal(seal_part(&key, NULL, 0, sealed, root), 0);
	assert_hex(sealed, "367ef8288831557408e102950a16e26a");
	assert_hex(root, "ea52ae779271e2d2af4e132eb6096c9a372bf63b5a12fcd5c61ea116faf45fa0");
	assert_int_equal(seal_open_part(&key, sealed, sizeof(sealed), root, sealed), 0);
}

static void parts_of_every_border_size_open_again(void **state)
{
	static const size_t sizes[] = { 0, 1, 16, SEAL_CHUNK_BYTES - 1, SEAL_CHUNK_BYTES, SEAL_CHUNK_BYTES + 1, 3 * SEAL_CHUNK_BYTES };
	const struct secret32 key = counting_key();

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		const size_t sealed_size = seal_sealed_size(sizes[i]);
		uint8_t *plain = make_plain(sizes[i]), *sealed = malloc(sealed_size), *opened = malloc(sizes[i] + 1), root[DIGEST_BYTES];

		assert_int_equal(seal_part(&key, plain, sizes[i], sealed, root), 0);
		assert_int_equal(seal_open_part(&key, sealed, sealed_size, root, opened), 0);
		assert_memory_equal(plain, opened, sizes[i]);
		sealed[sealed_size / 2] ^= 1;
		assert_int_equal(seal_open_part(&key, sealed, sealed_size, root, opened), -SIS_ERR_BAD_ROOT);
		seal_root(sealed, sealed_size, root);
		assert_int_equal(seal_open_part(&key, sealed, sealed_size, root, opened), -SIS_ERR_BAD_SEAL);
		free(plain);
		free(sealed);
		free(opened);
	}
}

static void a_chunk_opens_only_in_its_place(void **state)
{
	const struct secret32 key = counting_key();
	struct seal_cipher *cipher;
	uint8_t sealed[5 + SEAL_TAG_BYTES], opened[5];

	assert_int_equal(seal_cipher_new(&key, &cipher), 0);
	assert_int_equal(seal_chunk(cipher, 7, false, "hello", 5, sealed), 0);
	assert_int_equal(seal_open_chunk(cipher, 7, false, sealed, sizeof(sealed), opened), 0);
	assert_memory_equal(opened, "hello", 5);
	assert_int_equal(seal_open_chunk(cipher, 8, false, sealed, sizeof(sealed), opened), -SIS_ERR_BAD_SEAL);
	assert_memory_equal(opened, "\0\0\0\0\0", 5);
	assert_int_equal(seal_open_chunk(cipher, 7, true, sealed, sizeof(sealed), opened), -SIS_ERR_BAD_SEAL);
	assert_int_equal(seal_open_chunk(cipher, 7, false, sealed, SEAL_TAG_BYTES - 1, opened), -SIS_ERR_BAD_SEAL);
	seal_cipher_free(cipher);
}

static void only_sizes_that_some_plaintext_has_are_sealed_sizes(void **state)
{
	static const uint64_t impossible[] = { 0, 1, 15, SEAL_SEALED_CHUNK_BYTES + 1, SEAL_SEALED_CHUNK_BYTES + 15, SEAL_SEALED_CHUNK_BYTES + 16 };
	uint64_t size = 12345;

	for (size_t i = 0; i < sizeof(impossible) / sizeof(impossible[0]); i++)
		assert_int_equal(seal_plain_size(impossible[i], &size), -SIS_ERR_BAD_FORMAT);
	assert_int_equal(size, 12345);
	for (uint64_t plain = 0; plain < 5 * SEAL_CHUNK_BYTES; plain += 1021) {
		assert_int_equal(seal_plain_size(seal_sealed_size(plain), &size), 0);
		assert_int_equal(size, plain);
	}
}

static void padding_is_padme_from_512_bytes_up(void **state)
{
	static const uint64_t pairs[][2] = {
		{ 0, 512 }, { 1, 512 }, { 9, 512 }, { 257, 512 }, { 511, 512 }, { 512, 512 }, { 513, 544 }, { 544, 544 }, { 545, 576 }, { 1000, 1024 }, { 4097, 4352 }, { 65537, 67584 }, { 204800, 204800 }, { 1048577, 1081344 }, { 4294967297, 4362076160 },
		{ 1152921504606846975, 1152921504606846976 },
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		assert_int_equal(seal_padded_size(pairs[i][0]), pairs[i][1]);
		assert_int_equal(seal_padded_size(pairs[i][1]), pairs[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(subkeys_are_derived_from_file_key_and_item),
		cmocka_unit_test(two_chunks_seal_to_the_known_bytes),
		cmocka_unit_test(an_empty_part_is_one_tag),
		cmocka_unit_test(parts_of_every_border_size_open_again),
		cmocka_unit_test(a_chunk_opens_only_in_its_place),
		cmocka_unit_test(only_sizes_that_some_plaintext_has_are_sealed_sizes),
		cmocka_unit_test(padding_is_padme_from_512_bytes_up),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("seal", tests, NULL, NULL);
}

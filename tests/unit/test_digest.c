/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * SHA-256 (FIPS 180-4 examples) and the Merkle tree against roots that Python computed by RFC 9162's recursive definition. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "crypto/digest.h"
#include "test_hex.h"

static void sha256_gives_the_published_digests(void **state)
{
	uint8_t digest[DIGEST_BYTES];

	digest_sha256("", 0, digest);
	assert_hex(digest, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	digest_sha256("abc", 3, digest);
	assert_hex(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/* Leaf number i is the byte i, i % 5 times over. */
static void merkle_roots_equal_the_recursive_definition(void **state)
{
	static const struct { unsigned n_leaves; const char *root; } trees[] = {
		{ 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ 1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d" },
		{ 2, "5397b75fcd025549e5c6c04c86b73ee49d8a3135745f4e082f08397d79fa37b3" },
		{ 3, "12c35e40e6189d661c70a762621a48f8bac032746c1712e8d6e73d7c1ef0beb1" },
		{ 4, "2fc5e5989670017aa78cfaf26036dc2e04ee67b7ffa5e233a1def0354950f416" },
		{ 5, "db6d52ab524f99f572fb0198a6a87357ae59e2cbc2d54866ed2a7eee7b801c18" },
		{ 6, "7ef64956114d2fd9f30c3ca9131334dd55ad069b3100af7e449736380b711143" },
		{ 7, "9ff5845f0b64600c05845e9b79e46ff1677d5d0a62c686d17d07c073afc8f220" },
		{ 8, "23ce1276bde36184aabd6b7befa6750939e79fd6349dda9f1d37fa9110600aa8" },
		{ 9, "1b7f35af4c5072698c87cc9be11cf9e88a54ddaefd495329c5bd4c7ea17f56de" },
		{ 13, "afdea3695603e1bb4971f4db687f3ed73ac52bf458476a4651e9bca6bf94c231" },
		{ 100, "fd5d0252c921ea06b1f1f0ca3ba4b5019536038c765c96ca54ea51d9bc46ac25" },
	};

	for (size_t t = 0; t < sizeof(trees) / sizeof(trees[0]); t++) {
		uint8_t leaf[DIGEST_BYTES], root[DIGEST_BYTES], chunk[5];
		struct merkle merkle;

		merkle_init(&merkle);
		for (unsigned i = 0; i < trees[t].n_leaves; i++) {
			memset(chunk, (int)i, sizeof(chunk));
			merkle_hash_leaf(chunk, i % 5, leaf);
			merkle_add_leaf(&merkle, leaf);
		}
		merkle_root(&merkle, root);
		assert_hex(root, trees[t].root);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sha256_gives_the_published_digests),
		cmocka_unit_test(merkle_roots_equal_the_recursive_definition),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("digest", tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * An item for the tests of src/format: statement and grant of alice for bob's laptop, over parts that need not exist. Include after cmocka.h. */
#pragma once

#include "base/error.h"
#include "crypto/hpke.h"
#include "format/reader.h"

#include <string.h>

#define TEST_TIME 1795262400    /* 2026-11-21T12:00:00Z */

struct test_item {
	struct signing_key key;
	struct secret32 file_key, bob_key;
	struct statement statement;
	struct grant grant;
	struct item_signer alice;
	char text[STATEMENT_MAX_BYTES + 1], grant_text[GRANT_MAX_BYTES + 1];
	size_t size, grant_size;
};

static inline struct span test_text(const char *text, size_t size)
{
	return (struct span){ (const uint8_t *)text, size };
}

static inline void test_item_sign(struct test_item *t)
{
	assert_int_equal(statement_write(&t->statement, &t->key, t->text, &t->size), 0);
	digest_sha256(t->text, t->size, t->grant.statement);
	assert_int_equal(grant_wrap(&t->grant, &t->file_key), 0);
	assert_int_equal(grant_write(&t->grant, &t->key, t->grant_text, &t->grant_size), 0);
}

static inline void test_item_make(struct test_item *t, enum key_algorithm algorithm)
{
	struct seal_keys keys;

	*t = (struct test_item){ .statement = { .kind = ITEM_IMAGE, .owner = "alice", .time = TEST_TIME, .sequence = 1, .n_audience = 2,
	                                        .audience = { "alice", "bob" } },
	                         .grant = { .recipient = "bob", .device = "laptop", .granter = "alice", .time = TEST_TIME } };
	assert_int_equal(signing_key_generate(algorithm, &t->key), 0);
	assert_int_equal(random_bytes(t->file_key.bytes, 32), 0);
	assert_int_equal(random_bytes(t->statement.item, ITEM_ID_BYTES), 0);
	assert_int_equal(random_bytes(t->statement.device, DIGEST_BYTES), 0);
	assert_int_equal(hpke_generate_key(&t->bob_key, t->grant.key), 0);
	memcpy(t->grant.item, t->statement.item, ITEM_ID_BYTES);
	memcpy(t->grant.granter_device, t->statement.device, DIGEST_BYTES);
	seal_derive_keys(&t->file_key, t->statement.item, &keys);
	memcpy(t->statement.commitment, keys.commitment, sizeof(keys.commitment));
	t->statement.part[SEAL_OBJECT].size = seal_sealed_size(1024);
	t->statement.part[SEAL_MANIFEST].size = seal_sealed_size(512);
	digest_sha256("", 0, t->statement.part[SEAL_THUMBNAIL].root);
	t->alice = (struct item_signer){ .user = "alice", .key = t->key.public_key };
	memcpy(t->alice.fingerprint, t->statement.device, DIGEST_BYTES);
	test_item_sign(t);
}

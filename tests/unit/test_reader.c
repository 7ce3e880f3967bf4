/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Accepting an item: every fact that must hold, taken away one at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "test_item.h"

static struct item_check check_of(struct test_item *t)
{
	return (struct item_check){ .statement_text = test_text(t->text, t->size), .grant_text = test_text(t->grant_text, t->grant_size),
	                            .owner = &t->alice, .granter = &t->alice, .user = "bob", .device = "laptop", .private_key = &t->bob_key,
	                            .now = TEST_TIME };
}

static void a_good_item_gives_its_keys(void **state)
{
	static struct test_item t;
	static struct item_opened opened;
	struct seal_keys keys;
	struct item_check check;

	test_item_make(&t, KEY_ECDSA_P256);
	check = check_of(&t);
	assert_int_equal(item_check(&check, &opened, NULL), 0);
	seal_derive_keys(&t.file_key, t.statement.item, &keys);
	assert_memory_equal(&opened.keys, &keys, sizeof(keys));
	assert_string_equal(opened.statement.owner, "alice");
	assert_memory_equal(opened.statement_hash, t.grant.statement, DIGEST_BYTES);
	item_opened_wipe(&opened);
	assert_int_equal(opened.file_key.bytes[3], 0);
}

static void each_fact_is_checked(void **state)
{
	static struct test_item t, other;
	static struct item_opened opened;
	struct item_signer signer;
	struct item_check check;
	const char *why = NULL;

	test_item_make(&t, KEY_ED25519);
	test_item_make(&other, KEY_ED25519);
	check = check_of(&t);
	check.owner = &other.alice;
	assert_int_equal(item_check(&check, &opened, &why), -SIS_ERR_MISMATCH);
	assert_non_null(why);
	signer = t.alice;
	signer.key = other.key.public_key;
	check.owner = &signer;
	assert_int_equal(item_check(&check, &opened, NULL), -SIS_ERR_BAD_SIGNATURE);
	check = check_of(&t);
	check.granter = &signer;
	assert_int_equal(item_check(&check, &opened, NULL), -SIS_ERR_BAD_SIGNATURE);
	signer = t.alice;
	signer.user = "bob";
	assert_int_equal(item_check(&check, &opened, NULL), -SIS_ERR_MISMATCH);
	check = check_of(&t);
	check.user = "carol";
	assert_int_equal(item_check(&check, &opened, NULL), -SIS_ERR_BAD_GRANT);
	check = check_of(&t);
	check.device = "phone";
	assert_int_equal(item_check(&check, &opened, NULL), -SIS_ERR_BAD_GRANT);
	check = check_of(&t);
	check.private_key = &other.bob_key;
	assert_int_equal(item_check(&check, &opened, NULL), -SIS_ERR_BAD_GRANT);
}

static void a_grant_ends_at_its_expiry(void **state)
{
	static struct test_item t;
	static struct item_opened opened;
	struct item_check check;

	test_item_make(&t, KEY_ED25519);
	t.grant.expires = TEST_TIME + 10;
	test_item_sign(&t);
	check = check_of(&t);
	check.now = TEST_TIME + 9;
	assert_int_equal(item_check(&check, &opened, NULL), 0);
	check.now = TEST_TIME + 10;
	assert_int_equal(item_check(&check, &opened, NULL), -SIS_ERR_EXPIRED);
}

static void another_key_than_the_committed_one_is_found_out(void **state)
{
	static struct test_item t;
	static struct item_opened opened;
	struct item_check check;

	test_item_make(&t, KEY_ED25519);
	t.file_key.bytes[0] ^= 1;
	test_item_sign(&t);
	check = check_of(&t);
	assert_int_equal(item_check(&check, &opened, NULL), -SIS_ERR_BAD_COMMITMENT);
}

static void a_device_finds_its_grant(void **state)
{
	static struct test_item t;
	struct span found = { 0 };
	char texts[2 * GRANT_MAX_BYTES];
	size_t first;

	test_item_make(&t, KEY_ED25519);
	memcpy(texts, t.grant_text, t.grant_size);
	first = t.grant_size;
	strcpy(t.grant.device, "phone");
	test_item_sign(&t);
	memcpy(texts + first, t.grant_text, t.grant_size);
	assert_int_equal(grants_find(test_text(texts, first + t.grant_size), 2, "bob", "phone", &found, NULL), 0);
	assert_ptr_equal(found.data, texts + first);
	assert_int_equal(found.size, t.grant_size);
	assert_int_equal(grants_find(test_text(texts, first + t.grant_size), 3, "bob", "phone", &found, NULL), -SIS_ERR_BAD_FORMAT);
	assert_int_equal(grants_find(test_text(texts, first + t.grant_size), 2, "bob", "desk", &found, NULL), -SIS_ERR_BAD_GRANT);
}

static void the_object_must_have_the_manifests_padded_size(void **state)
{
	static struct test_item t;
	struct manifest m = { .size = 1000 };

	test_item_make(&t, KEY_ED25519);
	assert_int_equal(item_check_sizes(&t.statement, &m), 0);
	m.size = 1024;
	assert_int_equal(item_check_sizes(&t.statement, &m), 0);
	m.size = 1025;
	assert_int_equal(item_check_sizes(&t.statement, &m), -SIS_ERR_MISMATCH);
	m.size = 100;
	assert_int_equal(item_check_sizes(&t.statement, &m), -SIS_ERR_MISMATCH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_item_gives_its_keys),
		cmocka_unit_test(each_fact_is_checked),
		cmocka_unit_test(a_grant_ends_at_its_expiry),
		cmocka_unit_test(another_key_than_the_committed_one_is_found_out),
		cmocka_unit_test(a_device_finds_its_grant),
		cmocka_unit_test(the_object_must_have_the_manifests_padded_size),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("reader", tests, NULL, NULL);
}

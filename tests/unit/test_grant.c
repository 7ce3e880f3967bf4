/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Grants: wrapping binds to the lines above, and a grant belongs to one statement. What is malformed: tests/vectors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "test_item.h"

static void a_grant_opens_for_its_device_alone(void **state)
{
	static struct test_item t;
	struct secret32 opened, other = { { 9 } };
	struct grant g;

	test_item_make(&t, KEY_ED25519);
	assert_int_equal(grant_parse(test_text(t.grant_text, t.grant_size), &g, NULL), 0);
	assert_int_equal(grant_verify(test_text(t.grant_text, t.grant_size), &g, &t.key.public_key), 0);
	assert_int_equal(grant_unwrap(test_text(t.grant_text, t.grant_size), &g, &t.bob_key, &opened), 0);
	assert_memory_equal(opened.bytes, t.file_key.bytes, 32);
	assert_int_equal(grant_unwrap(test_text(t.grant_text, t.grant_size), &g, &other, &opened), -SIS_ERR_BAD_GRANT);
}

static void the_wrap_is_bound_to_the_lines_above(void **state)
{
	static struct test_item t;
	struct secret32 opened;
	struct grant g;

	test_item_make(&t, KEY_ED25519);
	t.grant.may_share = true;                       /* after the wrap was made */
	assert_int_equal(grant_write(&t.grant, &t.key, t.grant_text, &t.grant_size), 0);
	assert_int_equal(grant_parse(test_text(t.grant_text, t.grant_size), &g, NULL), 0);
	assert_true(g.may_share);
	assert_int_equal(grant_unwrap(test_text(t.grant_text, t.grant_size), &g, &t.bob_key, &opened), -SIS_ERR_BAD_SEAL);
}

static void expiry_is_told_or_never(void **state)
{
	static struct test_item t;
	struct grant g;

	test_item_make(&t, KEY_ECDSA_P256);
	assert_non_null(strstr(t.grant_text, "\nexpires never\nrights read\n"));
	t.grant.expires = TEST_TIME + 60;
	test_item_sign(&t);
	assert_non_null(strstr(t.grant_text, "\nexpires 2026-11-21T12:01:00Z\n"));
	assert_int_equal(grant_parse(test_text(t.grant_text, t.grant_size), &g, NULL), 0);
	assert_int_equal(g.expires, TEST_TIME + 60);
	t.grant.expires = -5;
	assert_int_equal(grant_wrap(&t.grant, &t.file_key), -SIS_ERR_BAD_FORMAT);
}

static void a_grant_belongs_to_one_statement(void **state)
{
	static struct test_item t;
	uint8_t hash[DIGEST_BYTES];
	struct grant g;

	test_item_make(&t, KEY_ED25519);
	g = t.grant;
	digest_sha256(t.text, t.size, hash);
	assert_int_equal(grant_belongs(&g, &t.statement, hash), 0);
	hash[0] ^= 1;
	assert_int_equal(grant_belongs(&g, &t.statement, hash), -SIS_ERR_BAD_GRANT);
	hash[0] ^= 1;
	g.item[0] ^= 1;
	assert_int_equal(grant_belongs(&g, &t.statement, hash), -SIS_ERR_BAD_GRANT);
	g.item[0] ^= 1;
	strcpy(g.recipient, "eve");                     /* later, outside of the audience: by whom the server lets */
	g.may_share = true;
	assert_int_equal(grant_belongs(&g, &t.statement, hash), 0);
	strcpy(g.granter, "bob");                       /* but only the owner makes further sharers */
	assert_int_equal(grant_belongs(&g, &t.statement, hash), -SIS_ERR_BAD_GRANT);
	strcpy(g.recipient, "bob");                     /* and everybody for his own devices */
	assert_int_equal(grant_belongs(&g, &t.statement, hash), 0);
	strcpy(g.recipient, "eve");
	g.may_share = false;
	assert_int_equal(grant_belongs(&g, &t.statement, hash), 0);
}

static void a_small_order_key_gets_no_grant(void **state)
{
	static struct test_item t;

	test_item_make(&t, KEY_ED25519);
	memset(t.grant.key, 0, sizeof(t.grant.key));
	assert_int_equal(grant_wrap(&t.grant, &t.file_key), -SIS_ERR_BAD_SEAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_grant_opens_for_its_device_alone),
		cmocka_unit_test(the_wrap_is_bound_to_the_lines_above),
		cmocka_unit_test(expiry_is_told_or_never),
		cmocka_unit_test(a_grant_belongs_to_one_statement),
		cmocka_unit_test(a_small_order_key_gets_no_grant),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("grant", tests, NULL, NULL);
}

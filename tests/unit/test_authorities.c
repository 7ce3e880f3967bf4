/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The generations of an authority: who vouches for whom, and for whom nobody does. */
#include "base/error.h"
#include "base/util.h"
#include "pki/backend.h"
#include "pki/pki.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define DAY_S 86400
#define N_GENERATIONS 4

static struct pki_ca *generations[N_GENERATIONS], *stranger;
static struct blob roots[N_GENERATIONS], up[N_GENERATIONS], down[N_GENERATIONS], stranger_root;        /* up[i]: i vouches for i + 1; down[i]: i + 1 for i */

static struct span span_of(const struct blob *blob)
{
	return (struct span){ blob->data, blob->size };
}

static struct blob root_of(const struct pki_ca *ca)
{
	struct blob der = { NULL, 0 };
	uint8_t fingerprint[FINGERPRINT_BYTES];
	assert_int_equal(pki_ca_certificate(ca, &der, fingerprint), 0);
	return der;
}

static struct blob cross(const struct pki_ca *by, const struct blob *of)
{
	struct blob der = { NULL, 0 };
	assert_int_equal(pki_ca_cross_sign(by, span_of(of), &der), 0);
	return der;
}

static int set_up(void **state)
{
	assert_int_equal(pki_ca_create(300 * DAY_S, &stranger), 0);
	stranger_root = root_of(stranger);
	for (size_t i = 0; i < N_GENERATIONS; i++) {
		uint64_t lifetime_s = (100 + 100 * i) * DAY_S;
		assert_int_equal(i == 0 ? pki_ca_create(lifetime_s, &generations[0]) : pki_ca_create_successor(generations[i - 1], lifetime_s, &generations[i]), 0);
		roots[i] = root_of(generations[i]);
		if (i == 0)
			continue;
		up[i - 1] = cross(generations[i - 1], &roots[i]);
		down[i - 1] = cross(generations[i], &roots[i - 1]);
	}
	return 0;
}

static int tear_down(void **state)
{
	for (size_t i = 0; i < N_GENERATIONS; i++) {
		pki_ca_free(generations[i]);
		blob_free(&roots[i]);
		blob_free(&up[i]);
		blob_free(&down[i]);
	}
	pki_ca_free(stranger);
	blob_free(&stranger_root);
	return 0;
}

/* How many more than the one that is known. */
static int extend(const struct blob *known, const struct blob *const *offered, size_t n, int64_t at, struct blob *ret_set)
{
	struct span spans[64];
	for (size_t i = 0; i < n; i++)
		spans[i] = span_of(offered[i]);
	return authorities_extend(span_of(known), spans, n, at, ret_set);
}

static void expect(const struct blob *known, const struct blob *const *offered, size_t n, int64_t at, int wanted)
{
	CLEANUP_BLOB struct blob set = { NULL, 0 };
	assert_int_equal(extend(known, offered, n, at, &set), wanted);
	assert_int_equal(authorities_check(span_of(&set)), 0);
	assert_memory_equal(set.data, known->data, known->size);
}
#define OFFER(...) ((const struct blob *const[]){ __VA_ARGS__ }), sizeof((const struct blob *const[]){ __VA_ARGS__ }) / sizeof(struct blob *)

static void test_a_successor_is_known_by_its_predecessor(void **state)
{
	expect(&roots[0], OFFER(&up[0], &roots[1]), time_now(), 1);
	expect(&roots[0], OFFER(&roots[1], &up[0]), time_now(), 1);
	expect(&roots[1], OFFER(&down[0], &roots[0]), time_now(), 1);
}

static void test_over_several_generations_and_in_any_order(void **state)
{
	expect(&roots[0], OFFER(&roots[3], &up[2], &roots[2], &up[1], &roots[1], &up[0]), time_now(), 3);
	expect(&roots[3], OFFER(&roots[0], &down[0], &roots[1], &down[1], &roots[2], &down[2]), time_now(), 3);
	expect(&roots[1], OFFER(&roots[0], &down[0], &roots[2], &up[1]), time_now(), 2);
}

static void test_without_the_certificate_between_nothing_is_known(void **state)
{
	expect(&roots[0], OFFER(&roots[1]), time_now(), 0);
	expect(&roots[0], OFFER(&up[0]), time_now(), 0);
	expect(&roots[0], OFFER(&up[1], &roots[2]), time_now(), 0);
	expect(&roots[0], OFFER(&down[0], &roots[1]), time_now(), 0);   /* that the new one vouches for the old one says nothing of the new one */
	expect(&roots[0], NULL, 0, time_now(), 0);
}

static void test_loops_and_repetitions_end(void **state)
{
	expect(&roots[0], OFFER(&up[0], &down[0], &roots[0], &roots[1], &roots[0], &up[0], &roots[1]), time_now(), 1);
	const struct blob *many[64];
	for (size_t i = 0; i < 64; i++)
		many[i] = i % 2 ? &roots[1] : &up[0];
	expect(&roots[0], many, AUTHORITIES_OFFERED_MAX, time_now(), 1);
	struct blob set = { NULL, 0 };
	assert_int_equal(extend(&roots[0], many, AUTHORITIES_OFFERED_MAX + 1, time_now(), &set), -SIS_ERR_TOO_LARGE);
	assert_null(set.data);
}

static void test_a_stranger_vouches_for_nobody(void **state)
{
	CLEANUP_BLOB struct blob by_stranger = cross(stranger, &roots[1]), of_stranger = cross(generations[0], &stranger_root);
	expect(&roots[0], OFFER(&by_stranger, &roots[1]), time_now(), 0);
	expect(&roots[0], OFFER(&by_stranger, &roots[1], &stranger_root), time_now(), 0);
	/* Even signed by ours: one of another name is no generation of it. */
	expect(&roots[0], OFFER(&of_stranger, &stranger_root), time_now(), 0);
}

static void test_a_device_vouches_for_nobody(void **state)
{
	struct signing_key key;
	CLEANUP_BLOB struct blob device = { NULL, 0 };
	assert_int_equal(signing_key_generate(KEY_ED25519, &key), 0);
	assert_int_equal(pki_ca_issue_device(generations[0], &key.public_key, "alice", "laptop", DAY_S, &device), 0);
	expect(&roots[0], OFFER(&device, &roots[1], &stranger_root), time_now(), 0);
	signing_key_wipe(&key);
	CLEANUP_BLOB struct blob set = { NULL, 0 };
	assert_int_equal(authorities_extend(span_of(&device), NULL, 0, time_now(), &set), -SIS_ERR_UNTRUSTED);
}

static void test_who_has_ended_vouches_for_nobody(void **state)
{
	expect(&roots[0], OFFER(&up[0], &roots[1]), time_now() + 101 * DAY_S, 0);
	expect(&roots[1], OFFER(&down[0], &roots[0]), time_now() + 201 * DAY_S, 0);
	expect(&roots[0], OFFER(&up[0], &roots[1]), time_now() - 10 * DAY_S, 0);
	/* But one that has ended is vouched for: for what was signed in its time. */
	expect(&roots[1], OFFER(&down[0], &roots[0]), time_now() + 101 * DAY_S, 1);
}

static bool lead(const struct blob *known, const struct blob *const *offered, size_t n, int64_t now, const struct blob *to)
{
	struct span spans[64];
	uint8_t fingerprint[FINGERPRINT_BYTES];
	for (size_t i = 0; i < n; i++)
		spans[i] = span_of(offered[i]);
	certificate_fingerprint(span_of(to), fingerprint);
	return authorities_lead_to(span_of(known), spans, n, now, fingerprint);
}

static void test_one_that_has_ended_leads_on_but_nobody_leads_back_to_himself(void **state)
{
	int64_t now = time_now(), later = now + 350 * DAY_S;            /* the first three have ended */
	assert_true(lead(&roots[0], NULL, 0, now, &roots[0]));
	assert_true(lead(&roots[0], OFFER(&roots[1], &up[0]), now, &roots[1]));
	assert_true(lead(&roots[1], OFFER(&roots[0], &down[0]), now, &roots[0]));
	assert_true(lead(&roots[0], OFFER(&roots[1], &up[0], &roots[2], &up[1], &roots[3], &up[2]), later, &roots[3]));
	assert_false(lead(&roots[0], OFFER(&roots[1], &up[0], &roots[3], &up[2]), later, &roots[3]));
	/* Whoever wants to be taken for a successor can sign for whom he says to succeed. */
	assert_false(lead(&roots[0], OFFER(&roots[0], &roots[1], &down[0]), now, &roots[1]));
	assert_false(lead(&roots[0], OFFER(&roots[0], &roots[1], &down[0]), later, &roots[1]));
}

static void test_no_more_than_a_set_holds(void **state)
{
	struct pki_ca *cas[AUTHORITIES_MAX + 3] = { NULL };
	struct blob ders[2 * (AUTHORITIES_MAX + 3)] = { { NULL, 0 } };
	const struct blob *offered[2 * (AUTHORITIES_MAX + 3)];
	for (size_t i = 0; i < ARRAY_SIZE(cas); i++) {
		assert_int_equal(pki_ca_create_successor(i == 0 ? generations[0] : cas[i - 1], 300 * DAY_S, &cas[i]), 0);
		ders[2 * i] = root_of(cas[i]);
		ders[2 * i + 1] = cross(i == 0 ? generations[0] : cas[i - 1], &ders[2 * i]);
		offered[2 * i] = &ders[2 * i];
		offered[2 * i + 1] = &ders[2 * i + 1];
	}
	expect(&roots[0], offered, ARRAY_SIZE(offered), time_now(), AUTHORITIES_MAX - 1);
	for (size_t i = 0; i < ARRAY_SIZE(cas); i++)
		pki_ca_free(cas[i]);
	for (size_t i = 0; i < ARRAY_SIZE(ders); i++)
		blob_free(&ders[i]);
}

static void test_certificates_and_lists_of_each_generation(void **state)
{
	struct signing_key key;
	CLEANUP_BLOB struct blob device = { NULL, 0 }, list = { NULL, 0 }, both = { NULL, 0 };
	struct crl_entry entry = { .serial = { 0x41 }, .serial_size = 1, .time = 5, .reason = 1 };
	int64_t now = time_now(), revoked_at;
	uint8_t reason;
	assert_int_equal(signing_key_generate(KEY_ED25519, &key), 0);
	assert_int_equal(pki_ca_issue_device(generations[1], &key.public_key, "alice", "laptop", DAY_S, &device), 0);
	assert_int_equal(pki_ca_issue_crl(generations[1], 7, now - 1, now + DAY_S, &entry, 1, &list), 0);
	signing_key_wipe(&key);
	assert_int_equal(certificate_verify(span_of(&device), span_of(&roots[0]), now), -SIS_ERR_UNTRUSTED);
	assert_int_equal(crl_lookup(span_of(&list), span_of(&roots[0]), (struct span){ entry.serial, 1 }, now, &revoked_at, &reason), -SIS_ERR_UNTRUSTED);
	assert_int_equal(extend(&roots[0], OFFER(&up[0], &roots[1]), now, &both), 1);
	assert_int_equal(certificate_verify(span_of(&device), span_of(&both), now), 0);
	assert_int_equal(certificate_verify(span_of(&device), span_of(&both), now + 2 * DAY_S), -SIS_ERR_EXPIRED);
	assert_int_equal(crl_lookup(span_of(&list), span_of(&both), (struct span){ entry.serial, 1 }, now, &revoked_at, &reason), 1);
	assert_int_equal(crl_lookup(span_of(&list), span_of(&both), (struct span){ entry.serial, 1 }, now + 250 * DAY_S, &revoked_at, &reason), -SIS_ERR_EXPIRED);
}

/* 2050 is where X.509 writes dates in another way (RFC 5280 §4.1.2.5). */
static void test_either_side_of_2050(void **state)
{
	struct pki_ca *late = NULL;
	assert_int_equal(pki_ca_create_successor(generations[0], 60ULL * 365 * DAY_S, &late), 0);
	CLEANUP_BLOB struct blob root = root_of(late), forth = cross(generations[0], &root), back = cross(late, &roots[0]);
	expect(&roots[0], OFFER(&forth, &root), time_now(), 1);
	expect(&root, OFFER(&back, &roots[0]), time_now(), 1);
	pki_ca_free(late);
}

static void test_a_set_is_found_in(void **state)
{
	CLEANUP_BLOB struct blob set = { NULL, 0 };
	uint8_t fingerprint[FINGERPRINT_BYTES];
	struct span found;
	assert_int_equal(extend(&roots[0], OFFER(&up[0], &roots[1]), time_now(), &set), 1);
	certificate_fingerprint(span_of(&roots[1]), fingerprint);
	assert_true(authorities_find(span_of(&set), fingerprint, &found));
	assert_int_equal(found.size, roots[1].size);
	found = authorities_newest(span_of(&set));
	assert_memory_equal(found.data, roots[1].data, roots[1].size);
	certificate_fingerprint(span_of(&stranger_root), fingerprint);
	assert_false(authorities_find(span_of(&set), fingerprint, NULL));
}

static void test_a_set_that_is_none(void **state)
{
	CLEANUP_BLOB struct blob set = { malloc(roots[0].size + 3), roots[0].size + 3 };
	memcpy(set.data, roots[0].data, roots[0].size);
	memcpy(set.data + roots[0].size, "\x30\x82\xff", 3);
	assert_int_equal(authorities_check(span_of(&set)), -SIS_ERR_BAD_FORMAT);
	assert_int_equal(authorities_check((struct span){ set.data, roots[0].size - 1 }), -SIS_ERR_BAD_FORMAT);
	assert_int_equal(authorities_check((struct span){ NULL, 0 }), -SIS_ERR_BAD_FORMAT);
	assert_int_equal(authorities_check(span_of(&up[0])), -SIS_ERR_UNTRUSTED);
	assert_int_equal(authorities_newest((struct span){ (const uint8_t *)"\x30", 1 }).size, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_successor_is_known_by_its_predecessor),
		cmocka_unit_test(test_over_several_generations_and_in_any_order),
		cmocka_unit_test(test_without_the_certificate_between_nothing_is_known),
		cmocka_unit_test(test_loops_and_repetitions_end),
		cmocka_unit_test(test_a_stranger_vouches_for_nobody),
		cmocka_unit_test(test_a_device_vouches_for_nobody),
		cmocka_unit_test(test_who_has_ended_vouches_for_nobody),
		cmocka_unit_test(test_one_that_has_ended_leads_on_but_nobody_leads_back_to_himself),
		cmocka_unit_test(test_no_more_than_a_set_holds),
		cmocka_unit_test(test_certificates_and_lists_of_each_generation),
		cmocka_unit_test(test_either_side_of_2050),
		cmocka_unit_test(test_a_set_is_found_in),
		cmocka_unit_test(test_a_set_that_is_none),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}

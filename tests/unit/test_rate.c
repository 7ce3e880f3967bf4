/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Token buckets in memory of a fixed size: what they allow, and who is forgotten first. */
#include "base/rate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECOND ((uint64_t)NS_PER_S)
#define NOW (1000 * SECOND)

static const uint8_t key_of_all[SIPHASH_KEY_BYTES] = { 0x5a, 0x17, 3 };     /* fixed, so that each run is the same */

static unsigned take_many(uint64_t *until, uint64_t per_s, uint64_t now, unsigned n)
{
	unsigned taken = 0;
	for (unsigned i = 0; i < n; i++) {
		if (rate_wait_ns(*until, per_s, 10 * SECOND, now) > 0)
			continue;
		rate_take(until, per_s, 1, now);
		taken++;
	}
	return taken;
}

static void a_burst_and_then_the_rate(void **state)
{
	uint64_t until = 0;
	assert_int_equal(take_many(&until, 5, NOW, 1000), 50);
	assert_int_equal(take_many(&until, 5, NOW + SECOND, 1000), 5);
	assert_int_equal(take_many(&until, 5, NOW + 3 * SECOND, 1000), 10);
	assert_int_equal(take_many(&until, 5, NOW + 100 * SECOND, 1000), 50);
	uint64_t wait = rate_wait_ns(until, 5, 10 * SECOND, NOW + 100 * SECOND);
	assert_true(wait > 0 && wait <= SECOND / 5 + 1);
	assert_int_equal(rate_wait_ns(until, 5, 10 * SECOND, NOW + 100 * SECOND + wait), 0);
}

static void another_rate_is_in_force_at_once(void **state)
{
	uint64_t until = 0;
	assert_int_equal(take_many(&until, 5, NOW, 1000), 50);
	assert_int_equal(take_many(&until, 0, NOW, 1000), 1000);
	assert_int_equal(take_many(&until, 5, NOW, 10), 0);
	assert_int_equal(take_many(&until, 100, NOW + SECOND, 1000), 100);
}

static void large_amounts_do_not_overflow(void **state)
{
	uint64_t until = 0;
	rate_take(&until, 1, UINT32_MAX, NOW);
	assert_int_equal(until, NOW + UINT32_MAX * SECOND);
	until = 0;
	rate_take(&until, (uint64_t)1 << 40, (uint64_t)1 << 41, NOW);
	assert_int_equal(until, NOW + 2 * SECOND);
}

/* Whoever is penalised stays so however many others come, unless they have more against them. */
static void a_flood_of_sources_pushes_nobody_out_who_has_more_against_him(void **state)
{
	struct rate_table *table;
	const struct rate_key penalised = { 1, 7 };
	assert_int_equal(rate_table_new(2, key_of_all, &table), 0);
	rate_find(table, penalised)->until_ns[3] = NOW + 600 * SECOND;
	for (uint64_t i = 0; i < 100000; i++)
		rate_take(&rate_find(table, (struct rate_key){ 2, i })->until_ns[0], 10, 1, NOW);
	assert_int_equal(rate_find(table, penalised)->until_ns[3], NOW + 600 * SECOND);
	assert_int_equal(rate_count(table, 3, NOW), 1);
	assert_int_equal(rate_count(table, 3, NOW + 600 * SECOND), 0);
	rate_table_free(table);
}

static void accounts_are_apart(void **state)
{
	struct rate_table *table;
	assert_int_equal(rate_table_new(6, key_of_all, &table), 0);
	for (uint64_t i = 1; i <= 50; i++)
		rate_find(table, (struct rate_key){ i & 1, i })->until_ns[1] = i;
	for (uint64_t i = 1; i <= 50; i++)
		assert_int_equal(rate_find(table, (struct rate_key){ i & 1, i })->until_ns[1], i);
	rate_table_free(table);
}

/* The table of a few places that keepers share: how many of the keys from first on are still there. */
static unsigned count_there(struct rate_table *table, uint64_t first, unsigned n, uint64_t now)
{
	unsigned there = 0;
	for (uint64_t i = first; i < first + n; i++)
		there += rate_look(table, (struct rate_key){ 1, i }, now) != NULL;
	return there;
}

static void keep_many(struct rate_table *table, uint64_t first, unsigned n, uint64_t keeper, uint64_t now)
{
	for (uint64_t i = first; i < first + n; i++)
		assert_non_null(rate_keep(table, (struct rate_key){ 1, i }, keeper, now + 100 * SECOND, now));
}

static void what_is_kept_stays_until_its_time_whatever_its_slots_say(void **state)
{
	struct rate_table *table;
	assert_int_equal(rate_table_new(2, key_of_all, &table), 0);
	assert_null(rate_look(table, (struct rate_key){ 1, 7 }, NOW));
	struct rate_account *account = rate_keep(table, (struct rate_key){ 1, 7 }, 1, NOW + 10 * SECOND, NOW);
	account->until_ns[2] = NOW + SECOND;
	assert_ptr_equal(rate_look(table, (struct rate_key){ 1, 7 }, NOW + 10 * SECOND - 1), account);
	assert_int_equal(account->until_ns[2], NOW + SECOND);
	assert_null(rate_look(table, (struct rate_key){ 1, 7 }, NOW + 10 * SECOND));
	assert_ptr_equal(rate_keep(table, (struct rate_key){ 1, 7 }, 2, NOW + 30 * SECOND, NOW + 20 * SECOND), account);
	assert_ptr_equal(rate_look(table, (struct rate_key){ 1, 7 }, NOW + 20 * SECOND), account);
	rate_table_free(table);
}

static void one_keeper_takes_all_places_only_while_nobody_else_wants_them(void **state)
{
	struct rate_table *table;
	assert_int_equal(rate_table_new(4, key_of_all, &table), 0);
	keep_many(table, 1, 10000, 66, NOW);                    /* sixteen sets of eight */
	assert_int_equal(count_there(table, 1, 10000, NOW), 16 * RATE_WAYS);
	for (uint64_t i = 0; i < 24; i++)                       /* people with one each, one after the other */
		keep_many(table, 100000 + i, 1, 1000 + i, NOW + SECOND);
	assert_int_equal(count_there(table, 100000, 24, NOW + SECOND), 24);
	keep_many(table, 200000, 10000, 66, NOW + 2 * SECOND);
	assert_int_equal(count_there(table, 100000, 24, NOW + 2 * SECOND), 24);
	rate_table_free(table);
}

/* With as many keepers as there are places, he can be in each set once. */
static void one_keeper_takes_an_eighth_at_most_when_others_want_the_places(void **state)
{
	struct rate_table *table;
	assert_int_equal(rate_table_new(4, key_of_all, &table), 0);
	for (uint64_t i = 0; i < 2000; i++)
		keep_many(table, 100000 + i, 1, 1000 + i, NOW);
	assert_int_equal(count_there(table, 100000, 2000, NOW), 16 * RATE_WAYS);
	keep_many(table, 1, 50000, 66, NOW + SECOND);
	assert_int_equal(count_there(table, 100000, 2000, NOW + SECOND), 16 * (RATE_WAYS - 1));
	assert_int_equal(count_there(table, 1, 50000, NOW + SECOND), 16);
	rate_table_free(table);
}

static void a_place_that_is_kept_no_longer_is_taken_first(void **state)
{
	struct rate_table *table;
	assert_int_equal(rate_table_new(0, key_of_all, &table), 0);
	keep_many(table, 1, RATE_WAYS - 1, 1, NOW + SECOND);
	keep_many(table, 50, 1, 2, NOW);
	keep_many(table, 60, 1, 3, NOW + 100 * SECOND);         /* 50's time is over */
	assert_int_equal(count_there(table, 1, RATE_WAYS - 1, NOW + 100 * SECOND), RATE_WAYS - 1);
	assert_int_equal(count_there(table, 60, 1, NOW + 100 * SECOND), 1);
	rate_table_free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_burst_and_then_the_rate), cmocka_unit_test(another_rate_is_in_force_at_once), cmocka_unit_test(large_amounts_do_not_overflow),
		cmocka_unit_test(a_flood_of_sources_pushes_nobody_out_who_has_more_against_him), cmocka_unit_test(accounts_are_apart),
		cmocka_unit_test(what_is_kept_stays_until_its_time_whatever_its_slots_say),
		cmocka_unit_test(one_keeper_takes_all_places_only_while_nobody_else_wants_them),
		cmocka_unit_test(one_keeper_takes_an_eighth_at_most_when_others_want_the_places),
		cmocka_unit_test(a_place_that_is_kept_no_longer_is_taken_first),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

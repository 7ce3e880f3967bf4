/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Accounts with slots that wear off. */
#include "base/rate.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

struct rate_table {
	uint8_t key[SIPHASH_KEY_BYTES];
	uint64_t mask;
	struct rate_account account[][RATE_WAYS];
};

int rate_table_new(unsigned bits, const uint8_t key[SIPHASH_KEY_BYTES], struct rate_table **ret_table)
{
	size_t n = (size_t)1 << bits;
	struct rate_table *table = calloc(1, sizeof(*table) + n * sizeof(table->account[0]));
	if (table == NULL)
		return -SIS_ERR_NO_MEMORY;
	table->mask = n - 1;
	memcpy(table->key, key, sizeof(table->key));
	*ret_table = table;
	return 0;
}

void rate_table_free(struct rate_table *table)
{
	free(table);
}

static uint64_t account_end(const struct rate_account *account)
{
	uint64_t end = 0;
	for (unsigned i = 0; i < RATE_SLOTS; i++)
		if (account->until_ns[i] > end)
			end = account->until_ns[i];
	return end;
}

static struct rate_account *set_of(struct rate_table *table, struct rate_key key)
{
	return table->account[siphash(table->key, &key, sizeof(key)) & table->mask];
}

static struct rate_account *find_in(struct rate_account *set, struct rate_key key)
{
	for (unsigned i = 0; i < RATE_WAYS; i++)
		if (set[i].key.low == key.low && set[i].key.high == key.high)
			return &set[i];
	return NULL;
}

struct rate_account *rate_find(struct rate_table *table, struct rate_key key)
{
	struct rate_account *set = set_of(table, key), *found = find_in(set, key), *first = NULL;
	uint64_t first_end = 0;
	if (found != NULL)
		return found;
	for (unsigned i = 0; i < RATE_WAYS; i++) {
		uint64_t end = account_end(&set[i]);
		if (first == NULL || end < first_end) {
			first = &set[i];
			first_end = end;
		}
	}
	*first = (struct rate_account){ .key = key };
	return first;
}

struct rate_account *rate_look(struct rate_table *table, struct rate_key key, uint64_t now_ns)
{
	struct rate_account *account = find_in(set_of(table, key), key);
	return account != NULL && account->kept_until_ns > now_ns ? account : NULL;
}

static unsigned count_kept(const struct rate_account *set, uint64_t keeper)
{
	unsigned n = 0;
	for (unsigned i = 0; i < RATE_WAYS; i++)
		n += set[i].keeper == keeper;
	return n;
}

/* All of them are kept: which one the new one of this keeper takes the place of. */
static struct rate_account *place_for(struct rate_account *set, uint64_t keeper)
{
	struct rate_account *place = NULL;
	unsigned most = 0;
	for (unsigned i = 0; i < RATE_WAYS; i++) {
		unsigned n = set[i].keeper == keeper ? RATE_WAYS + 1 : count_kept(set, set[i].keeper);
		if (n < most || (n == most && set[i].kept_until_ns >= place->kept_until_ns))
			continue;
		most = n;
		place = &set[i];
	}
	return place;
}

struct rate_account *rate_keep(struct rate_table *table, struct rate_key key, uint64_t keeper, uint64_t until_ns, uint64_t now_ns)
{
	struct rate_account *set = set_of(table, key), *account = find_in(set, key);
	for (unsigned i = 0; account == NULL && i < RATE_WAYS; i++)
		if (set[i].kept_until_ns <= now_ns)
			account = &set[i];
	if (account == NULL)
		account = place_for(set, keeper);
	if (account->key.low != key.low || account->key.high != key.high)
		*account = (struct rate_account){ .key = key };
	account->keeper = keeper;
	account->kept_until_ns = until_ns;
	return account;
}

unsigned rate_count(const struct rate_table *table, unsigned slot, uint64_t now_ns)
{
	unsigned n = 0;
	for (uint64_t set = 0; set <= table->mask; set++)
		for (unsigned i = 0; i < RATE_WAYS; i++)
			n += table->account[set][i].until_ns[slot] > now_ns;
	return n;
}

uint64_t rate_wait_ns(uint64_t until_ns, uint64_t per_s, uint64_t burst_ns, uint64_t now_ns)
{
	if (per_s == 0 || until_ns <= now_ns || until_ns - now_ns < burst_ns)
		return 0;
	return until_ns - now_ns - burst_ns + 1;
}

void rate_take(uint64_t *until_ns, uint64_t per_s, uint64_t n, uint64_t now_ns)
{
	if (per_s == 0)
		return;
	if (*until_ns < now_ns)
		*until_ns = now_ns;
	*until_ns += n / per_s * NS_PER_S + n % per_s * NS_PER_S / per_s;
}

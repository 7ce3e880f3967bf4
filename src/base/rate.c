/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Accounts with slots that wear off. */
#include "base/rate.h"

#include "base/error.h"
#include "base/secret.h"
#include "base/siphash.h"

#include <stdlib.h>

struct rate_table {
	uint8_t key[SIPHASH_KEY_BYTES];
	uint64_t mask;
	struct rate_account account[][RATE_WAYS];
};

int rate_table_new(unsigned bits, struct rate_table **ret_table)
{
	size_t n = (size_t)1 << bits;
	struct rate_table *table = calloc(1, sizeof(*table) + n * sizeof(table->account[0]));
	if (table == NULL)
		return -SIS_ERR_NO_MEMORY;
	table->mask = n - 1;
	int error = random_bytes(table->key, sizeof(table->key));
	if (error < 0) {
		free(table);
		return error;
	}
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

struct rate_account *rate_find(struct rate_table *table, struct rate_key key)
{
	struct rate_account *set = table->account[siphash(table->key, &key, sizeof(key)) & table->mask], *first = NULL;
	uint64_t first_end = 0;
	for (unsigned i = 0; i < RATE_WAYS; i++)
		if (set[i].key.low == key.low && set[i].key.high == key.high)
			return &set[i];
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

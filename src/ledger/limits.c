/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The limits that the ledger keeps for all workers: it hears of each upload and each enrollment, so what it counts is divided by nobody. */
#include "ledger/ledger.h"

#include "base/rate.h"
#include "base/secret.h"
#include "base/util.h"

#include <string.h>

#define TABLE_BITS 9                    /* 4096 users */
#define BURST_NS (60 * (uint64_t)NS_PER_S)

static uint64_t hits[LIMIT_END];

void limits_hit(enum limit limit)
{
	hits[limit]++;
}

void limits_tell(enum limit limit, const char *user, const char *peer)
{
	char reason[256];
	limits_hit(limit);
	limit_describe(limit, user, reason, sizeof(reason));
	audit_refusal(&LOG(LIMIT_HIT, .user = user, .peer = peer, .reason = reason));
}

void limits_add(json_t *rows)
{
	size_t index;
	json_t *row;
	json_array_foreach(rows, index, row) {
		const char *name = json_string_value(json_object_get(row, "limit"));
		json_int_t refused = json_integer_value(json_object_get(row, "refused"));
		for (enum limit limit = LIMIT_NONE + 1; name != NULL && limit < LIMIT_END; limit++)
			if (hits[limit] > 0 && strcmp(limit_name(limit), name) == 0)
				json_object_set_new(row, "refused", json_integer(refused + (json_int_t)hits[limit]));
	}
}

bool limits_take_upload(int64_t user_id)
{
	static struct rate_table *table;
	uint8_t key[SIPHASH_KEY_BYTES];
	uint64_t per_s = ledger.conf.new_uploads_per_user, now = time_monotonic_ns();
	/* Without memory or random bytes there is no limit; there will not be much else, either. */
	if (per_s == 0 || (table == NULL && (random_bytes(key, sizeof(key)) < 0 || rate_table_new(TABLE_BITS, key, &table) < 0)))
		return true;
	uint64_t *until = &rate_find(table, (struct rate_key){ 1, (uint64_t)user_id })->until_ns[0];
	if (rate_wait_ns(*until, per_s, BURST_NS, now) > 0) {
		limits_hit(LIMIT_NEW_UPLOADS_PER_USER);
		return false;
	}
	rate_take(until, per_s, 1, now);
	return true;
}

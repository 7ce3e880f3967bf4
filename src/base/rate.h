/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What sources and users have taken lately, in memory of a fixed size. Each account has a few slots, and each slot is one time: until then what was taken
 * is not worn off (a token bucket kept as one number: the generic cell rate algorithm, ITU-T I.371, annex A). So a slot needs no timer, and another rate
 * after a reload is in force at once.
 *
 * A full set of the table gives up the account whose slots end first. Who wants to be rid of what stands against him has to fill his set with accounts that
 * have more against them, and does not know which those are: the place of an account follows from a random key of the process. */
#pragma once

#include "base/siphash.h"

#include <stdbool.h>
#include <stdint.h>

#define NS_PER_S 1000000000u
#define RATE_SLOTS 6
#define RATE_WAYS 8

struct rate_key { uint64_t high, low; };        /* not both zero */

struct rate_account {
	struct rate_key key;
	uint64_t until_ns[RATE_SLOTS];          /* monotonic */
	uint64_t kept_until_ns, keeper;         /* rate_keep() */
};

struct rate_table;

/* 2^bits sets of RATE_WAYS accounts; key: random. NO_MEMORY. */
int rate_table_new(unsigned bits, const uint8_t key[SIPHASH_KEY_BYTES], struct rate_table **ret_table);
void rate_table_free(struct rate_table *table);                 /* accepts NULL */
/* Never NULL; good until the next call. */
struct rate_account *rate_find(struct rate_table *table, struct rate_key key);

/* A table of another kind has accounts that somebody keeps for a time, whatever their slots say, and shares its places among those keepers: in a full set
 * the new one takes the oldest place of its own keeper, when that has one there, else of the keeper who has the most. So one keeper, however many accounts
 * he keeps, leaves seven eighths of the places to the others. No account is one that is kept no longer. */
struct rate_account *rate_look(struct rate_table *table, struct rate_key key, uint64_t now_ns);         /* NULL: there is none */
struct rate_account *rate_keep(struct rate_table *table, struct rate_key key, uint64_t keeper, uint64_t until_ns, uint64_t now_ns);     /* never NULL */
/* How many accounts have a slot that lasts beyond now. */
unsigned rate_count(const struct rate_table *table, unsigned slot, uint64_t now_ns);

/* Nanoseconds until something may be taken again from a slot that gives per_s each second and burst_ns' worth of that at once; 0: now. per_s 0: no limit. */
uint64_t rate_wait_ns(uint64_t until_ns, uint64_t per_s, uint64_t burst_ns, uint64_t now_ns);
/* Takes n in any case. */
void rate_take(uint64_t *until_ns, uint64_t per_s, uint64_t n, uint64_t now_ns);

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Guessing codes and passwords: each source may fail a few times, then it waits; and so must everybody who guesses at the password of one name, from
 * however many sources. IPv6 sources count by /64, which is what one household gets. */
#include "ledger/ledger.h"

#include "base/secret.h"
#include "base/siphash.h"
#include "base/util.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define ATTEMPTS_SETS 512
#define ATTEMPTS_WAYS 4
#define ATTEMPTS_KEY_BYTES 8

struct attempts_rule {
	const uint32_t *n_free;                 /* failures that cost nothing */
	unsigned forgiven_s;                    /* one failure wears off in so many seconds */
	unsigned n_more;                        /* beyond these nothing is counted, so that nobody waits for longer than (n_more + 1) * forgiven_s */
};
/* Whoever guesses at a name from everywhere has 1440 guesses a day, and its owner, meanwhile, needs an invite for a new device. */
static const struct attempts_rule rules[] = {
	[ATTEMPTS_SOURCE] = { &ledger.conf.enroll_failures_per_source, 30, 15 }, [ATTEMPTS_NAME] = { &ledger.conf.enroll_failures_per_name, 60, 4 },
	[ATTEMPTS_INVITES] = { &ledger.conf.device_invites_per_user, 3600, 2 },
	/* No failures: each name that a stranger takes has rows, a certificate and a quota of its own. So a class may register together, and nobody fills the store. */
	[ATTEMPTS_REGISTRATIONS] = { &ledger.conf.registrations_per_source, 600, 2 },
};

struct attempts_entry { uint8_t key[ATTEMPTS_KEY_BYTES]; unsigned failures; int64_t since; };   /* failures stood at `failures` at `since` */

/* Full sets forget their oldest entry: memory is bounded, and a flood of sources costs the flooder a source each. */
static struct attempts_entry table[ARRAY_SIZE(rules)][ATTEMPTS_SETS][ATTEMPTS_WAYS];

static void attempts_parse_source(const char *peer, uint8_t ret_address[ATTEMPTS_KEY_BYTES])
{
	char host[64] = "";
	const char *end = strrchr(peer, ':');
	const char *start = peer[0] == '[' ? peer + 1 : peer;
	if (peer[0] == '[')
		end = strchr(peer, ']');
	size_t size = end != NULL && end > start ? (size_t)(end - start) : strlen(start);
	memcpy(host, start, size < sizeof(host) ? size : sizeof(host) - 1);
	struct in6_addr v6;
	struct in_addr v4;
	memset(ret_address, 0, 8);
	if (inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_V4MAPPED(&v6))
		memcpy(ret_address + 4, v6.s6_addr + 12, 4);
	else if (inet_pton(AF_INET6, host, &v6) == 1 || inet_pton(AF_INET6, start, &v6) == 1)
		memcpy(ret_address, v6.s6_addr, 8);
	else if (inet_pton(AF_INET, host, &v4) == 1)
		memcpy(ret_address + 4, &v4, 4);
}

/* With a secret of this process: nobody can choose names, or addresses, that share a set. */
static uint64_t attempts_hash(const void *data, size_t size)
{
	static uint8_t secret[SIPHASH_KEY_BYTES];
	static bool has_secret;
	if (!has_secret)
		has_secret = random_bytes(secret, sizeof(secret)) == 0;
	return siphash(secret, data, size);
}

static void attempts_hash_name(const char *name, uint8_t ret_key[ATTEMPTS_KEY_BYTES])
{
	uint64_t hash = attempts_hash(name, strlen(name));
	memcpy(ret_key, &hash, ATTEMPTS_KEY_BYTES);
}

static void attempts_wear_off(const struct attempts_rule *rule, struct attempts_entry *entry, int64_t now)
{
	int64_t n = (now - entry->since) / rule->forgiven_s;
	if (n <= 0)
		return;
	entry->failures = (uint64_t)n >= entry->failures ? 0 : entry->failures - (unsigned)n;
	entry->since += n * rule->forgiven_s;
}

/* The entry, fresh when there was none; the clock is monotonic so that nobody waits for a corrected one. */
static struct attempts_entry *attempts_find(enum attempts_kind kind, const char *who, int64_t now)
{
	uint8_t key[ATTEMPTS_KEY_BYTES];
	if (kind == ATTEMPTS_SOURCE || kind == ATTEMPTS_REGISTRATIONS)
		attempts_parse_source(who, key);
	else
		attempts_hash_name(who, key);
	struct attempts_entry *set = table[kind][attempts_hash(key, sizeof(key)) % ATTEMPTS_SETS], *oldest = &set[0];
	for (int i = 0; i < ATTEMPTS_WAYS; i++) {
		attempts_wear_off(&rules[kind], &set[i], now);
		if (set[i].failures > 0 && memcmp(set[i].key, key, ATTEMPTS_KEY_BYTES) == 0)
			return &set[i];
		if (set[i].failures < oldest->failures || (set[i].failures == oldest->failures && set[i].since < oldest->since))
			oldest = &set[i];
	}
	memcpy(oldest->key, key, ATTEMPTS_KEY_BYTES);
	oldest->failures = 0;
	oldest->since = now;
	return oldest;
}

static int64_t attempts_now(void)
{
	return (int64_t)(time_monotonic_ns() / 1000000000u);
}

uint32_t attempts_wait_s(enum attempts_kind kind, const char *who)
{
	int64_t now = attempts_now();
	const struct attempts_rule *rule = &rules[kind];
	struct attempts_entry *entry = attempts_find(kind, who, now);
	if (entry->failures < *rule->n_free)
		return 0;
	int64_t left = (int64_t)(entry->failures - *rule->n_free + 1) * rule->forgiven_s - (now - entry->since);
	return left > 0 ? (uint32_t)left : 1;
}

void attempts_add(enum attempts_kind kind, const char *who)
{
	struct attempts_entry *entry = attempts_find(kind, who, attempts_now());
	if (entry->failures < *rules[kind].n_free + rules[kind].n_more)
		entry->failures++;
}

void attempts_forgive(enum attempts_kind kind, const char *who)
{
	struct attempts_entry *entry = attempts_find(kind, who, attempts_now());
	if (entry->failures > 0)
		entry->failures--;
}

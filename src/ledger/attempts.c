/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Guessing codes and passwords: each source may fail a few times, then it waits. IPv6 sources count by /64, which is what one household gets. */
#include "ledger/ledger.h"

#include "base/util.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define ATTEMPTS_FREE 5                 /* failures that cost nothing */
#define ATTEMPTS_FORGIVEN_S 30          /* one failure wears off in so many seconds */
#define ATTEMPTS_MAX 20                 /* more are not counted: nobody waits for longer than (20 - 4) * 30 s */
#define ATTEMPTS_SETS 512
#define ATTEMPTS_WAYS 4

struct attempts_source { uint8_t address[8]; unsigned failures; int64_t since; };       /* failures stood at `failures` at `since` */

/* Full sets forget their oldest source: memory is bounded, and a flood of sources costs the flooder a source each. */
static struct attempts_source table[ATTEMPTS_SETS][ATTEMPTS_WAYS];

static void attempts_parse(const char *peer, uint8_t ret_address[8])
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

static void attempts_wear_off(struct attempts_source *source, int64_t now)
{
	int64_t n = (now - source->since) / ATTEMPTS_FORGIVEN_S;
	if (n <= 0)
		return;
	source->failures = (uint64_t)n >= source->failures ? 0 : source->failures - (unsigned)n;
	source->since += n * ATTEMPTS_FORGIVEN_S;
}

/* The entry of this source, fresh when there was none; the clock is monotonic so that nobody waits for a corrected one. */
static struct attempts_source *attempts_find(const char *peer, int64_t now)
{
	uint8_t address[8];
	attempts_parse(peer, address);
	uint32_t hash = 2166136261u;
	for (int i = 0; i < 8; i++)
		hash = (hash ^ address[i]) * 16777619u;
	struct attempts_source *set = table[hash % ATTEMPTS_SETS], *oldest = &set[0];
	for (int i = 0; i < ATTEMPTS_WAYS; i++) {
		attempts_wear_off(&set[i], now);
		if (set[i].failures > 0 && memcmp(set[i].address, address, 8) == 0)
			return &set[i];
		if (set[i].failures < oldest->failures || (set[i].failures == oldest->failures && set[i].since < oldest->since))
			oldest = &set[i];
	}
	memcpy(oldest->address, address, 8);
	oldest->failures = 0;
	oldest->since = now;
	return oldest;
}

static int64_t attempts_now(void)
{
	return (int64_t)(time_monotonic_ns() / 1000000000u);
}

uint32_t attempts_wait_s(const char *peer)
{
	int64_t now = attempts_now();
	struct attempts_source *source = attempts_find(peer, now);
	if (source->failures < ATTEMPTS_FREE)
		return 0;
	int64_t left = (int64_t)(source->failures - ATTEMPTS_FREE + 1) * ATTEMPTS_FORGIVEN_S - (now - source->since);
	return left > 0 ? (uint32_t)left : 1;
}

void attempts_add(const char *peer)
{
	struct attempts_source *source = attempts_find(peer, attempts_now());
	if (source->failures < ATTEMPTS_MAX)
		source->failures++;
}

void attempts_forgive(const char *peer)
{
	struct attempts_source *source = attempts_find(peer, attempts_now());
	if (source->failures > 0)
		source->failures--;
}

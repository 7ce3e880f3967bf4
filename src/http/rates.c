/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a source or an account may do in a time: new connections, requests, bytes. Ten seconds' worth of the first two may come at once; bytes are not refused
 * but waited for. A site (IPv6 /48) has several times what one source has. */
#include "http/internal.h"

#define BURST_NS (10 * (uint64_t)NS_PER_S)
#define BYTES_BURST_NS NS_PER_S
#define PIECES_PER_S 16                 /* so that those who share a narrow way take turns */

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Those that are known have a table of their own, into which no stranger's source comes: none of them is pushed out by however many strangers. */
struct rate_account *source_account(struct http_server *server, struct rate_key key, uint64_t now)
{
	struct rate_account *known = rate_look(server->known, key, now);
	return known != NULL ? known : rate_find(server->sources, key);
}

static uint64_t source_wait_ns(const struct http_connection *connection, enum rate_slot slot, uint64_t per_s, uint64_t burst_ns, uint64_t now)
{
	const struct source *source = &connection->source;
	uint64_t wait = 0;
	for (unsigned i = 0; per_s > 0 && i < source->n; i++)
		wait = larger(wait, rate_wait_ns(source_account(connection->server, source->level[i], now)->until_ns[slot], per_s * source_factor[i], burst_ns, now));
	return wait;
}

static void source_take(const struct http_connection *connection, enum rate_slot slot, uint64_t per_s, uint64_t n, uint64_t now)
{
	const struct source *source = &connection->source;
	for (unsigned i = 0; per_s > 0 && i < source->n; i++)
		rate_take(&source_account(connection->server, source->level[i], now)->until_ns[slot], per_s * source_factor[i], n, now);
}

static struct rate_account *account_of(const struct http_connection *connection)
{
	return rate_find(connection->server->accounts, account_key(connection->account));
}

static uint64_t take_or_wait(struct http_connection *connection, enum rate_slot slot, uint64_t per_s, uint64_t now)
{
	uint64_t wait = source_wait_ns(connection, slot, per_s, BURST_NS, now);
	if (wait == 0)
		source_take(connection, slot, per_s, 1, now);
	return wait;
}

bool rates_take_handshake(struct http_connection *connection)
{
	return take_or_wait(connection, SLOT_HANDSHAKES, connection->server->limits.handshakes_per_s, time_monotonic_ns()) == 0;
}

uint64_t rates_take_request(struct http_connection *connection)
{
	return take_or_wait(connection, SLOT_REQUESTS, connection->server->limits.source_requests_per_s, time_monotonic_ns());
}

uint64_t rates_take_account_request(struct http_connection *connection)
{
	uint64_t per_s = connection->server->limits.account_requests_per_s, now = time_monotonic_ns();
	if (per_s == 0)
		return 0;
	struct rate_account *account = account_of(connection);
	uint64_t wait = rate_wait_ns(account->until_ns[SLOT_REQUESTS], per_s, BURST_NS, now);
	if (wait == 0)
		rate_take(&account->until_ns[SLOT_REQUESTS], per_s, 1, now);
	return wait;
}

/* ------------------------------------------------ bytes ------------------------------------------------ */

static bool has_pace(const struct http_connection *connection)
{
	const struct http_limits *limits = &connection->server->limits;
	return limits->source_bytes_per_s > 0 || (limits->account_bytes_per_s > 0 && connection->account != 0);
}

uint64_t rates_paced_until(const struct http_connection *connection, enum limit *ret_limit)
{
	const struct http_limits *limits = &connection->server->limits;
	if (!has_pace(connection))
		return 0;
	uint64_t now = time_monotonic_ns();
	uint64_t by_source = source_wait_ns(connection, SLOT_BYTES, limits->source_bytes_per_s, BYTES_BURST_NS, now);
	uint64_t by_account = connection->account == 0 ? 0 :
		rate_wait_ns(account_of(connection)->until_ns[SLOT_BYTES], limits->account_bytes_per_s, BYTES_BURST_NS, now);
	*ret_limit = by_account > by_source ? LIMIT_BANDWIDTH_PER_USER : LIMIT_BANDWIDTH_PER_SOURCE;
	uint64_t wait = larger(by_source, by_account);
	return wait > 0 ? now + wait : 0;
}

void rates_moved(struct http_connection *connection, size_t n)
{
	const struct http_limits *limits = &connection->server->limits;
	if (!has_pace(connection))
		return;
	uint64_t now = time_monotonic_ns();
	source_take(connection, SLOT_BYTES, limits->source_bytes_per_s, n, now);
	if (connection->account != 0)
		rate_take(&account_of(connection)->until_ns[SLOT_BYTES], limits->account_bytes_per_s, n, now);
}

static uint64_t smaller(uint64_t budget, uint64_t per_s)
{
	uint64_t piece = per_s / PIECES_PER_S;
	if (per_s == 0 || piece >= budget)
		return budget;
	return piece < RECORD_BYTES ? RECORD_BYTES : piece;
}

size_t rates_budget(const struct http_connection *connection)
{
	const struct http_limits *limits = &connection->server->limits;
	uint64_t budget = smaller(ROUND_BYTES, limits->source_bytes_per_s);
	return (size_t)(connection->account != 0 ? smaller(budget, limits->account_bytes_per_s) : budget);
}

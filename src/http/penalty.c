/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Penalties of sources, after the model of OpenSSH's PerSourcePenalties: each offence adds seconds, which pass as time does. Below the least penalty nothing
 * happens; from there on new connections from the source are refused for as long as what has gathered, at most for the longest penalty.
 *
 * A source may be the address of many people, of whom one misbehaves. So connections that are there stay, a source from which one of ours came within a day is
 * never refused for longer than the least penalty, and between two penalties every source is let in for at least as long. What it does in that time counts,
 * and is what its next penalty is measured by. */
#include "http/internal.h"

#include <string.h>

#define NS_PER_MS 1000000u
#define HOUR_NS (3600 * (uint64_t)NS_PER_S)
#define KNOWN_NS (25 * HOUR_NS)         /* a day after the last request: of those of an hour one counts */
#define SITE_PART 16                    /* of an offence counts for the whole /48 */

static void block(struct http_server *server, struct rate_account *account, uint64_t length, uint64_t now)
{
	uint64_t least = server->limits.penalty_min_ms * (uint64_t)NS_PER_MS;
	if (account->kept_until_ns > now && length > least)
		length = least;
	account->until_ns[SLOT_BLOCKED] = now + length;
	account->until_ns[SLOT_OPEN] = now + length + least;
	account->until_ns[SLOT_SCORE] = now;
	if (server->blocked_until_ns < now + length)
		server->blocked_until_ns = now + length;
}

static void add(struct http_server *server, struct rate_key key, uint64_t ns, uint64_t now)
{
	const struct http_limits *limits = &server->limits;
	uint64_t most = limits->penalty_max_ms * (uint64_t)NS_PER_MS, least = limits->penalty_min_ms * (uint64_t)NS_PER_MS;
	struct rate_account *account = source_account(server, key, now);
	uint64_t *score = &account->until_ns[SLOT_SCORE];
	*score = (*score > now ? *score : now) + ns;
	if (*score > now + most)
		*score = now + most;
	if (account->until_ns[SLOT_OPEN] <= now && *score - now >= least)
		block(server, account, *score - now, now);
}

void penalty_add(struct http_connection *connection, enum http_offence offence)
{
	struct http_server *server = connection->server;
	uint64_t ns = server->limits.penalty_ms[offence] * (uint64_t)NS_PER_MS, now = time_monotonic_ns();
	bool repeats = offence != OFFENCE_ENROLLMENT && connection->has_offended;
	connection->has_offended = true;
	if (ns == 0 || server->limits.penalty_max_ms == 0 || repeats ||
	    prefix_list_holds(&server->limits.penalty_exempt, connection->address))
		return;
	for (unsigned i = 0; i < connection->source.n; i++)
		add(server, connection->source.level[i], i == 0 ? ns : ns / SITE_PART, now);
}

bool penalty_is_due(const struct http_connection *connection)
{
	struct http_server *server = connection->server;
	uint64_t now = time_monotonic_ns();
	if (server->blocked_until_ns <= now || server->limits.penalty_max_ms == 0 || prefix_list_holds(&server->limits.penalty_exempt, connection->address))
		return false;
	bool is_blocked = false, is_open = false;
	/* The open time of either level counts: else a neighbour could take turns with the penalties of the two, and leave no gap. */
	for (unsigned i = 0; i < connection->source.n; i++) {
		const struct rate_account *account = source_account(server, connection->source.level[i], now);
		is_blocked = is_blocked || account->until_ns[SLOT_BLOCKED] > now;
		is_open = is_open || (account->until_ns[SLOT_BLOCKED] <= now && account->until_ns[SLOT_OPEN] > now);
	}
	return is_blocked && !is_open;
}

/* What stands against it stays; only a penalty that it has is cut to what one that is known may get. */
static bool become_known(struct http_server *server, struct rate_key key, uint64_t account, uint64_t now)
{
	uint64_t until = now + KNOWN_NS, least = server->limits.penalty_min_ms * (uint64_t)NS_PER_MS;
	const struct rate_account *before = rate_look(server->known, key, now);
	if (before != NULL && before->kept_until_ns > until - HOUR_NS)
		return false;
	struct rate_account *known = rate_keep(server->known, key, account, until, now), *stranger;
	if (before != NULL)
		return true;
	stranger = rate_find(server->sources, key);
	memcpy(known->until_ns, stranger->until_ns, sizeof(known->until_ns));
	*stranger = (struct rate_account){ 0 };
	if (known->until_ns[SLOT_BLOCKED] > now + least)
		block(server, known, least, now);
	return true;
}

static bool know(struct http_server *server, const struct source *source, uint64_t account)
{
	uint64_t now = time_monotonic_ns();
	bool is_news = false;
	for (unsigned i = 0; server->limits.penalty_max_ms > 0 && i < source->n; i++)
		is_news |= become_known(server, source->level[i], account, now);
	return is_news;
}

void penalty_know(struct http_connection *connection)
{
	connection->makes_known |= know(connection->server, &connection->source, connection->account);
}

bool http_request_makes_known(struct http_request *request, uint8_t ret_address[ADDRESS_BYTES])
{
	struct http_connection *connection = request->connection;
	if (!connection->makes_known)
		return false;
	connection->makes_known = false;
	memcpy(ret_address, connection->address, ADDRESS_BYTES);
	return true;
}

void http_server_know(struct http_server *server, const uint8_t address[ADDRESS_BYTES], uint64_t account)
{
	struct source source = source_from(address);
	(void)know(server, &source, account);
}

unsigned http_server_n_penalised(const struct http_server *server)
{
	uint64_t now = time_monotonic_ns();
	return server->blocked_until_ns <= now ? 0 : rate_count(server->sources, SLOT_BLOCKED, now) + rate_count(server->known, SLOT_BLOCKED, now);
}

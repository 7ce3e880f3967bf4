/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How many connections one source, one account and all of them may hold. */
#include "http/internal.h"

#include "base/siphash.h"

#include <stdlib.h>
#include <string.h>

const unsigned source_factor[SOURCE_LEVELS] = { 1, SITE_FACTOR };

enum key_kind { KEY_V4 = 1, KEY_V6, KEY_SITE, KEY_ACCOUNT };

/* An IPv6 subscriber has a /64 for himself: single addresses of it mean nothing. And who has a /48 has 65536 of those (RFC 6177). */
struct source source_from(const uint8_t address[ADDRESS_BYTES])
{
	struct source source = { .n = 1 };
	if (address_is_v4(address)) {
		source.level[0].high = KEY_V4;
		memcpy(&source.level[0].low, address + ADDRESS_BYTES - 4, 4);
		return source;
	}
	source = (struct source){ .n = 2, .level = { { .high = KEY_V6 }, { .high = KEY_SITE } } };
	memcpy(&source.level[0].low, address, 8);
	memcpy(&source.level[1].low, address, 6);
	return source;
}

struct rate_key account_key(uint64_t account)
{
	return (struct rate_key){ KEY_ACCOUNT, account };
}

static struct holder **holder_slot(struct http_server *server, struct rate_key key)
{
	struct holder **slot = &server->holders[siphash(server->hash_key, &key, sizeof(key)) % HOLDER_BUCKETS];
	while (*slot != NULL && memcmp(&(*slot)->key, &key, sizeof(key)) != 0)
		slot = &(*slot)->next;
	return slot;
}

static bool hold(struct http_server *server, struct rate_key key, uint64_t max)
{
	struct holder **slot = holder_slot(server, key);
	if (*slot == NULL) {
		*slot = calloc(1, sizeof(**slot));
		if (*slot == NULL)
			return false;
		(*slot)->key = key;
	} else if ((*slot)->n >= max) {
		return false;
	}
	(*slot)->n++;
	return true;
}

static void let_go(struct http_server *server, struct rate_key key)
{
	struct holder **slot = holder_slot(server, key), *holder = *slot;
	if (holder == NULL || --holder->n > 0)
		return;
	*slot = holder->next;
	free(holder);
}

bool source_enter(struct http_connection *connection)
{
	uint64_t max = connection->server->limits.max_connections_per_source;
	unsigned *n = &connection->n_held;
	for (; *n < connection->source.n; ++*n)
		if (!hold(connection->server, connection->source.level[*n], max * source_factor[*n])) {
			source_leave(connection);
			return false;
		}
	return true;
}

void source_leave(struct http_connection *connection)
{
	while (connection->n_held > 0)
		let_go(connection->server, connection->source.level[--connection->n_held]);
}

bool account_enter(struct http_connection *connection, uint64_t account)
{
	if (connection->account == account)
		return true;
	account_leave(connection);
	if (!hold(connection->server, account_key(account), connection->server->limits.max_connections_per_account))
		return false;
	connection->account = account;
	return true;
}

void account_leave(struct http_connection *connection)
{
	if (connection->account != 0)
		let_go(connection->server, account_key(connection->account));
	connection->account = 0;
}

void holders_free(struct http_server *server)
{
	for (unsigned i = 0; i < HOLDER_BUCKETS; i++) {
		struct holder *next;
		for (struct holder *holder = server->holders[i]; holder != NULL; holder = next) {
			next = holder->next;
			free(holder);
		}
	}
}

/* Those beyond the limit are there to be told so; when even they are too many, nobody is. */
unsigned limits_surplus(const struct http_limits *limits)
{
	unsigned surplus = limits->max_connections / SURPLUS_PART;
	return surplus < SURPLUS_MIN ? SURPLUS_MIN : surplus;
}

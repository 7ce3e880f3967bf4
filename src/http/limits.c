/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How many connections one source and all of them may hold. */
#include "http/internal.h"

#include <stdlib.h>
#include <string.h>

/* An IPv6 subscriber has a /64 for himself: single addresses of it mean nothing (RFC 6177). */
struct source source_from(const struct sockaddr *address)
{
	struct source source = { { 0, 0 } };
	if (address->sa_family == AF_INET) {
		struct sockaddr_in in;
		memcpy(&in, address, sizeof(in));
		source.key[1] = (uint64_t)1 << 32 | in.sin_addr.s_addr;
	} else if (address->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;
		memcpy(&in6, address, sizeof(in6));
		if (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr)) {
			uint32_t v4;
			memcpy(&v4, in6.sin6_addr.s6_addr + 12, sizeof(v4));
			source.key[1] = (uint64_t)1 << 32 | v4;
		} else {
			memcpy(&source.key[0], in6.sin6_addr.s6_addr, 8);
			source.key[1] = (uint64_t)2 << 32;
		}
	}
	return source;
}

static struct source_count **source_slot(struct http_server *server, struct source source)
{
	uint64_t hash = (source.key[0] ^ source.key[1]) * 0x9e3779b97f4a7c15u;
	struct source_count **slot = &server->sources[hash >> 54];
	while (*slot != NULL && memcmp(&(*slot)->source, &source, sizeof(source)) != 0)
		slot = &(*slot)->next;
	return slot;
}

bool source_enter(struct http_server *server, struct source source)
{
	if (server->n_connections >= server->limits.max_connections)
		return false;
	struct source_count **slot = source_slot(server, source);
	if (*slot == NULL) {
		*slot = calloc(1, sizeof(**slot));
		if (*slot == NULL)
			return false;
		(*slot)->source = source;
	} else if ((*slot)->n >= server->limits.max_connections_per_source) {
		return false;
	}
	(*slot)->n++;
	return true;
}

void source_leave(struct http_server *server, struct source source)
{
	struct source_count **slot = source_slot(server, source), *count = *slot;
	if (count == NULL || --count->n > 0)
		return;
	*slot = count->next;
	free(count);
}

void sources_free(struct http_server *server)
{
	for (unsigned i = 0; i < SOURCE_BUCKETS; i++) {
		struct source_count *next;
		for (struct source_count *count = server->sources[i]; count != NULL; count = next) {
			next = count->next;
			free(count);
		}
	}
}

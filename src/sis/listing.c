/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A list's pages, one after the other. */
#include "sis/listing.h"

#include <stdio.h>

static int fetch_page(const struct listing *listing, unsigned limit, json_t **ret_json, struct why *why)
{
	char target[128], from[48] = "";
	uint64_t sequence;
	if (listing->after != 0)
		snprintf(from, sizeof(from), "after=%llu&", (unsigned long long)listing->after);
	snprintf(target, sizeof(target), "/v1/items?%slimit=%u&order=%s%s%s", from, limit, listing->newest ? "newest" : "oldest",
	         listing->include != NULL ? "&include=" : "", listing->include != NULL ? listing->include : "");
	int r = session_get_json(listing->session, target, SESSION_PAGE_MAX_BYTES, ret_json, why);
	if (r < 0)
		return r;
	if (!json_is_array(json_object_get(*ret_json, "items")) || json_member_u64(*ret_json, "sequence", &sequence) < 0)
		return why_set(why, -SIS_ERR_PROTOCOL, "the server's list is malformed");
	return listing->horizon != NULL ? horizon_check(listing->horizon, sequence, why) : 0;
}

/* A server that goes round in circles must not keep us for ever; the page that it gave is good all the same. */
static void go_on(struct listing *listing, const json_t *json)
{
	uint64_t next = 0;
	listing->is_over = json_member_u64(json, "next", &next) < 0;
	listing->is_circular = !listing->is_over && (next == 0 || (listing->after != 0 && (listing->newest ? next >= listing->after : next <= listing->after)));
	listing->after = next;
}

int listing_next(struct listing *listing, unsigned limit, json_t **ret_items, struct why *why)
{
	CLEANUP_JSON json_t *json = NULL;
	if (atomic_load(&sis_cancelled))
		return -SIS_ERR_INTERRUPTED;
	if (listing->is_circular)
		return why_set(why, -SIS_ERR_PROTOCOL, "the server's list has no end");
	int r = fetch_page(listing, limit, &json, why);
	if (r < 0)
		return r;
	*ret_items = json_incref(json_object_get(json, "items"));
	go_on(listing, json);
	return 0;
}

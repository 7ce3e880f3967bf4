/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The server's list of what the caller may see, page by page (ARCHITECTURE.md, "The wire"). What the items say is for their reader to check. */
#pragma once

#include "sis/horizon.h"
#include "sis/session.h"

#define LISTING_PAGE_MAX 200u           /* more the server does not give at once */

/* Set the first four; what is zero does for the others. */
struct listing {
	struct session *session;
	struct horizon *horizon;                /* what the server calls now is held against it; NULL: it is not */
	const char *include;                    /* "manifest", "content", or NULL */
	bool newest;                            /* first; else the oldest */
	uint64_t after;                         /* where the next page begins; 0: at the beginning */
	bool is_over, is_circular;              /* nothing follows; the server has not gone on */
};

/* The next page: an array of at most limit (1 to LISTING_PAGE_MAX) items, owned. PROTOCOL: the list is malformed or has no end; ROLLED_BACK; INTERRUPTED; and the errors of
 * session_get_json. */
int listing_next(struct listing *listing, unsigned limit, json_t **ret_items, struct why *why);

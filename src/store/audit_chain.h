/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Inside the store only: the audit trail's chain. */
#pragma once

#include "store/store.h"
#include "store/writer.h"

/* In the transaction that brings the database to version 3: what was written before gets its hashes, and there is a head. */
int audit_chain_begin(struct store_reader *reader);

struct audit_link {
	struct store_audit_head before, stored; /* as the line before, and this one, say of themselves */
	uint8_t reckoned[DIGEST_BYTES];         /* what this line should say, if it follows on the one before */
	bool has_hash;
};
int audit_chain_get_anchor(struct store_reader *reader, struct store_audit_head *ret_anchor);
int audit_chain_walk(struct store_reader *reader, const struct store_audit_head *anchor, int (*fn)(const struct audit_link *link, void *arg), void *arg);

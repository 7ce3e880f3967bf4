/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A new item: its keys, and everything of its bundle that stands before the object. */
#pragma once

#include "format/item.h"
#include "format/manifest.h"
#include "sis/people.h"

struct audience {                       /* who gets an item: sorted, each once, the sender included */
	unsigned n_people, n_devices;
	struct person *people;
};
/* "bob,carol,@family" → their live devices and our own. */
int audience_fetch(const struct sis *sis, struct session *session, struct pins *pins, const char *to, struct audience *ret_audience, struct why *why);
void audience_free(struct audience *audience);
/* "bob,carol" without ourselves (unless we are the only one); malloc'd. */
char *audience_text(const struct audience *audience, const char *self);

struct composed {                       /* wipe with composed_wipe */
	uint8_t id[ITEM_ID_BYTES];
	struct secret32 file_key;
	struct seal_keys keys;
	uint8_t *prefix;                        /* head, statement, grants, manifest: malloc'd */
	size_t prefix_size;
	struct part_digest object;
};
/* New id and file key. */
int compose_begin(struct composed *ret_composed);
/* What an item is to be, besides its object. Borrowed. */
struct draft {
	const struct audience *audience;
	enum item_kind kind;
	const struct manifest *manifest;
	struct span thumbnail;                  /* a JPEG, at most THUMBNAIL_MAX_BYTES; empty: none */
	int64_t expires;                        /* of every grant, seconds since the epoch; 0: never */
	bool may_share;                         /* whether those granted to others may share it on */
};
/* Makes the prefix for an object that was sealed with these keys. What was sealed and wrapped is opened again and compared before this returns. */
int compose_finish(const struct profile *profile, const struct draft *draft, const struct part_digest *object, struct composed *composed, struct why *why);
void composed_wipe(struct composed *composed);

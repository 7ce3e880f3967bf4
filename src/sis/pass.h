/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A large file sealed twice in constant memory: once for its root, once to be sent. */
#pragma once

#include "sis/ring.h"
#include "sis/source.h"

#define PASS_THREADS 2u
#define PASS_SLOTS 24u

struct pass {
	const struct source *source;
	uint64_t padded, n_chunks;
	uint8_t *tags;                          /* SEAL_TAG_BYTES a chunk, from pass 1 */
};
/* pass->tags is the caller's to free. */
int pass_begin(const struct source *source, struct pass *pass);
int pass_first(struct pass *pass, const struct seal_keys *keys, struct part_digest *ret_digest);
/* What a ring of the second pass does, and with which chunk. */
void pass_prepare_slot(const struct pass *pass, struct ring_slot *slot, uint64_t index);
ring_work_fn pass_work_second;

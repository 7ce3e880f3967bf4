/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Pass 1 seals for the root and keeps each chunk's tag; pass 2 seals again and gives out a chunk only when its tag is the same, so that no key and counter
 * ever seal different bytes that leave this machine. */
#include "sis/pass.h"

#include "base/secret.h"

#include <stdlib.h>
#include <string.h>

int pass_begin(const struct source *source, struct pass *pass)
{
	pass->source = source;
	pass->padded = seal_padded_size(source->size);
	pass->n_chunks = seal_n_chunks(pass->padded);
	pass->tags = calloc(pass->n_chunks, SEAL_TAG_BYTES);
	return pass->tags != NULL ? 0 : -SIS_ERR_NO_MEMORY;
}

void pass_prepare_slot(const struct pass *pass, struct ring_slot *slot, uint64_t index)
{
	uint64_t left = pass->padded - index * SEAL_CHUNK_BYTES;
	slot->index = index;
	slot->last = index + 1 == pass->n_chunks;
	slot->plain_size = left < SEAL_CHUNK_BYTES ? (size_t)left : SEAL_CHUNK_BYTES;
}

static int pass_seal_slot(const struct pass *pass, struct ring_slot *slot, struct seal_cipher *cipher)
{
	uint64_t offset = slot->index * SEAL_CHUNK_BYTES, left = pass->source->size > offset ? pass->source->size - offset : 0;
	size_t content = left < slot->plain_size ? (size_t)left : slot->plain_size;
	/* An early end is a file that became shorter. */
	if (content > 0 && fd_pread_all(pass->source->fd, slot->plain, content, offset) < 0)
		return -SIS_ERR_CHANGED;
	memset(slot->plain + content, 0, slot->plain_size - content);
	return seal_chunk(cipher, slot->index, slot->last, slot->plain, slot->plain_size, slot->sealed);
}

static int pass_work_first(struct ring_slot *slot, struct seal_cipher *cipher, void *arg)
{
	struct pass *pass = arg;
	int r = pass_seal_slot(pass, slot, cipher);
	if (r < 0)
		return r;
	memcpy(pass->tags + slot->index * SEAL_TAG_BYTES, slot->sealed + slot->plain_size, SEAL_TAG_BYTES);
	merkle_hash_leaf(slot->sealed, slot->plain_size + SEAL_TAG_BYTES, slot->leaf);
	return 0;
}

/* Seals again, refuses what differs, and opens what will be sent. */
int pass_work_second(struct ring_slot *slot, struct seal_cipher *cipher, void *arg)
{
	static _Thread_local uint8_t opened[SEAL_CHUNK_BYTES];
	const struct pass *pass = arg;
	int r = pass_seal_slot(pass, slot, cipher);
	if (r == 0 && memcmp(pass->tags + slot->index * SEAL_TAG_BYTES, slot->sealed + slot->plain_size, SEAL_TAG_BYTES) != 0)
		r = -SIS_ERR_CHANGED;
	if (r < 0)
		return r;
	r = seal_open_chunk(cipher, slot->index, slot->last, slot->sealed, slot->plain_size + SEAL_TAG_BYTES, opened);
	if (r == 0 && memcmp(opened, slot->plain, slot->plain_size) != 0)
		r = -SIS_ERR_BAD_SEAL;
	secret_wipe(opened, slot->plain_size);
	return r < 0 ? -SIS_ERR_INTERNAL : 0;
}

int pass_first(struct pass *pass, const struct seal_keys *keys, struct part_digest *ret_digest)
{
	struct ring *ring = NULL;
	struct merkle merkle;
	uint64_t submitted = 0;
	int r = ring_new(&keys->part[SEAL_OBJECT], PASS_THREADS, PASS_SLOTS, pass_work_first, pass, &ring);
	merkle_init(&merkle);
	for (uint64_t collected = 0; r == 0 && collected < pass->n_chunks; collected++) {
		struct ring_slot *slot;
		bool hungry = ring_is_hungry(ring);
		while (hungry && submitted < pass->n_chunks && (slot = ring_free_slot(ring)) != NULL) {
			pass_prepare_slot(pass, slot, submitted++);
			ring_submit(ring, slot);
		}
		slot = ring_collect(ring);
		r = atomic_load(&sis_cancelled) ? -SIS_ERR_INTERRUPTED : slot->error;
		merkle_add_leaf(&merkle, slot->leaf);
		ring_release(ring);
	}
	ring_free(ring);
	if (r == 0) {
		ret_digest->size = seal_sealed_size(pass->padded);
		merkle_root(&merkle, ret_digest->root);
	}
	return r;
}

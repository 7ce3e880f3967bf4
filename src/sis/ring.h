/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Chunks through several threads, in order at both ends, in constant memory. One thread owns the ring and submits and collects; the ring's threads do the
 * cipher and the hash. */
#pragma once

#include "crypto/seal.h"

struct ring_slot {
	uint64_t index;
	bool last;
	size_t plain_size;
	uint8_t leaf[DIGEST_BYTES];
	uint8_t *plain, *sealed;                /* SEAL_CHUNK_BYTES, SEAL_SEALED_CHUNK_BYTES */
	int error;                              /* what work returned */
};
typedef int ring_work_fn(struct ring_slot *slot, struct seal_cipher *cipher, void *arg);

struct ring;
int ring_new(const struct secret32 *key, unsigned n_threads, unsigned n_slots, ring_work_fn *work, void *arg, struct ring **ret_ring);
void ring_free(struct ring *ring);              /* ends the threads, wipes the slots; accepts NULL */
/* The next slot to fill, or NULL when all are in use: collect first. */
struct ring_slot *ring_free_slot(struct ring *ring);
void ring_submit(struct ring *ring, struct ring_slot *slot);
bool ring_is_empty(const struct ring *ring);
/* Half of it waits for work: time to submit more. Slot by slot the threads would sleep and wake for each. */
bool ring_is_hungry(const struct ring *ring);
/* Waits for the oldest submitted slot. It stays the caller's until the next ring_collect or ring_release. */
struct ring_slot *ring_collect(struct ring *ring);
void ring_release(struct ring *ring);

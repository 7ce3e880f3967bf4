/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Chunks through several threads. */
#include "sis/ring.h"

#include "base/error.h"
#include "base/util.h"

#include <pthread.h>
#include <stdlib.h>

#define THREADS_MAX 8u

enum slot_state { SLOT_FREE, SLOT_SUBMITTED, SLOT_DONE };

struct ring {
	pthread_mutex_t mutex;
	pthread_cond_t work_there, work_done;
	struct ring_slot *slots;
	enum slot_state *states;
	uint8_t *memory;
	size_t memory_size;
	unsigned n_slots, n_threads;
	uint64_t n_submitted, n_taken, n_collected;     /* slot = number % n_slots */
	uint64_t n_done, n_awaited;                     /* the owner sleeps until so many are done */
	bool holding, stopping;                         /* holding: the caller has the collected slot */
	struct secret32 key;
	ring_work_fn *work;
	void *arg;
	pthread_t threads[THREADS_MAX];
};

static void ring_do(struct ring *ring, struct ring_slot *slot, struct seal_cipher *cipher, unsigned at)
{
	pthread_mutex_unlock(&ring->mutex);
	slot->error = cipher != NULL ? ring->work(slot, cipher, ring->arg) : -SIS_ERR_NO_MEMORY;
	pthread_mutex_lock(&ring->mutex);
	ring->states[at] = SLOT_DONE;
	if (++ring->n_done == ring->n_awaited)
		pthread_cond_signal(&ring->work_done);
}

static void *ring_thread(void *arg)
{
	struct ring *ring = arg;
	struct seal_cipher *cipher = NULL;
	if (seal_cipher_new(&ring->key, &cipher) < 0)
		cipher = NULL;
	pthread_mutex_lock(&ring->mutex);
	while (!ring->stopping) {
		if (ring->n_taken == ring->n_submitted) {
			pthread_cond_wait(&ring->work_there, &ring->mutex);
			continue;
		}
		unsigned at = (unsigned)(ring->n_taken++ % ring->n_slots);
		ring_do(ring, &ring->slots[at], cipher, at);
	}
	pthread_mutex_unlock(&ring->mutex);
	seal_cipher_free(cipher);
	return NULL;
}

int ring_new(const struct secret32 *key, unsigned n_threads, unsigned n_slots, ring_work_fn *work, void *arg, struct ring **ret_ring)
{
	struct ring *ring = xcalloc(1, sizeof(*ring));
	size_t each = SEAL_CHUNK_BYTES + SEAL_SEALED_CHUNK_BYTES + 48;  /* keeps every slot 64-byte aligned */
	pthread_mutex_init(&ring->mutex, NULL);
	pthread_cond_init(&ring->work_there, NULL);
	pthread_cond_init(&ring->work_done, NULL);
	ring->slots = xcalloc(n_slots, sizeof(*ring->slots));
	ring->states = xcalloc(n_slots, sizeof(*ring->states));
	ring->memory_size = each * n_slots;
	ring->memory = xcalloc(1, ring->memory_size);
	ring->n_slots = n_slots;
	ring->key = *key;
	ring->work = work;
	ring->arg = arg;
	for (unsigned i = 0; i < n_slots; i++) {
		ring->slots[i].plain = ring->memory + i * each;
		ring->slots[i].sealed = ring->slots[i].plain + SEAL_CHUNK_BYTES;
	}
	for (; ring->n_threads < n_threads && ring->n_threads < THREADS_MAX; ring->n_threads++) {
		if (pthread_create(&ring->threads[ring->n_threads], NULL, ring_thread, ring) != 0)
			break;
	}
	if (ring->n_threads == 0) {
		ring_free(ring);
		return -SIS_ERR_NO_MEMORY;
	}
	*ret_ring = ring;
	return 0;
}

void ring_free(struct ring *ring)
{
	if (ring == NULL)
		return;
	pthread_mutex_lock(&ring->mutex);
	ring->stopping = true;
	pthread_cond_broadcast(&ring->work_there);
	pthread_mutex_unlock(&ring->mutex);
	for (unsigned i = 0; i < ring->n_threads; i++)
		pthread_join(ring->threads[i], NULL);
	secret_wipe(ring->memory, ring->memory_size);
	secret32_wipe(&ring->key);
	free(ring->memory);
	free(ring->slots);
	free(ring->states);
	pthread_cond_destroy(&ring->work_there);
	pthread_cond_destroy(&ring->work_done);
	pthread_mutex_destroy(&ring->mutex);
	free(ring);
}

struct ring_slot *ring_free_slot(struct ring *ring)
{
	uint64_t in_use = ring->n_submitted - ring->n_collected + (ring->holding ? 1 : 0);
	return in_use < ring->n_slots ? &ring->slots[ring->n_submitted % ring->n_slots] : NULL;
}

void ring_submit(struct ring *ring, struct ring_slot *slot)
{
	pthread_mutex_lock(&ring->mutex);
	ring->states[slot - ring->slots] = SLOT_SUBMITTED;
	ring->n_submitted++;
	pthread_cond_signal(&ring->work_there);
	pthread_mutex_unlock(&ring->mutex);
}

bool ring_is_empty(const struct ring *ring)
{
	return ring->n_collected == ring->n_submitted;
}

bool ring_is_hungry(const struct ring *ring)
{
	return ring->n_submitted - ring->n_collected <= ring->n_slots / 2;
}

void ring_release(struct ring *ring)
{
	ring->holding = false;
}

/* With the lock held: sleeps for a quarter of the ring, which then is there without another sleep. */
static void wait_for_some(struct ring *ring)
{
	uint64_t undone = ring->n_submitted - ring->n_done, some = ring->n_slots / 4;
	ring->n_awaited = ring->n_done + (undone < some || some == 0 ? undone : some);
	while (ring->n_done < ring->n_awaited)
		pthread_cond_wait(&ring->work_done, &ring->mutex);
	ring->n_awaited = 0;
}

struct ring_slot *ring_collect(struct ring *ring)
{
	unsigned at = (unsigned)(ring->n_collected % ring->n_slots);
	pthread_mutex_lock(&ring->mutex);
	while (ring->states[at] != SLOT_DONE)
		wait_for_some(ring);
	pthread_mutex_unlock(&ring->mutex);
	ring->n_collected++;
	ring->holding = true;
	return &ring->slots[at];
}

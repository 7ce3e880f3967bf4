/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Group commit: one thread owns the writing connection. While one transaction is made durable the next changes gather, and all of them share
 * the next flush: one writer never competes with itself, and the more there is to do the cheaper each change gets. */
#include "ledger/ledger.h"

#include "base/error.h"

#include <pthread.h>
#include <stdatomic.h>

#define TRANSACT_STACK_BYTES (512 * 1024)

static struct {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct change *first, **last;
	bool stopping;
	struct transact_figures figures;
	struct store_writer *writer;
	atomic_bool short_of_room;
	_Atomic uint64_t free_bytes;
	pthread_t thread;
} transact = { .lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER, .last = &transact.first };

static int transact_run_one(struct store_writer *writer, struct change *change)
{
	int r = store_step_begin(writer);
	if (r < 0)
		return r;
	r = change->run(writer, change);
	/* A full disk may have ended the whole transaction already. */
	int ended = store_is_open(writer) ? store_step_end(writer, r >= 0) : r;
	return r < 0 ? r : ended;
}

static void transact_look_for_room(struct store_writer *writer)
{
	uint64_t free_bytes;
	atomic_store(&transact.short_of_room, store_reserve_look(writer, atomic_load(&transact.short_of_room), &free_bytes));
	atomic_store(&transact.free_bytes, free_bytes);
}

bool transact_is_short_of_room(uint64_t *ret_free_bytes)
{
	*ret_free_bytes = atomic_load(&transact.free_bytes);
	return atomic_load(&transact.short_of_room);
}

/* Runs all changes in one transaction. A change that fails is undone alone; when the transaction itself is lost, all that were in it have failed. */
static void transact_run(struct store_writer *writer, struct change *batch)
{
	transact_look_for_room(writer);
	int lost = store_begin(writer);
	for (struct change *change = batch; change != NULL && lost == 0; change = change->next) {
		change->result = transact_run_one(writer, change);
		if (!store_is_open(writer))
			lost = change->result < 0 ? change->result : -SIS_ERR_IO;
	}
	if (lost == 0)
		lost = store_commit(writer);
	for (struct change *change = batch; change != NULL && lost < 0; change = change->next)
		change->result = lost;
}

static struct change *transact_take(void)
{
	while (transact.first == NULL && !transact.stopping)
		pthread_cond_wait(&transact.wake, &transact.lock);
	struct change *batch = transact.first;
	transact.first = NULL;
	transact.last = &transact.first;
	return batch;
}

static unsigned transact_post(struct change *batch)
{
	unsigned n = 0;
	while (batch != NULL) {
		struct change *next = batch->next;
		completion_post(&batch->completion);
		batch = next;
		n++;
	}
	return n;
}

static void *transact_thread(void *arg)
{
	pthread_mutex_lock(&transact.lock);
	for (struct change *batch; (batch = transact_take()) != NULL;) {
		pthread_mutex_unlock(&transact.lock);
		transact_run(transact.writer, batch);
		unsigned n = transact_post(batch);
		pthread_mutex_lock(&transact.lock);
		transact.figures.n_batches++;
		transact.figures.n_changes += n;
		if (n > transact.figures.largest)
			transact.figures.largest = n;
	}
	pthread_mutex_unlock(&transact.lock);
	return NULL;
}

int transact_start(struct store_writer *writer)
{
	transact.writer = writer;
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, TRANSACT_STACK_BYTES);
	int errno_value = pthread_create(&transact.thread, &attributes, transact_thread, NULL);
	pthread_attr_destroy(&attributes);
	return errno_value == 0 ? 0 : error_from_errno(errno_value);
}

void transact_submit(struct change *change)
{
	completion_expect();
	transact_pass(change);
}

void transact_pass(struct change *change)
{
	change->next = NULL;
	change->result = -SIS_ERR_INTERNAL;
	pthread_mutex_lock(&transact.lock);
	*transact.last = change;
	transact.last = &change->next;
	pthread_mutex_unlock(&transact.lock);
	pthread_cond_signal(&transact.wake);
}

void transact_stop(void)
{
	pthread_mutex_lock(&transact.lock);
	transact.stopping = true;
	pthread_mutex_unlock(&transact.lock);
	pthread_cond_signal(&transact.wake);
	pthread_join(transact.thread, NULL);
}

struct transact_figures transact_figures(void)
{
	pthread_mutex_lock(&transact.lock);
	struct transact_figures figures = transact.figures;
	pthread_mutex_unlock(&transact.lock);
	return figures;
}

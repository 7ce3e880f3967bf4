/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Threads that wait for the disk, or reckon for long, so that the loop thread need not. They are started when work first calls for them: a server
 * at rest has none. Eight flushes in flight is where more of them gain nothing (measured: ARCHITECTURE.md). */
#include "ledger/ledger.h"

#include <pthread.h>

#define POOL_MAX_THREADS 8
#define POOL_STACK_BYTES (256 * 1024)

static struct {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct job *first, **last;
	unsigned n_threads, n_idle, n_queued;
} pool = { .lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER, .last = &pool.first };

static void pool_work(struct job *job)
{
	job->work(job);
	if (job->then != NULL)
		transact_pass(job->then);
	else
		completion_post(&job->completion);
}

static void *pool_run(void *arg)
{
	pthread_mutex_lock(&pool.lock);
	for (;;) {
		while (pool.first == NULL) {
			pool.n_idle++;
			pthread_cond_wait(&pool.wake, &pool.lock);
			pool.n_idle--;
		}
		struct job *job = pool.first;
		pool.first = job->next;
		if (pool.first == NULL)
			pool.last = &pool.first;
		pool.n_queued--;
		pthread_mutex_unlock(&pool.lock);
		pool_work(job);
		pthread_mutex_lock(&pool.lock);
	}
	return NULL;
}

static bool pool_add_thread(void)
{
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, POOL_STACK_BYTES);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_t thread;
	bool started = pthread_create(&thread, &attributes, pool_run, NULL) == 0;
	pthread_attr_destroy(&attributes);
	return started;
}

/* With the lock held; false when the job must be done here because there is nobody else. */
static bool pool_queue(struct job *job)
{
	bool need_thread = pool.n_idle <= pool.n_queued && pool.n_threads < POOL_MAX_THREADS;
	if (need_thread && pool_add_thread())
		pool.n_threads++;
	if (pool.n_threads == 0)
		return false;
	job->next = NULL;
	*pool.last = job;
	pool.last = &job->next;
	pool.n_queued++;
	return true;
}

void pool_submit(struct job *job)
{
	completion_expect();
	job->then = NULL;
	pthread_mutex_lock(&pool.lock);
	bool queued = pool_queue(job);
	pthread_mutex_unlock(&pool.lock);
	if (queued) {
		pthread_cond_signal(&pool.wake);
		return;
	}
	pool_work(job);
}

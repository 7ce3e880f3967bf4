/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The root of a large part, reckoned by two threads, because whoever uploads waits for it. The part is cut into ranges of a power of two chunks: the
 * root of each is a node of the tree (RFC 9162 §2.1.1), and the tree over those nodes is the top of the same tree. */
#include "ledger/ledger.h"

#include "base/error.h"
#include "base/util.h"
#include "crypto/seal.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define RANGE_BYTES ((uint64_t)64 * SEAL_SEALED_CHUNK_BYTES)
#define ALONE_BYTES (2 * RANGE_BYTES)   /* up to here one thread is as fast */

struct roots {
	struct job helper;                      /* first */
	atomic_uint n_owners;                   /* who asked, and the helper, which may come late */
	int fd;                                 /* open until every range that was taken is done */
	uint64_t offset, size, n_ranges;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	uint64_t n_taken, n_done;
	int error;
	uint8_t (*root)[DIGEST_BYTES];          /* of each range */
};

static void roots_unref(struct roots *roots)
{
	if (atomic_fetch_sub(&roots->n_owners, 1) > 1)
		return;
	pthread_mutex_destroy(&roots->lock);
	pthread_cond_destroy(&roots->wake);
	free(roots->root);
	free(roots);
}

/* Takes ranges as long as there are any. With the lock held. */
static void roots_take(struct roots *roots)
{
	while (roots->n_taken < roots->n_ranges && roots->error == 0) {
		uint64_t range = roots->n_taken++, at = range * RANGE_BYTES, left = roots->size - at;
		pthread_mutex_unlock(&roots->lock);
		int r = store_part_root(roots->fd, roots->offset + at, left < RANGE_BYTES ? left : RANGE_BYTES, roots->root[range]);
		pthread_mutex_lock(&roots->lock);
		roots->n_done++;
		if (r < 0)
			roots->error = r;
	}
	pthread_cond_signal(&roots->wake);
}

static void roots_help(struct job *job)
{
	struct roots *roots = (struct roots *)job;
	pthread_mutex_lock(&roots->lock);
	roots_take(roots);
	pthread_mutex_unlock(&roots->lock);
}

static void roots_helped(struct completion *completion)
{
	roots_unref((struct roots *)completion);
}

static int roots_new(int fd, uint64_t offset, uint64_t size, struct roots **ret_roots)
{
	struct roots *roots = calloc(1, sizeof(*roots));
	uint64_t n_ranges = (size + RANGE_BYTES - 1) / RANGE_BYTES;
	uint8_t (*root)[DIGEST_BYTES] = calloc(n_ranges, DIGEST_BYTES);
	if (roots == NULL || root == NULL) {
		free(roots);
		free(root);
		return -SIS_ERR_NO_MEMORY;
	}
	*roots = (struct roots){ .helper = { .work = roots_help, .completion.done = roots_helped }, .fd = fd, .offset = offset, .size = size,
	                         .n_ranges = n_ranges, .root = root };
	atomic_init(&roots->n_owners, 2);
	pthread_mutex_init(&roots->lock, NULL);
	pthread_cond_init(&roots->wake, NULL);
	*ret_roots = roots;
	return 0;
}

int roots_of_part(int fd, uint64_t offset, uint64_t size, uint8_t ret_root[DIGEST_BYTES])
{
	struct roots *roots;
	if (size <= ALONE_BYTES)
		return store_part_root(fd, offset, size, ret_root);
	int r = roots_new(fd, offset, size, &roots);
	if (r < 0)
		return r;
	/* Nobody waits for the helper, who may find all pool threads busy: only for what it has taken. */
	pool_submit(&roots->helper);
	pthread_mutex_lock(&roots->lock);
	roots_take(roots);
	while (roots->n_done < roots->n_taken)
		pthread_cond_wait(&roots->wake, &roots->lock);
	r = roots->error;
	pthread_mutex_unlock(&roots->lock);
	struct merkle merkle;
	merkle_init(&merkle);
	for (uint64_t i = 0; i < roots->n_ranges && r == 0; i++)
		merkle_add_leaf(&merkle, roots->root[i]);
	if (r == 0)
		merkle_root(&merkle, ret_root);
	roots_unref(roots);
	return r;
}

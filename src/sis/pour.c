/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Opening an object with both hands: the owner takes bytes from the network, the ring's threads hash, open and write chunks, the owner joins the leaves
 * in order. Small ones go through format/reader.h alone. */
#include "sis/pour.h"

#include "base/error.h"
#include "base/util.h"
#include "sis/ring.h"

#include <stdlib.h>
#include <string.h>

#define THREADS 2u
#define SLOTS 32u
#define PARALLEL_FROM_BYTES (1u << 20)

struct pour {
	struct part_reader *reader;             /* small: this alone is used */
	struct ring *ring;
	struct ring_slot *slot;                 /* being filled */
	size_t filled;                          /* sealed bytes in it */
	uint64_t index, n_chunks, sealed_left, content_size, written;
	struct part_digest digest;
	struct merkle merkle;
	int plain_fd, error;
};

static int write_small(const uint8_t *data, size_t size, void *arg)
{
	struct pour *pour = arg;
	int r = pour->plain_fd >= 0 ? fd_pwrite_all(pour->plain_fd, data, size, pour->written) : 0;
	pour->written += size;
	return r;
}

static bool is_zero(const uint8_t *data, size_t size)
{
	return size == 0 || (data[0] == 0 && memcmp(data, data + 1, size - 1) == 0);
}

/* In a thread of the ring: nothing here touches what another slot uses. */
static int open_slot(struct ring_slot *slot, struct seal_cipher *cipher, void *arg)
{
	const struct pour *pour = arg;
	uint64_t offset = slot->index * SEAL_CHUNK_BYTES;
	merkle_hash_leaf(slot->sealed, slot->plain_size + SEAL_TAG_BYTES, slot->leaf);
	int r = seal_open_chunk(cipher, slot->index, slot->last, slot->sealed, slot->plain_size + SEAL_TAG_BYTES, slot->plain);
	if (r < 0)
		return r;
	uint64_t left = pour->content_size > offset ? pour->content_size - offset : 0;
	size_t content = left < slot->plain_size ? (size_t)left : slot->plain_size;
	if (!is_zero(slot->plain + content, slot->plain_size - content))
		return -SIS_ERR_BAD_FORMAT;
	return pour->plain_fd >= 0 && content > 0 ? fd_pwrite_all(pour->plain_fd, slot->plain, content, offset) : 0;
}

int pour_new(const struct secret32 *key, const struct part_digest *digest, uint64_t content_size, int plain_fd, struct pour **ret_pour)
{
	uint64_t plain_size;
	int r = seal_plain_size(digest->size, &plain_size);
	if (r < 0 || content_size > plain_size)
		return -SIS_ERR_BAD_FORMAT;
	struct pour *pour = xcalloc(1, sizeof(*pour));
	pour->plain_fd = plain_fd;
	pour->content_size = content_size;
	pour->digest = *digest;
	pour->sealed_left = digest->size;
	pour->n_chunks = seal_n_chunks(plain_size);
	merkle_init(&pour->merkle);
	r = digest->size < PARALLEL_FROM_BYTES ? part_reader_new(key, digest, content_size, write_small, pour, &pour->reader)
	                                       : ring_new(key, THREADS, SLOTS, open_slot, pour, &pour->ring);
	if (r < 0)
		pour_free(pour);
	else
		*ret_pour = pour;
	return r;
}

void pour_free(struct pour *pour)
{
	if (pour == NULL)
		return;
	part_reader_free(pour->reader);
	ring_free(pour->ring);
	free(pour);
}

static int collect_one(struct pour *pour)
{
	struct ring_slot *slot = ring_collect(pour->ring);
	merkle_add_leaf(&pour->merkle, slot->leaf);
	int r = slot->error;
	ring_release(pour->ring);
	return r;
}

static int take_slot(struct pour *pour)
{
	int r = 0;
	while (r == 0 && (pour->slot = ring_free_slot(pour->ring)) == NULL)
		r = collect_one(pour);
	if (r < 0)
		return r;
	pour->slot->index = pour->index++;
	pour->slot->last = pour->slot->index + 1 == pour->n_chunks;
	pour->slot->plain_size = (pour->sealed_left < SEAL_SEALED_CHUNK_BYTES ? (size_t)pour->sealed_left : SEAL_SEALED_CHUNK_BYTES) - SEAL_TAG_BYTES;
	pour->filled = 0;
	return 0;
}

static int feed_ring(struct pour *pour, const uint8_t *data, size_t size)
{
	while (size > 0) {
		if (pour->sealed_left == 0 && pour->slot == NULL)
			return -SIS_ERR_BAD_FORMAT;
		int r = pour->slot == NULL ? take_slot(pour) : 0;
		if (r < 0)
			return r;
		size_t room = pour->slot->plain_size + SEAL_TAG_BYTES - pour->filled, n = size < room ? size : room;
		memcpy(pour->slot->sealed + pour->filled, data, n);
		pour->filled += n;
		pour->sealed_left -= n;
		data += n;
		size -= n;
		if (n == room) {
			ring_submit(pour->ring, pour->slot);
			pour->slot = NULL;
		}
	}
	return 0;
}

int pour_feed(struct pour *pour, const uint8_t *data, size_t size)
{
	if (pour->error == 0)
		pour->error = pour->reader != NULL ? part_reader_feed(pour->reader, data, size) : feed_ring(pour, data, size);
	return pour->error;
}

int pour_finish(struct pour *pour)
{
	uint8_t root[DIGEST_BYTES];
	if (pour->error < 0)
		return pour->error;
	if (pour->reader != NULL)
		return part_reader_finish(pour->reader);
	int r = 0;
	while (r == 0 && !ring_is_empty(pour->ring))
		r = collect_one(pour);
	if (r == 0 && (pour->sealed_left > 0 || pour->slot != NULL))
		return -SIS_ERR_BAD_FORMAT;
	if (r < 0)
		return r;
	merkle_root(&pour->merkle, root);
	return memcmp(root, pour->digest.root, sizeof(root)) == 0 ? 0 : -SIS_ERR_BAD_ROOT;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * SHA-256 and the Merkle tree, built leaf by leaf. The stack holds the roots of complete subtrees, one for each set bit of n_leaves; folding
 * it from the right gives the tree that RFC 9162 §2.1.1 defines by splitting at the largest power of two. */
#include "crypto/digest.h"

#include "base/error.h"

#include <assert.h>
#include <errno.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LEAF_PREFIX 0x00
#define NODE_PREFIX 0x01
#define FILE_PIECE_BYTES 131072

void digest_sha256(const void *data, size_t size, uint8_t ret_digest[DIGEST_BYTES])
{
	struct sha256_ctx sha256;

	sha256_init(&sha256);
	sha256_update(&sha256, size, data);
	sha256_digest(&sha256, DIGEST_BYTES, ret_digest);
}

int digest_file(int fd, uint8_t ret_digest[DIGEST_BYTES], uint64_t *ret_size)
{
	uint8_t *piece = malloc(FILE_PIECE_BYTES);
	struct sha256_ctx sha256;
	uint64_t done = 0;
	ssize_t n = -1;

	if (piece == NULL)
		return -SIS_ERR_NO_MEMORY;
	sha256_init(&sha256);
	while ((n = pread(fd, piece, FILE_PIECE_BYTES, (off_t)done)) > 0 || (n < 0 && errno == EINTR)) {
		if (n < 0)
			continue;
		sha256_update(&sha256, (size_t)n, piece);
		done += (uint64_t)n;
	}
	free(piece);
	if (n < 0)
		return error_from_errno(errno);
	sha256_digest(&sha256, DIGEST_BYTES, ret_digest);
	*ret_size = done;
	return 0;
}

void merkle_init(struct merkle *merkle)
{
	merkle->n_leaves = 0;
	merkle->depth = 0;
}

void merkle_hash_leaf(const void *chunk, size_t size, uint8_t ret_leaf[DIGEST_BYTES])
{
	const uint8_t prefix = LEAF_PREFIX;
	struct sha256_ctx sha256;

	sha256_init(&sha256);
	sha256_update(&sha256, 1, &prefix);
	sha256_update(&sha256, size, chunk);
	sha256_digest(&sha256, DIGEST_BYTES, ret_leaf);
}

/* ret_node may be left or right. */
static void hash_node(const uint8_t left[DIGEST_BYTES], const uint8_t right[DIGEST_BYTES], uint8_t ret_node[DIGEST_BYTES])
{
	const uint8_t prefix = NODE_PREFIX;
	struct sha256_ctx sha256;

	sha256_init(&sha256);
	sha256_update(&sha256, 1, &prefix);
	sha256_update(&sha256, DIGEST_BYTES, left);
	sha256_update(&sha256, DIGEST_BYTES, right);
	sha256_digest(&sha256, DIGEST_BYTES, ret_node);
}

void merkle_add_leaf(struct merkle *merkle, const uint8_t leaf[DIGEST_BYTES])
{
	uint64_t complete = merkle->n_leaves++;

	assert(merkle->depth < 64);
	memcpy(merkle->stack[merkle->depth++], leaf, DIGEST_BYTES);
	for (; complete & 1; complete >>= 1) {
		merkle->depth--;
		hash_node(merkle->stack[merkle->depth - 1], merkle->stack[merkle->depth], merkle->stack[merkle->depth - 1]);
	}
}

void merkle_root(const struct merkle *merkle, uint8_t ret_root[DIGEST_BYTES])
{
	uint8_t root[DIGEST_BYTES];

	if (!merkle->depth) {
		digest_sha256("", 0, ret_root);
		return;
	}
	memcpy(root, merkle->stack[merkle->depth - 1], DIGEST_BYTES);
	for (unsigned i = merkle->depth - 1; i-- > 0;)
		hash_node(merkle->stack[i], root, root);
	memcpy(ret_root, root, DIGEST_BYTES);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * SHA-256 and the RFC 9162 §2.1.1 Merkle tree over sealed chunks. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define DIGEST_BYTES 32

void digest_sha256(const void *data, size_t size, uint8_t ret_digest[DIGEST_BYTES]);

/* Of an open file, from its beginning to its end, wherever its offset is. NO_MEMORY, or errno's error. */
int digest_file(int fd, uint8_t ret_digest[DIGEST_BYTES], uint64_t *ret_size);

/* Leaf: SHA-256(0x00 || chunk). Node: SHA-256(0x01 || left || right). No leaves: SHA-256(""). Leaves must come in order. */
struct merkle {
	uint64_t n_leaves;
	unsigned depth;                         /* nodes on the stack */
	uint8_t stack[64][DIGEST_BYTES];
};
void merkle_init(struct merkle *merkle);
void merkle_hash_leaf(const void *chunk, size_t size, uint8_t ret_leaf[DIGEST_BYTES]);  /* thread-safe: leaves may be hashed in parallel */
void merkle_add_leaf(struct merkle *merkle, const uint8_t leaf[DIGEST_BYTES]);
void merkle_root(const struct merkle *merkle, uint8_t ret_root[DIGEST_BYTES]);

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One table over nettle's hash functions. */
#include "crypto/hash.h"

#include <nettle/nettle-meta.h>
#include <stdlib.h>

struct hash { const struct nettle_hash *with; max_align_t context[]; };

static const struct nettle_hash *hash_with(enum hash_algorithm algorithm)
{
	return algorithm == HASH_SHA1 ? &nettle_sha1 : algorithm == HASH_SHA256 ? &nettle_sha256 : &nettle_sha512;
}

size_t hash_bytes(enum hash_algorithm algorithm)
{
	return hash_with(algorithm)->digest_size;
}

struct hash *hash_new(enum hash_algorithm algorithm)
{
	const struct nettle_hash *with = hash_with(algorithm);
	struct hash *hash = calloc(1, sizeof(*hash) + with->context_size);
	if (hash == NULL)
		return NULL;
	hash->with = with;
	with->init(hash->context);
	return hash;
}

void hash_add(struct hash *hash, const void *data, size_t size)
{
	hash->with->update(hash->context, size, data);
}

void hash_end(struct hash *hash, uint8_t *ret_digest)
{
	hash->with->digest(hash->context, hash->with->digest_size, ret_digest);
}

void hash_free(struct hash *hash)
{
	free(hash);
}

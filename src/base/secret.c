/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Secrets that wipe themselves, random bytes, and the one comparison that secrets may meet. */
#include "base/secret.h"
#include "base/error.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

/* Each heap secret has pages of its own: only so can it be kept out of core dumps (and, where the limit allows, out of swap). */
struct secret {
	size_t mapped, size;
	uint8_t data[];
};

void secret_wipe(void *data, size_t size)
{
	if (size > 0)
		explicit_bzero(data, size);
}

void secret_free_text(char *text)
{
	if (text != NULL)
		secret_wipe(text, strlen(text));
	free(text);
}

void secret32_wipe(struct secret32 *secret)
{
	secret_wipe(secret->bytes, sizeof(secret->bytes));
}

int secret_new(size_t size, struct secret **ret_secret)
{
	if (size > SIZE_MAX / 2)
		return -SIS_ERR_NO_MEMORY;
	size_t mapped = sizeof(struct secret) + size;
	struct secret *secret = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (secret == MAP_FAILED)
		return -SIS_ERR_NO_MEMORY;
	(void)madvise(secret, mapped, MADV_DONTDUMP);
	(void)mlock(secret, mapped);    /* best effort: RLIMIT_MEMLOCK may be small */
	secret->mapped = mapped;
	secret->size = size;
	*ret_secret = secret;
	return 0;
}

int secret_from(const void *data, size_t size, struct secret **ret_secret)
{
	struct secret *secret;
	int error = secret_new(size, &secret);
	if (error != 0)
		return error;
	if (size > 0)
		memcpy(secret->data, data, size);
	*ret_secret = secret;
	return 0;
}

uint8_t *secret_data(struct secret *secret)
{
	return secret->data;
}

const uint8_t *secret_peek(const struct secret *secret)
{
	return secret->data;
}

size_t secret_size(const struct secret *secret)
{
	return secret->size;
}

void secret_free(struct secret *secret)
{
	if (secret == NULL)
		return;
	secret_wipe(secret->data, secret->size);
	(void)munmap(secret, secret->mapped);
}

void secret_freep(struct secret **secret)
{
	secret_free(*secret);
	*secret = NULL;
}

int random_bytes(void *ret_data, size_t size)
{
	uint8_t *at = ret_data;
	while (size > 0) {
		ssize_t n = getrandom(at, size, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -SIS_ERR_SYSTEM;
		at += n;
		size -= (size_t)n;
	}
	return 0;
}

int constant_time_compare(const void *a, const void *b, size_t size)
{
	const volatile uint8_t *x = a, *y = b;
	uint8_t difference = 0;
	for (size_t i = 0; i < size; i++)
		difference |= (uint8_t)(x[i] ^ y[i]);
	return difference;
}

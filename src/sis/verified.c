/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What held when it was last checked: lines of "HEX UNTIL". */
#include "sis/verified.h"

#include "crypto/digest.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERIFIED_FILE "verified"
#define VERIFIED_MAX 512u               /* the oldest go first */
#define VERIFIED_LINE 96u
#define BELIEVED_S 86400

struct row {
	uint8_t digest[DIGEST_BYTES];
	int64_t until;
};

struct verified {
	const struct profile *profile;
	pthread_mutex_t mutex;
	int64_t now;
	bool changed;
	uint8_t authority[FINGERPRINT_BYTES];
	unsigned n;
	struct row rows[VERIFIED_MAX];
};

static bool row_parse(const char *line, int64_t now, struct row *ret_row)
{
	uint64_t until;
	const char *space = strchr(line, ' ');
	if (space == NULL || hex_decode((struct span){ (const uint8_t *)line, (size_t)(space - line) }, ret_row->digest, DIGEST_BYTES) < 0 ||
	    !span_to_u64(span_from_string(space + 1), INT64_MAX, &until))
		return false;
	ret_row->until = (int64_t)until;
	/* Further off than we ever write: the clock was wrong, then or now. */
	return ret_row->until > now && ret_row->until <= now + BELIEVED_S;
}

struct verified *verified_open(const struct profile *profile)
{
	struct verified *verified = xcalloc(1, sizeof(*verified));
	CLEANUP_FREE char *text = NULL;
	char *state = NULL;
	size_t size;
	verified->profile = profile;
	verified->now = time_now();
	pthread_mutex_init(&verified->mutex, NULL);
	digest_sha256(profile->ca.data, profile->ca.size, verified->authority);
	if (file_read(profile->dir_fd, VERIFIED_FILE, VERIFIED_MAX * VERIFIED_LINE, &text, &size) < 0)
		return verified;
	for (char *line = strtok_r(text, "\n", &state); line != NULL && verified->n < VERIFIED_MAX; line = strtok_r(NULL, "\n", &state)) {
		if (row_parse(line, verified->now, &verified->rows[verified->n]))
			verified->n++;
	}
	return verified;
}

void verified_free(struct verified *verified)
{
	if (verified == NULL)
		return;
	pthread_mutex_destroy(&verified->mutex);
	free(verified);
}

static void digest_of(const struct verified *verified, enum verified_kind kind, const uint8_t of[FINGERPRINT_BYTES], struct span text,
                      uint8_t ret_digest[DIGEST_BYTES])
{
	uint8_t whole[1 + 2 * FINGERPRINT_BYTES + DIGEST_BYTES] = { (uint8_t)kind };
	memcpy(whole + 1, verified->authority, FINGERPRINT_BYTES);
	memcpy(whole + 1 + FINGERPRINT_BYTES, of, FINGERPRINT_BYTES);
	digest_sha256(text.data, text.size, whole + 1 + 2 * FINGERPRINT_BYTES);
	digest_sha256(whole, sizeof(whole), ret_digest);
}

/* With the lock held. */
static bool holds(const struct verified *verified, const uint8_t digest[DIGEST_BYTES])
{
	for (unsigned i = 0; i < verified->n; i++) {
		if (memcmp(verified->rows[i].digest, digest, DIGEST_BYTES) == 0)
			return true;
	}
	return false;
}

bool verified_knows(struct verified *verified, enum verified_kind kind, const uint8_t of[FINGERPRINT_BYTES], struct span text)
{
	uint8_t digest[DIGEST_BYTES];
	digest_of(verified, kind, of, text, digest);
	pthread_mutex_lock(&verified->mutex);
	bool known = holds(verified, digest);
	pthread_mutex_unlock(&verified->mutex);
	return known;
}

void verified_add(struct verified *verified, enum verified_kind kind, const uint8_t of[FINGERPRINT_BYTES], struct span text)
{
	struct row row = { .until = verified->now + BELIEVED_S };
	digest_of(verified, kind, of, text, row.digest);
	pthread_mutex_lock(&verified->mutex);
	if (!holds(verified, row.digest)) {
		if (verified->n == VERIFIED_MAX)
			memmove(verified->rows, verified->rows + 1, --verified->n * sizeof(verified->rows[0]));
		verified->rows[verified->n++] = row;
		verified->changed = true;
	}
	pthread_mutex_unlock(&verified->mutex);
}

/* Locked. */
static void save(struct verified *verified)
{
	CLEANUP_FREE char *text = xcalloc(verified->n + 1, VERIFIED_LINE);
	size_t size = 0;
	for (unsigned i = 0; i < verified->n; i++) {
		char hex[2 * DIGEST_BYTES + 1];
		hex_encode(verified->rows[i].digest, DIGEST_BYTES, hex);
		size += (size_t)snprintf(text + size, VERIFIED_LINE, "%s %lld\n", hex, (long long)verified->rows[i].until);
	}
	profile_write_quick(verified->profile, VERIFIED_FILE, (struct span){ (uint8_t *)text, size });
	verified->changed = false;
}

void verified_save(struct verified *verified)
{
	pthread_mutex_lock(&verified->mutex);
	if (verified->changed)
		save(verified);
	pthread_mutex_unlock(&verified->mutex);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The device's chain. The record is written in place and in one piece, so that a killed process leaves the old or the new one; only a crash of the whole
 * machine needs the flush at the end. */
#include "sis/chain.h"

#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHAIN_RECORD 128

static int chain_read(int fd, uint64_t *ret_sequence, uint8_t ret_previous[DIGEST_BYTES])
{
	char record[CHAIN_RECORD + 1];
	CLEANUP_JSON json_t *json = NULL;
	ssize_t n = pread(fd, record, sizeof(record), 0);
	if (n < 0)
		return error_from_errno(errno);
	if (n == 0) {
		*ret_sequence = 0;
		memset(ret_previous, 0, DIGEST_BYTES);
		return 0;
	}
	int r = json_parse((struct span){ (uint8_t *)record, (size_t)n }, sizeof(record), &json);
	const char *previous = r == 0 ? json_member_string(json, "previous") : NULL;
	if (previous == NULL || hex_decode(span_from_string(previous), ret_previous, DIGEST_BYTES) < 0)
		return -SIS_ERR_BAD_FORMAT;
	return json_member_u64(json, "sequence", ret_sequence);
}

static int chain_write(int fd, uint64_t sequence, const uint8_t previous[DIGEST_BYTES])
{
	char hex[2 * DIGEST_BYTES + 1], record[CHAIN_RECORD + 1];
	hex_encode(previous, DIGEST_BYTES, hex);
	int n = snprintf(record, sizeof(record), "{\"sequence\":%llu,\"previous\":\"%s\"}", (unsigned long long)sequence, hex);
	memset(record + n, ' ', sizeof(record) - (size_t)n);
	record[CHAIN_RECORD - 1] = '\n';
	return fd_pwrite_all(fd, record, CHAIN_RECORD, 0);
}

int chain_sign(const struct profile *profile, struct statement *statement, char *ret_text, size_t *ret_size, struct why *why)
{
	CLEANUP_FD int fd = -1;
	uint8_t hash[DIGEST_BYTES];
	uint64_t sequence;
	int r = profile_lock(profile, "chain.json", &fd);
	if (r < 0)
		return why_set(why, r, "chain.json of the profile cannot be written: %s", error_text(r));
	r = chain_read(fd, &sequence, statement->previous);
	if (r == -SIS_ERR_BAD_FORMAT)
		return why_set(why, r, "chain.json of the profile is malformed; restore it from a backup");
	if (r < 0)
		return why_set(why, r, "chain.json of the profile cannot be read: %s", error_text(r));
	statement->sequence = sequence + 1;
	r = statement_write(statement, &profile->key, ret_text, ret_size);
	if (r < 0)
		return r;
	digest_sha256(ret_text, *ret_size, hash);
	r = chain_write(fd, statement->sequence, hash);
	return r < 0 ? why_set(why, r, "chain.json of the profile cannot be written: %s", error_text(r)) : 0;
}

void chain_flush(const struct profile *profile)
{
	CLEANUP_FD int fd = openat(profile->dir_fd, "chain.json", O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		fdatasync(fd);
}

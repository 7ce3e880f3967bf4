/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Bytes that do not count yet. Where an upload stands is its file's size; but when a request's bytes are to be compared with a digest at its end, those
 * of a request that never ended must not stay. An empty file beside the upload says from where they are: "UPLOAD.from-OFFSET". It needs no flush: after a
 * power failure the size is not to be relied on either, and what counts in the end is what the ledger verifies at the commit. */
#include "store/db.h"
#include "store/writer.h"

#include "base/error.h"
#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MARK ".from-"
#define MARK_TEXT (STORE_UPLOAD_ID_TEXT + sizeof(MARK) + 20)

static void unchecked_name(const char *id, uint64_t offset, char ret_name[MARK_TEXT])
{
	snprintf(ret_name, MARK_TEXT, "%.*s" MARK "%llu", STORE_UPLOAD_ID_TEXT, id, (unsigned long long)offset);
}

int store_begin_unchecked(struct store_writer *writer, const char *id, uint64_t offset)
{
	char name[MARK_TEXT];
	CLEANUP_FD int fd = -1;
	unchecked_name(id, offset, name);
	int r = store_create_incoming(writer, name, &fd);
	return r == -SIS_ERR_EXISTS ? 0 : r;
}

/* A file with two names is an object: never touched. */
static int unchecked_cut(struct store_writer *writer, const char *id, uint64_t size)
{
	CLEANUP_FD int fd = -1;
	struct stat stat;
	int r = store_open_incoming(writer, id, true, &fd);
	if (r < 0)
		return r;
	if (fstat(fd, &stat) < 0)
		return error_from_errno(errno);
	if (stat.st_nlink != 1 || (uint64_t)stat.st_size <= size)
		return 0;
	return ftruncate(fd, (off_t)size) == 0 ? 0 : error_from_errno(errno);
}

int store_end_unchecked(struct store_writer *writer, const char *id, uint64_t offset, uint64_t size)
{
	char name[MARK_TEXT];
	unchecked_name(id, offset, name);
	int r = unchecked_cut(writer, id, size);
	return r == 0 || r == -SIS_ERR_NO_UPLOAD ? store_remove_incoming(writer, name) : r;
}

bool store_is_unchecked_mark(const char *name)
{
	return strlen(name) > STORE_UPLOAD_ID_TEXT && strncmp(name + STORE_UPLOAD_ID_TEXT, MARK, strlen(MARK)) == 0;
}

int store_recover_unchecked(struct store_writer *writer, const char *name)
{
	char id[STORE_UPLOAD_ID_TEXT + 1];
	uint64_t offset;
	snprintf(id, sizeof(id), "%.*s", STORE_UPLOAD_ID_TEXT, name);
	if (!span_to_u64(span_from_string(name + STORE_UPLOAD_ID_TEXT + strlen(MARK)), INT64_MAX, &offset))
		return store_remove_incoming(writer, name);
	return store_end_unchecked(writer, id, offset, offset);
}

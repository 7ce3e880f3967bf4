/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sisctl backup: what goes into a snapshot, file by file. What the snapshot before has already is linked. */
#include "sisctl/backup.h"
#include "sisctl/paths.h"

#include "base/error.h"
#include "base/util.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/* ------------------------------------------------ one file ------------------------------------------------ */

static int add_sum(struct backup *backup, const char *path, const uint8_t digest[DIGEST_BYTES])
{
	struct sum sum;
	snprintf(sum.path, sizeof(sum.path), "%s", path);
	memcpy(sum.digest, digest, DIGEST_BYTES);
	return sum_write(backup->sums, &sum);
}

/* The digest is of what was written, read back. */
static int copy_new(struct backup *backup, int from_fd, const char *path, uint8_t ret_digest[DIGEST_BYTES], uint64_t *ret_size)
{
	CLEANUP_FD int fd = -1;
	int r = file_copy(from_fd, backup->fd, path, 0600, 0700, &fd);
	return r < 0 ? r : digest_file(fd, ret_digest, ret_size);
}

/* from: below the store. */
static int take_file(struct backup *backup, const char *from, const char *path, uint8_t ret_digest[DIGEST_BYTES])
{
	CLEANUP_FD int from_fd = -1;
	uint64_t size;
	snprintf(backup->at, sizeof(backup->at), "%s", from);
	int r = paths_open_file(backup->state_fd, from, &from_fd);
	if (r == 0)
		r = copy_new(backup, from_fd, path, ret_digest, &size);
	return r < 0 ? r : add_sum(backup, path, ret_digest);
}

static int link_from(const struct backup *backup, const char *path)
{
	CLEANUP_FD int parent = -1;
	const char *name;
	int r = paths_open_parent(backup->fd, path, 0700, &parent, &name);
	return r == 0 && linkat(backup->before_fd, path, parent, name, 0) < 0 ? error_from_errno(errno) : r;
}

/* An object never changes; one of another size or time under the same name is another. The one before is listed with its digest. */
static bool link_before(struct backup *backup, const char *path, const struct stat *now)
{
	struct stat before;
	uint8_t id[ITEM_ID_BYTES], other[ITEM_ID_BYTES];
	if (!object_path_parse(path, id))
		return false;
	while (backup->before_more > 0 && object_path_parse(backup->before_sum.path, other) && memcmp(other, id, ITEM_ID_BYTES) < 0)
		backup->before_more = sum_read(backup->before, &backup->before_sum);
	if (backup->before_more <= 0 || strcmp(backup->before_sum.path, path) != 0 || fstatat(backup->before_fd, path, &before, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	if (!S_ISREG(before.st_mode) || before.st_size != now->st_size || before.st_mtim.tv_sec != now->st_mtim.tv_sec ||
	    before.st_mtim.tv_nsec != now->st_mtim.tv_nsec)
		return false;
	return link_from(backup, path) == 0;
}

/* Lost before the backup: one loss more is no reason to save nothing. */
static int open_object(struct backup *backup, const char *path, uint64_t size, int *ret_fd, struct stat *ret_stat)
{
	snprintf(backup->at, sizeof(backup->at), "%s", path);
	int r = paths_open_file(backup->state_fd, path, ret_fd);
	if (r == 0 && fstat(*ret_fd, ret_stat) < 0)
		return error_from_errno(errno);
	return r == 0 && (uint64_t)ret_stat->st_size != size ? -SIS_ERR_MISMATCH : r;
}

/* text and size: as the ledger says. What is no id must not become a path. */
static int take_object(struct backup *backup, const char *text, uint64_t size)
{
	char path[SNAPSHOT_PATH_MAX], id[ITEM_ID_TEXT + 1];
	uint8_t digest[DIGEST_BYTES], raw[ITEM_ID_BYTES];
	struct stat stat;
	uint64_t copied = size;
	CLEANUP_FD int fd = -1;
	int r = item_id_decode(span_from_string(text), raw);
	if (r < 0)
		return r;
	item_id_encode(raw, id);
	object_path(id, path);
	backup->n_items++;
	r = open_object(backup, path, size, &fd, &stat);
	if (r == -SIS_ERR_NO_INPUT || r == -SIS_ERR_MISMATCH) {
		output_error(EX_DATAERR, "item %s: its object is missing in the store, or has not its size: the backup is without it; see sisctl check", id);
		backup->n_lost++;
		return 0;
	}
	if (r < 0)
		return r;
	backup->bytes += size;
	if (link_before(backup, path, &stat))
		return sum_write(backup->sums, &backup->before_sum);
	r = copy_new(backup, fd, path, digest, &copied);
	if (r < 0)
		return r;
	backup->n_new++;
	backup->new_bytes += copied;
	return copied != size ? -SIS_ERR_MISMATCH : add_sum(backup, path, digest);
}

/* ------------------------------------------------ everything ------------------------------------------------ */

static int take_objects(struct backup *backup)
{
	int fd = -1, r, n;
	char id[ITEM_ID_TEXT + 1];
	uint64_t size;
	snprintf(backup->at, sizeof(backup->at), "incoming/.backup.list");
	r = paths_open_file(backup->state_fd, backup->at, &fd);
	if (r < 0)
		return r;
	FILE *list = fdopen(fd, "r");
	if (list == NULL)
		return -SIS_ERR_NO_MEMORY;
	_Static_assert(ITEM_ID_TEXT == 26, "as in the format");
	while (r == 0 && (n = fscanf(list, "%26s %" SCNu64 "\n", id, &size)) != EOF)
		r = n == 2 ? take_object(backup, id, size) : -SIS_ERR_BAD_FORMAT;
	if (r == 0 && ferror(list))
		r = -SIS_ERR_IO;
	fclose(list);
	return r;
}

static int take_database(struct backup *backup)
{
	char text[2 * DIGEST_BYTES + 1];
	uint8_t digest[DIGEST_BYTES];
	int r = take_file(backup, "incoming/.backup.db", SNAPSHOT_DATABASE, digest);
	if (r < 0)
		return r;
	hex_encode(digest, DIGEST_BYTES, text);
	return json_object_set_new(backup->about, "database", json_string(text)) < 0 ? -SIS_ERR_NO_MEMORY : 0;
}

static int take_keys(struct backup *backup)
{
	int fd = openat(backup->state_fd, "keys", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	int r = 0;
	if (directory == NULL)
		return error_from_errno(errno);
	for (struct dirent *entry; r == 0 && (entry = readdir(directory)) != NULL;) {
		char path[SNAPSHOT_PATH_MAX];
		uint8_t digest[DIGEST_BYTES];
		if (!name_is_valid(span_from_string(entry->d_name)))
			continue;
		snprintf(path, sizeof(path), "keys/%.*s", NAME_MAX_TEXT, entry->d_name);
		r = take_file(backup, path, path, digest);
	}
	closedir(directory);
	return r;
}

static int write_about(struct backup *backup)
{
	char text[2 * DIGEST_BYTES + 1];
	uint8_t digest[DIGEST_BYTES];
	uint64_t size;
	if (fflush(backup->sums) != 0)
		return error_from_errno(errno);
	int r = digest_file(fileno(backup->sums), digest, &size);
	if (r < 0)
		return r;
	hex_encode(digest, DIGEST_BYTES, text);
	CLEANUP_JSON json_t *more = json_pack("{s:s, s:I, s:I, s:I, s:b}", "sums", text, "items", (json_int_t)(backup->n_items - backup->n_lost),
	                                      "missing", (json_int_t)backup->n_lost, "bytes", (json_int_t)backup->bytes, "keys", backup->with_keys);
	if (more == NULL || json_object_update(backup->about, more) < 0)
		return -SIS_ERR_NO_MEMORY;
	CLEANUP_FREE char *printed = json_print(backup->about);
	return printed == NULL ? -SIS_ERR_NO_MEMORY : file_write_atomic(backup->fd, SNAPSHOT_ABOUT, printed, strlen(printed), 0600);
}

int backup_take_all(struct backup *backup)
{
	int r = take_objects(backup);
	if (r == 0)
		r = take_database(backup);
	if (r == 0 && backup->with_keys)
		r = take_keys(backup);
	if (r == 0)
		r = write_about(backup);
	return r == 0 && syncfs(backup->fd) < 0 ? error_from_errno(errno) : r;
}

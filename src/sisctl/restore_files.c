/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sisctl restore: the files. Every one is compared with its digest after it was written. A mark tells the ledger, at its first start, that this is an older state
 * (store/backup.c); until everything is there another one keeps it from starting. */
#include "sisctl/restore.h"
#include "sisctl/paths.h"

#include "base/error.h"
#include "base/util.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ------------------------------------------------ files ------------------------------------------------ */

static int restore_own(int fd, uid_t uid, gid_t gid, mode_t mode)
{
	if ((uid != NOBODY && fchown(fd, uid, gid) < 0) || fchmod(fd, mode) < 0)
		return error_from_errno(errno);
	return 0;
}

static int restore_make_directory(struct restore *restore, const char *path, uid_t uid, mode_t mode)
{
	CLEANUP_FD int parent = -1, fd = -1;
	const char *name;
	int r = paths_open_parent(restore->state_fd, path, 0, &parent, &name);
	if (r < 0)
		return r;
	if (mkdirat(parent, name, 0700) < 0)
		return errno == EEXIST ? 0 : error_from_errno(errno);
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? error_from_errno(errno) : restore_own(fd, uid, restore->group, mode);
}

/* The directory of an object, as the ledger makes them. */
static int restore_make_prefix(struct restore *restore, const char *path)
{
	char prefix[SNAPSHOT_PATH_MAX];
	uint8_t id[ITEM_ID_BYTES];
	if (!object_path_parse(path, id))
		return 0;
	snprintf(prefix, sizeof(prefix), "%.10s", path);
	return restore_make_directory(restore, prefix, restore->ledger, 0750);
}

static int restore_copy(struct restore *restore, int from_dir_fd, const char *from, const char *path, bool is_key, uint8_t ret_digest[DIGEST_BYTES])
{
	CLEANUP_FD int from_fd = -1, fd = -1;
	uint64_t size;
	snprintf(restore->at, sizeof(restore->at), "%s", path);
	int r = paths_open_file(from_dir_fd, from, &from_fd);
	if (r == 0)
		r = file_copy(from_fd, restore->state_fd, path, 0600, 0, &fd);
	if (r == 0)
		r = is_key ? restore_own(fd, restore->signer, restore->group, 0600) : restore_own(fd, restore->ledger, restore->group, 0640);
	if (r == 0)
		r = digest_file(fd, ret_digest, &size);
	if (r == 0 && strncmp(path, "objects/", 8) == 0) {
		restore->n_items++;
		restore->bytes += size;
	}
	return r;
}

static int restore_file(struct restore *restore, const struct sum *sum)
{
	uint8_t digest[DIGEST_BYTES];
	bool is_key = strncmp(sum->path, "keys/", 5) == 0;
	/* Keys that are named in the call are the right ones. */
	if (is_key && restore->keys != NULL)
		return 0;
	restore->has_keys |= is_key;
	int r = restore_make_prefix(restore, sum->path);
	if (r == 0)
		r = restore_copy(restore, restore->from_fd, sum->path, sum->path, is_key, digest);
	return r == 0 && memcmp(digest, sum->digest, DIGEST_BYTES) != 0 ? -SIS_ERR_MISMATCH : r;
}

/* ------------------------------------------------ everything ------------------------------------------------ */

static int restore_files(struct restore *restore)
{
	FILE *sums = NULL;
	struct sum sum;
	snprintf(restore->at, sizeof(restore->at), "%s", SNAPSHOT_SUMS);
	int r = snapshot_open_sums(restore->from_fd, restore->about, &sums), more = 0;
	if (r < 0)
		return r;
	while (r == 0 && (more = sum_read(sums, &sum)) > 0)
		r = restore_file(restore, &sum);
	fclose(sums);
	return r == 0 ? more : r;
}

static int restore_given_keys(struct restore *restore)
{
	DIR *directory = restore->keys != NULL ? opendir(restore->keys) : NULL;
	int r = restore->keys != NULL && directory == NULL ? error_from_errno(errno) : 0;
	snprintf(restore->at, sizeof(restore->at), "%s", "the directory of --keys");
	for (struct dirent *entry; r == 0 && directory != NULL && (entry = readdir(directory)) != NULL;) {
		char path[SNAPSHOT_PATH_MAX];
		uint8_t digest[DIGEST_BYTES];
		if (!name_is_valid(span_from_string(entry->d_name)))
			continue;
		snprintf(path, sizeof(path), "keys/%.*s", NAME_MAX_TEXT, entry->d_name);
		restore->has_keys = true;
		r = restore_copy(restore, dirfd(directory), entry->d_name, path, true, digest);
	}
	if (directory != NULL)
		closedir(directory);
	return r;
}

static int restore_mark(struct restore *restore)
{
	CLEANUP_FD int fd = openat(restore->state_fd, "db/restoring", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return fd < 0 ? error_from_errno(errno) : restore_own(fd, restore->ledger, restore->group, 0600);
}

int restore_all(struct restore *restore)
{
	int r = restore_own(restore->state_fd, NOBODY, 0, 0710);
	if (r == 0 && restore->ledger != NOBODY && fchown(restore->state_fd, NOBODY, restore->group) < 0)
		r = error_from_errno(errno);
	if (r == 0)
		r = restore_make_directory(restore, "db", restore->ledger, 0750);
	if (r == 0)
		r = restore_mark(restore);
	if (r == 0)
		r = restore_make_directory(restore, "objects", restore->ledger, 0750);
	if (r == 0)
		r = restore_make_directory(restore, "incoming", restore->ledger, 0700);
	if (r == 0)
		r = restore_make_directory(restore, "keys", restore->signer, 0700);
	if (r == 0)
		r = restore_files(restore);
	if (r == 0)
		r = restore_given_keys(restore);
	if (r == 0 && (syncfs(restore->state_fd) < 0 || renameat(restore->state_fd, "db/restoring", restore->state_fd, "db/restored") < 0 ||
	               syncfs(restore->state_fd) < 0))
		r = error_from_errno(errno);
	return r;
}

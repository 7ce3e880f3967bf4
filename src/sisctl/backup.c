/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sisctl backup: the ledger gives the database of one moment and the list of its objects, and keeps these until we are done; we copy, as root. What the
 * snapshot before has already is linked. A snapshot gets its name when everything in it is on the disk. */
#include "sisctl/sisctl.h"
#include "sisctl/snapshot.h"

#include "base/error.h"
#include "base/util.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sysexits.h>
#include <unistd.h>

#define PARTIAL ".partial"

struct backup {
	const char *directory;
	bool with_keys;
	int dir_fd, state_fd, fd, before_fd;    /* DIR, the store, the snapshot that is made, the one before (-1: none) */
	FILE *sums, *before;                    /* SHA256SUMS of both */
	struct sum before_sum;
	int before_more;                        /* before_sum holds one */
	char name[SNAPSHOT_NAME_TEXT + 1], partial[SNAPSHOT_NAME_TEXT + sizeof(PARTIAL)];
	json_t *about;
	uint64_t n_items, n_new, bytes, new_bytes, n_lost;
	char at[SNAPSHOT_PATH_MAX];             /* the file that failed */
};

/* ------------------------------------------------ one file ------------------------------------------------ */

static int add_sum(struct backup *backup, const char *path, const uint8_t digest[DIGEST_BYTES])
{
	struct sum sum;
	snprintf(sum.path, sizeof(sum.path), "%s", path);
	memcpy(sum.digest, digest, DIGEST_BYTES);
	return sum_write(backup->sums, &sum);
}

/* from: below the store. The digest is of what was written, read back. */
static int copy_new(struct backup *backup, const char *from, const char *path, uint8_t ret_digest[DIGEST_BYTES], uint64_t *ret_size)
{
	CLEANUP_FD int from_fd = openat(backup->state_fd, from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), fd = -1;
	snprintf(backup->at, sizeof(backup->at), "%s", from);
	if (from_fd < 0)
		return error_from_errno(errno);
	int r = directories_make(backup->fd, path, 0700);
	if (r == 0)
		r = file_copy(from_fd, backup->fd, path, 0600, &fd);
	return r < 0 ? r : digest_file(fd, ret_digest, ret_size);
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
	return directories_make(backup->fd, path, 0700) == 0 && linkat(backup->before_fd, path, backup->fd, path, 0) == 0;
}

static int take_object(struct backup *backup, const char *id, uint64_t size)
{
	char path[SNAPSHOT_PATH_MAX];
	uint8_t digest[DIGEST_BYTES];
	struct stat stat;
	uint64_t copied = size;
	object_path(id, path);
	backup->n_items++;
	/* Lost before the backup: one loss more is no reason to save nothing. */
	if (fstatat(backup->state_fd, path, &stat, AT_SYMLINK_NOFOLLOW) < 0 ? errno == ENOENT : (uint64_t)stat.st_size != size) {
		output_error(EX_DATAERR, "item %s: its object is missing in the store, or has not its size: the backup is without it; see sisctl check", id);
		backup->n_lost++;
		return 0;
	}
	backup->bytes += size;
	if (link_before(backup, path, &stat))
		return sum_write(backup->sums, &backup->before_sum);
	int r = copy_new(backup, path, path, digest, &copied);
	if (r < 0)
		return r;
	backup->n_new++;
	backup->new_bytes += copied;
	return copied != size ? -SIS_ERR_MISMATCH : add_sum(backup, path, digest);
}

/* ------------------------------------------------ everything ------------------------------------------------ */

static int take_objects(struct backup *backup)
{
	int fd = openat(backup->state_fd, "incoming/.backup.list", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	FILE *list = fd < 0 ? NULL : fdopen(fd, "r");
	char id[ITEM_ID_TEXT + 1];
	uint64_t size;
	int r = 0, n;
	snprintf(backup->at, sizeof(backup->at), "incoming/.backup.list");
	if (list == NULL)
		return error_from_errno(errno);
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
	uint64_t size;
	int r = copy_new(backup, "incoming/.backup.db", SNAPSHOT_DATABASE, digest, &size);
	if (r < 0)
		return r;
	hex_encode(digest, DIGEST_BYTES, text);
	if (json_object_set_new(backup->about, "database", json_string(text)) < 0)
		return -SIS_ERR_NO_MEMORY;
	return add_sum(backup, SNAPSHOT_DATABASE, digest);
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
		uint64_t size;
		if (!name_is_valid(span_from_string(entry->d_name)))
			continue;
		snprintf(path, sizeof(path), "keys/%.*s", NAME_MAX_TEXT, entry->d_name);
		r = copy_new(backup, path, path, digest, &size);
		if (r == 0)
			r = add_sum(backup, path, digest);
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

static int take_all(struct backup *backup)
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

/* The name comes when all of it is on the disk. */
static int give_name(struct backup *backup)
{
	return renameat(backup->dir_fd, backup->partial, backup->dir_fd, backup->name) < 0 || fsync(backup->dir_fd) < 0 ? error_from_errno(errno) : 0;
}

/* ------------------------------------------------ the directory ------------------------------------------------ */

static void remove_partial(struct backup *backup)
{
	int fd = openat(backup->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;) {
		size_t size = strlen(entry->d_name);
		if (size == SNAPSHOT_NAME_TEXT + strlen(PARTIAL) && strcmp(entry->d_name + SNAPSHOT_NAME_TEXT, PARTIAL) == 0)
			(void)directory_remove(backup->dir_fd, entry->d_name);
	}
	if (directory != NULL)
		closedir(directory);
}

static int open_before(struct backup *backup)
{
	char name[SNAPSHOT_NAME_TEXT + 1];
	if (snapshot_find_newest(backup->dir_fd, name) <= 0)
		return 0;
	backup->before_fd = openat(backup->dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	int fd = backup->before_fd < 0 ? -1 : openat(backup->before_fd, SNAPSHOT_SUMS, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	backup->before = fd < 0 ? NULL : fdopen(fd, "r");
	if (backup->before != NULL)
		backup->before_more = sum_read(backup->before, &backup->before_sum);
	return 0;
}

/* A second backup in the same second waits for the next. */
static int make_snapshot(struct backup *backup)
{
	struct stat stat;
	do {
		time_t now = (time_t)time_now();
		struct tm tm;
		if (backup->name[0] != '\0')
			(void)usleep(100000);
		strftime(backup->name, sizeof(backup->name), "%Y-%m-%dT%H%M%SZ", gmtime_r(&now, &tm));
	} while (fstatat(backup->dir_fd, backup->name, &stat, AT_SYMLINK_NOFOLLOW) == 0);
	snprintf(backup->partial, sizeof(backup->partial), "%s" PARTIAL, backup->name);
	if (mkdirat(backup->dir_fd, backup->partial, 0700) < 0)
		return error_from_errno(errno);
	backup->fd = openat(backup->dir_fd, backup->partial, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	int fd = backup->fd < 0 ? -1 : openat(backup->fd, SNAPSHOT_SUMS, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	backup->sums = fd < 0 ? NULL : fdopen(fd, "w+");
	return backup->sums == NULL ? error_from_errno(errno) : 0;
}

static int open_directory(struct backup *backup)
{
	if (mkdir(backup->directory, 0700) < 0 && errno != EEXIST)
		return output_error(EX_CANTCREAT, "%s cannot be made: %s", backup->directory, strerror(errno));
	backup->dir_fd = open(backup->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (backup->dir_fd < 0)
		return output_error(EX_NOINPUT, "%s cannot be opened as a directory: %s", backup->directory, strerror(errno));
	if (flock(backup->dir_fd, LOCK_EX | LOCK_NB) < 0)
		return output_error(EX_TEMPFAIL, "another backup or restore is using %s: wait for its end", backup->directory);
	return 0;
}

static void backup_close(struct backup *backup)
{
	if (backup->sums != NULL)
		fclose(backup->sums);
	if (backup->before != NULL)
		fclose(backup->before);
	fd_close(backup->before_fd);
	fd_close(backup->fd);
	fd_close(backup->state_fd);
	fd_close(backup->dir_fd);
	json_decref(backup->about);
}

/* ------------------------------------------------ the command ------------------------------------------------ */

static int explain(const struct backup *backup, int error)
{
	if (error == -SIS_ERR_NO_SPACE)
		return output_error(EX_IOERR, "%s is full: nothing was saved, and the snapshots that are there stay as they are; make room, or remove old snapshots "
		                    "(each is complete by itself)", backup->directory);
	if (error == -SIS_ERR_NOT_ALLOWED)
		return output_error(EX_NOPERM, "%s in the state directory may not be read: backups are made by root", backup->at);
	return output_error(error_exit_status(error), "the backup was not completed, nothing was saved: %s: %s", backup->at, error_text(error));
}

static int begin(struct sisctl *sisctl, struct backup *backup)
{
	CLEANUP_REPLY struct varlink_reply reply = { 0 };
	char now[TIME_TEXT + 1] = "";
	int r = sisctl_send(sisctl, "Backup", json_object(), true);
	if (r == 0)
		r = sisctl_receive(sisctl, &reply);
	if (r != 0)
		return r;
	const char *state_dir = json_member_string(reply.parameters, "state_dir");
	if (state_dir == NULL)
		return output_error(EX_PROTOCOL, "the daemon's answer is not that of a backup: are sisd and sisctl of the same version?");
	snprintf(backup->at, sizeof(backup->at), "%s", state_dir);
	backup->state_fd = open(state_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	(void)time_encode(time_now(), now);
	backup->about = json_pack("{s:i, s:s, s:s, s:O?, s:O?}", "version", 1, "sis", PACKAGE_VERSION, "time", now,
	                          "sequence", json_object_get(reply.parameters, "sequence"), "users", json_object_get(reply.parameters, "users"));
	if (backup->about == NULL)
		abort();
	return backup->state_fd < 0 ? explain(backup, error_from_errno(errno)) : 0;
}

/* The first connection carries the call that holds the objects. A daemon that knows of no backup did not hold them to the end. */
static int tell_end(struct sisctl *sisctl, const struct backup *backup)
{
	struct sisctl second = { .socket = sisctl->socket };
	CLEANUP_REPLY struct varlink_reply reply = { 0 };
	int status = sisctl_call(&second, "BackupEnd", parameters_new("snapshot", backup->name, NULL), &reply);
	varlink_free(second.varlink);
	return status == 0 ? 0 : output_error(status, "sisd ended while the backup was made: nothing was saved; try again");
}

static int tell(struct sisctl *sisctl, const struct backup *backup)
{
	char size[32], new_size[32];
	size_format(backup->bytes, size, sizeof(size));
	size_format(backup->new_bytes, new_size, sizeof(new_size));
	if (sisctl->json) {
		CLEANUP_JSON json_t *json = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:b}", "snapshot", backup->name, "items", (json_int_t)backup->n_items,
			"bytes", (json_int_t)backup->bytes, "new_items", (json_int_t)backup->n_new, "new_bytes", (json_int_t)backup->new_bytes,
			"missing", (json_int_t)backup->n_lost, "keys", backup->with_keys);
		output_json(json);
	} else {
		output_text(stdout, backup->directory);
		printf("/%s: %" PRIu64 " items, %s; new: %" PRIu64 ", %s\n", backup->name, backup->n_items - backup->n_lost, size, backup->n_new, new_size);
		fputs(backup->with_keys ? "It holds the KEY OF THE CERTIFICATE AUTHORITY: whoever reads it can be this server, and can make a device of any user. Keep it locked up.\n"
		      : "It is without the keys: keep a copy of the state directory's keys/ elsewhere (or --with-keys), without which nobody's sis knows the restored server.\n",
		      stderr);
	}
	int r = output_finish();
	return r != 0 ? r : backup->n_lost > 0 ? EX_DATAERR : EX_OK;
}

int command_backup(struct sisctl *sisctl, char **arguments, const char *const *values)
{
	struct backup backup = { .directory = arguments[0], .with_keys = values[0] != NULL, .dir_fd = -1, .state_fd = -1, .fd = -1, .before_fd = -1 };
	umask(077);
	int status = open_directory(&backup);
	if (status == 0)
		status = begin(sisctl, &backup);
	if (status == 0) {
		remove_partial(&backup);
		int r = open_before(&backup);
		if (r == 0)
			r = make_snapshot(&backup);
		if (r == 0)
			r = take_all(&backup);
		status = r < 0 ? explain(&backup, r) : tell_end(sisctl, &backup);
		if (status == 0 && (r = give_name(&backup)) < 0)
			status = explain(&backup, r);
		if (status != 0)
			remove_partial(&backup);
		else
			status = tell(sisctl, &backup);
	}
	backup_close(&backup);
	return status;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sisctl restore: a store out of a snapshot, with no daemon and no database code. Every file is compared with its digest after it was written. A mark tells the
 * ledger, at its first start, that this is an older state (store/backup.c); until everything is there another one keeps it from starting. */
#include "sisctl/sisctl.h"
#include "sisctl/snapshot.h"

#include "base/error.h"
#include "base/util.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sysexits.h>
#include <unistd.h>

#define ABOUT_MAX_BYTES 65536
#define NOBODY ((uid_t)-1)

struct restore {
	const char *from, *state_dir, *keys;
	int from_fd, state_fd, lock_fd;
	uid_t ledger, signer;
	gid_t group;
	json_t *about;
	uint64_t n_items, bytes;
	bool has_keys;
	char at[SNAPSHOT_PATH_MAX];
};

/* ------------------------------------------------ files ------------------------------------------------ */

static int restore_own(int fd, uid_t uid, gid_t gid, mode_t mode)
{
	if ((uid != NOBODY && fchown(fd, uid, gid) < 0) || fchmod(fd, mode) < 0)
		return error_from_errno(errno);
	return 0;
}

static int restore_make_directory(struct restore *restore, const char *path, uid_t uid, mode_t mode)
{
	if (mkdirat(restore->state_fd, path, 0700) < 0)
		return errno == EEXIST ? 0 : error_from_errno(errno);
	CLEANUP_FD int fd = openat(restore->state_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
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
	CLEANUP_FD int from_fd = openat(from_dir_fd, from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), fd = -1;
	uint64_t size;
	snprintf(restore->at, sizeof(restore->at), "%s", path);
	if (from_fd < 0)
		return error_from_errno(errno);
	int r = file_copy(from_fd, restore->state_fd, path, 0600, &fd);
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

/* The digest of SHA256SUMS stands in backup.json: what is listed is what was saved, all of it. */
static int restore_open_sums(struct restore *restore, FILE **ret_sums)
{
	uint8_t digest[DIGEST_BYTES], wanted[DIGEST_BYTES];
	uint64_t size;
	const char *text = json_member_string(restore->about, "sums");
	snprintf(restore->at, sizeof(restore->at), "%s", SNAPSHOT_SUMS);
	CLEANUP_FD int fd = openat(restore->from_fd, SNAPSHOT_SUMS, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return error_from_errno(errno);
	int r = digest_file(fd, digest, &size);
	if (r == 0 && (text == NULL || hex_decode(span_from_string(text), wanted, DIGEST_BYTES) < 0 || memcmp(digest, wanted, DIGEST_BYTES) != 0))
		r = -SIS_ERR_MISMATCH;
	*ret_sums = r == 0 ? fdopen(fd, "r") : NULL;
	if (*ret_sums != NULL)
		(void)fd_take(&fd);
	return r == 0 && *ret_sums == NULL ? -SIS_ERR_NO_MEMORY : r;
}

static int restore_files(struct restore *restore)
{
	FILE *sums = NULL;
	struct sum sum;
	int r = restore_open_sums(restore, &sums), more = 0;
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

static int restore_all(struct restore *restore)
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

/* ------------------------------------------------ from where, to where ------------------------------------------------ */

static int restore_open_snapshot(struct restore *restore)
{
	char name[SNAPSHOT_NAME_TEXT + 1], *text = NULL;
	size_t size;
	restore->from_fd = open(restore->from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (restore->from_fd < 0)
		return output_error(EX_NOINPUT, "%s cannot be opened as a directory: %s", restore->from, strerror(errno));
	if (faccessat(restore->from_fd, SNAPSHOT_ABOUT, F_OK, 0) < 0 && snapshot_find_newest(restore->from_fd, name) > 0) {
		int fd = openat(restore->from_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		fd_close(restore->from_fd);
		restore->from_fd = fd;
	}
	int r = file_read(restore->from_fd, SNAPSHOT_ABOUT, ABOUT_MAX_BYTES, &text, &size);
	if (r == 0)
		r = json_parse((struct span){ (const uint8_t *)text, size }, ABOUT_MAX_BYTES, &restore->about);
	free(text);
	uint64_t version = 0;
	if (r < 0 || json_member_u64(restore->about, "version", &version) < 0)
		return output_error(EX_DATAERR, "%s is no snapshot of sisctl backup, and holds none: there is no " SNAPSHOT_ABOUT " that can be read", restore->from);
	return version == 1 ? 0 : output_error(EX_DATAERR, "%s was made by a newer sis: install that version", restore->from);
}

static bool restore_is_empty(int fd)
{
	int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = again < 0 ? NULL : fdopendir(again);
	bool empty = directory != NULL;
	for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;)
		empty &= strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
	if (directory != NULL)
		closedir(directory);
	return empty;
}

static int restore_open_state(struct restore *restore)
{
	if (mkdir(restore->state_dir, 0700) < 0 && errno != EEXIST)
		return output_error(EX_CANTCREAT, "%s cannot be made: %s", restore->state_dir, strerror(errno));
	restore->state_fd = open(restore->state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (restore->state_fd < 0)
		return output_error(EX_NOINPUT, "%s cannot be opened as a directory: %s", restore->state_dir, strerror(errno));
	if (!restore_is_empty(restore->state_fd))
		return output_error(EX_CANTCREAT, "%s is not empty: stop sisd, move the old state directory away, and restore into an empty one", restore->state_dir);
	/* No daemon starts here before we end. */
	restore->lock_fd = openat(restore->state_fd, "lock", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (restore->lock_fd < 0 || flock(restore->lock_fd, LOCK_EX | LOCK_NB) < 0)
		return output_error(EX_TEMPFAIL, "%s is in use by a sisd: stop it", restore->state_dir);
	return 0;
}

static int restore_find_user(const char *name, uid_t *ret_uid)
{
	char *end;
	unsigned long number = strtoul(name, &end, 10);
	const struct passwd *entry = *end == '\0' && *name != '\0' ? NULL : getpwnam(name);
	if (*end != '\0' && entry == NULL)
		return output_error(EX_NOUSER, "there is no user %s: make the users with systemd-sysusers, or name others (--ledger-user, --signer-user, --group)", name);
	*ret_uid = entry != NULL ? entry->pw_uid : (uid_t)number;
	return 0;
}

static int restore_find_group(const char *name, gid_t *ret_gid)
{
	char *end;
	unsigned long number = strtoul(name, &end, 10);
	const struct group *entry = *end == '\0' && *name != '\0' ? NULL : getgrnam(name);
	if (*end != '\0' && entry == NULL)
		return output_error(EX_NOUSER, "there is no group %s: make it with systemd-sysusers, or name another (--group)", name);
	*ret_gid = entry != NULL ? entry->gr_gid : (gid_t)number;
	return 0;
}

/* Started by somebody else, everything is theirs, as it is when they start sisd. */
static int restore_find_owners(struct restore *restore, const char *ledger, const char *signer, const char *group)
{
	restore->ledger = restore->signer = NOBODY;
	if (geteuid() != 0)
		return 0;
	int status = restore_find_user(ledger != NULL ? ledger : "sis-ledger", &restore->ledger);
	if (status == 0)
		status = restore_find_user(signer != NULL ? signer : "sis-signer", &restore->signer);
	return status == 0 ? restore_find_group(group != NULL ? group : "sis", &restore->group) : status;
}

/* ------------------------------------------------ the command ------------------------------------------------ */

static int explain(const struct restore *restore, int error)
{
	if (error == -SIS_ERR_MISMATCH || error == -SIS_ERR_BAD_FORMAT || error == -SIS_ERR_NO_INPUT)
		return output_error(EX_DATAERR, "the snapshot is damaged: %s is not what was saved (%s): restore another snapshot, or this file from one that has it whole; "
		                    "%s is not usable, remove what is in it", restore->at, error_text(error), restore->state_dir);
	return output_error(error_exit_status(error), "the restore was not completed: %s: %s; remove what is in %s before the next try", restore->at,
	                    error_text(error), restore->state_dir);
}

static int tell(struct sisctl *sisctl, const struct restore *restore)
{
	const char *time = json_member_string(restore->about, "time");
	uint64_t missing = 0;
	(void)json_member_u64(restore->about, "missing", &missing);
	if (sisctl->json) {
		CLEANUP_JSON json_t *json = json_pack("{s:s, s:s, s:I, s:I, s:I, s:b}", "state_dir", restore->state_dir, "time", time != NULL ? time : "",
			"items", (json_int_t)restore->n_items, "bytes", (json_int_t)restore->bytes, "missing", (json_int_t)missing, "keys", restore->has_keys);
		output_json(json);
	} else {
		char size[32];
		size_format(restore->bytes, size, sizeof(size));
		printf("restored: %" PRIu64 " items, %s, as of ", restore->n_items, size);
		output_text(stdout, time != NULL ? time : "?");
		putchar('\n');
	}
	if (!restore->has_keys)
		fputs("There are no keys in it: before you start sisd put the old keys/ into the state directory, or all devices refuse this server.\n", stderr);
	fputs("What was revoked, deleted or taken back after the backup is there again: revoke those devices once more before you let people in.\n", stderr);
	return output_finish();
}

int command_restore(struct sisctl *sisctl, char **arguments, const char *const *values)
{
	struct restore restore = { .from = arguments[0], .state_dir = values[0], .keys = values[1], .from_fd = -1, .state_fd = -1, .lock_fd = -1 };
	if (restore.state_dir == NULL)
		return output_error(EX_USAGE, "--state-dir DIR is missing: the empty directory that becomes the store (state_dir in sisd.conf)");
	umask(077);
	int status = restore_find_owners(&restore, values[2], values[3], values[4]);
	if (status == 0)
		status = restore_open_snapshot(&restore);
	if (status == 0)
		status = restore_open_state(&restore);
	if (status == 0) {
		int r = restore_all(&restore);
		status = r < 0 ? explain(&restore, r) : tell(sisctl, &restore);
	}
	fd_close(restore.lock_fd);
	fd_close(restore.state_fd);
	fd_close(restore.from_fd);
	json_decref(restore.about);
	return status;
}

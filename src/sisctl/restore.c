/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sisctl restore: a store out of a snapshot, with no daemon and no database code. From where, to where, and whose it is to be; restore_files.c does it. */
#include "sisctl/restore.h"

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
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

/* ------------------------------------------------ from where, to where ------------------------------------------------ */

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

/* Else whoever can write there puts other directories in the place of ours while the authority's key and everybody's password hashes are written into them; and
 * sisd would not start in it. */
static int restore_check_place(const struct restore *restore)
{
	struct stat st;
	if (fstat(restore->state_fd, &st) < 0)
		return output_error(EX_IOERR, "%s: %s", restore->state_dir, strerror(errno));
	if (st.st_uid == geteuid() && (st.st_mode & 0022) == 0)
		return 0;
	return output_error(EX_NOPERM, "%s belongs to user %u or can be written by others: nothing was restored; make a directory of your own that nobody else can write to, "
	                    "as sisd wants it", restore->state_dir, (unsigned)st.st_uid);
}

static int restore_open_state(struct restore *restore)
{
	if (mkdir(restore->state_dir, 0700) < 0 && errno != EEXIST)
		return output_error(EX_CANTCREAT, "%s cannot be made: %s", restore->state_dir, strerror(errno));
	restore->state_fd = open(restore->state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (restore->state_fd < 0)
		return output_error(EX_NOINPUT, "%s cannot be opened as a directory: %s", restore->state_dir, strerror(errno));
	int status = restore_check_place(restore);
	if (status != 0)
		return status;
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
	uint64_t number = 0;
	bool is_number = span_to_u64(span_from_string(name), UINT32_MAX - 1, &number);
	const struct passwd *entry = is_number ? NULL : getpwnam(name);
	if (!is_number && entry == NULL)
		return output_error(EX_NOUSER, "there is no user %s: make the users with systemd-sysusers, or name others (--ledger-user, --signer-user, --group)", name);
	*ret_uid = entry != NULL ? entry->pw_uid : (uid_t)number;
	return 0;
}

static int restore_find_group(const char *name, gid_t *ret_gid)
{
	uint64_t number = 0;
	bool is_number = span_to_u64(span_from_string(name), UINT32_MAX - 1, &number);
	const struct group *entry = is_number ? NULL : getgrnam(name);
	if (!is_number && entry == NULL)
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
		status = snapshot_open(restore.from, &restore.from_fd, NULL, &restore.about);
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

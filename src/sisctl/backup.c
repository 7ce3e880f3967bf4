/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sisctl backup: the ledger gives the database of one moment and the list of its objects, and keeps these until we are done; we copy, as root. What the
 * snapshot before has already is linked. A snapshot gets its name when everything in it is on the disk. */
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
#include <sys/file.h>
#include <sysexits.h>
#include <unistd.h>

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

static int64_t name_time(const char *name)
{
	struct tm tm = { 0 };
	return strptime(name, "%Y-%m-%dT%H%M%SZ", &tm) != NULL ? (int64_t)timegm(&tm) : 0;
}

static void name_write(int64_t seconds, char ret_name[SNAPSHOT_NAME_TEXT + 1])
{
	time_t when = (time_t)seconds;
	struct tm tm;
	strftime(ret_name, SNAPSHOT_NAME_TEXT + 1, "%Y-%m-%dT%H%M%SZ", gmtime_r(&when, &tm));
}

/* The newest snapshot is the one with the greatest name: for restores, for what is linked to, and for what --keep removes. So this one's is greater than all,
 * though the clock was set back; and a second one in the same second gets the next. */
static void choose_name(struct backup *backup)
{
	char newest[SNAPSHOT_NAME_TEXT + 1];
	int64_t now = time_now(), after = 0;
	if (snapshot_find_newest(backup->dir_fd, newest) > 0)
		after = name_time(newest);
	name_write(now > after ? now : after + 1, backup->name);
	if (after > now + 1)
		output_error(0, "the newest snapshot, %s, is dated after now: was the clock set back? This one gets the name after it, %s", newest, backup->name);
}

static int make_snapshot(struct backup *backup)
{
	choose_name(backup);
	snprintf(backup->partial, sizeof(backup->partial), "%s" PARTIAL, backup->name);
	if (mkdirat(backup->dir_fd, backup->partial, 0700) < 0)
		return error_from_errno(errno);
	backup->fd = openat(backup->dir_fd, backup->partial, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	int fd = backup->fd < 0 ? -1 : openat(backup->fd, SNAPSHOT_SUMS, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	backup->sums = fd < 0 ? NULL : fdopen(fd, "w+");
	return backup->sums == NULL ? error_from_errno(errno) : 0;
}

/* Through its partial name: a removal that is cut short leaves no snapshot that is not whole. */
static void remove_old(struct backup *backup)
{
	struct dirent **names = NULL;
	char partial[SNAPSHOT_NAME_TEXT + sizeof(PARTIAL)];
	int n = backup->keep > 0 ? scandirat(backup->dir_fd, ".", &names, snapshot_choose, snapshot_newest_first) : 0;
	for (int i = 0; i < n; i++) {
		snprintf(partial, sizeof(partial), "%.*s" PARTIAL, SNAPSHOT_NAME_TEXT, names[i]->d_name);
		if ((uint64_t)i >= backup->keep) {
			int r = renameat(backup->dir_fd, names[i]->d_name, backup->dir_fd, partial) < 0 ? error_from_errno(errno) : directory_remove(backup->dir_fd, partial);
			if (r < 0)
				output_error(0, "the old snapshot %s cannot be removed: %s", names[i]->d_name, error_text(r));
			backup->n_removed += r == 0;
		}
		free(names[i]);
	}
	free(names);
}

/* Snapshots in the store would be lost with it, and seen by the ledger. */
static int check_place(const struct backup *backup, const char *state_dir)
{
	CLEANUP_FREE char *directory = realpath(backup->directory, NULL), *state = realpath(state_dir, NULL);
	size_t size = state != NULL ? strlen(state) : 0;
	if (directory == NULL || state == NULL || strncmp(directory, state, size) != 0 || (directory[size] != '/' && directory[size] != '\0'))
		return 0;
	if (backup->made)
		(void)rmdir(backup->directory);
	return output_error(EX_USAGE, "%s is in the state directory %s, and would be lost with it: name a directory elsewhere, best on another disk", backup->directory, state_dir);
}

static int open_directory(struct backup *backup)
{
	backup->made = mkdir(backup->directory, 0700) == 0;
	if (!backup->made && errno != EEXIST)
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
	r = check_place(backup, state_dir);
	if (r != 0)
		return r;
	snprintf(backup->at, sizeof(backup->at), "%s", state_dir);
	r = paths_open_state(state_dir, &backup->state_fd);
	if (r != 0)
		return r;
	(void)time_encode(time_now(), now);
	backup->about = json_pack("{s:i, s:s, s:s, s:O?, s:O?}", "version", 1, "sis", PACKAGE_VERSION, "time", now,
	                          "sequence", json_object_get(reply.parameters, "sequence"), "users", json_object_get(reply.parameters, "users"));
	if (backup->about == NULL)
		abort();
	return 0;
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
		CLEANUP_JSON json_t *json = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:b}", "snapshot", backup->name, "items", (json_int_t)backup->n_items,
			"bytes", (json_int_t)backup->bytes, "new_items", (json_int_t)backup->n_new, "new_bytes", (json_int_t)backup->new_bytes,
			"missing", (json_int_t)backup->n_lost, "removed", (json_int_t)backup->n_removed, "keys", backup->with_keys);
		output_json(json);
	} else {
		output_text(stdout, backup->directory);
		printf("/%s: %" PRIu64 " item%s, %s; new: %" PRIu64 ", %s\n", backup->name, backup->n_items - backup->n_lost, backup->n_items - backup->n_lost == 1 ? "" : "s", size, backup->n_new, new_size);
		if (backup->n_removed > 0)
			printf("%" PRIu64 " old snapshots removed\n", backup->n_removed);
		output_note("%s", backup->with_keys
		            ? "It holds the KEY OF THE CERTIFICATE AUTHORITY: whoever reads it can be this server, and can make a device of any user. Keep it locked up."
		            : "It is without the keys: keep a copy of the state directory's keys/ elsewhere (or --with-keys), without which nobody's sis knows the restored server.");
	}
	int r = output_finish();
	return r != 0 ? r : backup->n_lost > 0 ? EX_DATAERR : EX_OK;
}

int command_backup(struct sisctl *sisctl, char **arguments, const char *const *values)
{
	struct backup backup = { .directory = arguments[0], .with_keys = values[0] != NULL, .dir_fd = -1, .state_fd = -1, .fd = -1, .before_fd = -1 };
	if (values[1] != NULL && (!span_to_u64(span_from_string(values[1]), UINT32_MAX, &backup.keep) || backup.keep == 0))
		return output_error(EX_USAGE, "--keep %s: how many snapshots are to stay, 1 or more", values[1]);
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
			r = backup_take_all(&backup);
		status = r < 0 ? explain(&backup, r) : tell_end(sisctl, &backup);
		if (status == 0 && (r = give_name(&backup)) < 0)
			status = explain(&backup, r);
		if (status != 0) {
			remove_partial(&backup);
		} else {
			remove_old(&backup);
			status = tell(sisctl, &backup);
		}
	}
	backup_close(&backup);
	return status;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * state_dir: made with its final owners and modes (the table in ARCHITECTURE.md), checked when it is there, and locked for this daemon. */
#include "sisd/master.h"
#include "base/error.h"
#include "base/util.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

/* A ledger whose master was killed ends by itself, but holds the lock until what it is writing is written. */
#define LOCK_WAIT_MS 5000
#define LOCK_STEP_MS 50

#define OPEN_DIRECTORY (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* What is in state_dir; the signer's keys are the only one that nobody else may enter. */
static const struct { const char *name; bool is_signers; mode_t mode; } tree[] = {
	{ "db", false, 0750 }, { "objects", false, 0750 }, { "incoming", false, 0700 }, { "lost", false, 0700 }, { "keys", true, 0700 },
};

static int complain_errno(const char *path, const char *what)
{
	int status = error_exit_status(error_from_errno(errno));

	complain("%s: %s: %s", path, what, strerror(errno));
	return status;
}

/* Group and mode, by the owner of the directory. */
static int directory_settle(int fd, const char *path, gid_t gid, mode_t mode)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return complain_errno(path, "cannot be examined");
	if (st.st_gid != gid && fchown(fd, (uid_t)-1, gid) < 0)
		return complain_errno(path, "cannot be given its group");
	if ((st.st_mode & 07777) != mode && fchmod(fd, mode) < 0)
		return complain_errno(path, "cannot be given its mode");
	return 0;
}

/* Made by its owner, so that nobody needs the right to give files away. For that moment state_dir's group may write there: the daemon before is gone, as
 * we hold its lock, and ours has not started a role yet. */
static int directory_make(int parent_fd, const char *path, const char *name, struct user owner, gid_t group)
{
	int r, status = 0;

	if (fchmod(parent_fd, 0730) < 0)
		return complain_errno(path, "cannot be made");
	owner_begin((struct user){ owner.uid, group });
	r = mkdirat(parent_fd, name, 0700);
	owner_end();
	if (r < 0)
		status = complain_errno(path, "cannot be made");
	return fchmod(parent_fd, 0710) < 0 ? complain_errno(path, "state_dir cannot be given its mode again") : status;
}

static int directory_check(int parent_fd, const char *path, const char *name, uid_t uid, bool *ret_is_missing)
{
	struct stat st;

	if (fstatat(parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		*ret_is_missing = errno == ENOENT;
		return errno == ENOENT ? 0 : complain_errno(path, "cannot be examined");
	}
	*ret_is_missing = false;
	if (st.st_uid == uid)
		return 0;
	complain("%s: belongs to user %u, not to %u: give it back with chown -R, or use another state_dir", path, (unsigned)st.st_uid, (unsigned)uid);
	return EX_NOPERM;
}

/* group: that of state_dir, without which its owner would not get in. */
static int directory_open(int parent_fd, const char *state_dir, const char *name, struct user owner, gid_t group, mode_t mode, int *ret_fd)
{
	CLEANUP_FREE char *path = xasprintf("%s/%s", state_dir, name);
	CLEANUP_FD int fd = -1;
	bool is_missing;
	int status;

	if ((status = directory_check(parent_fd, path, name, owner.uid, &is_missing))
	    || (is_missing && (status = directory_make(parent_fd, path, name, owner, group))))
		return status;
	owner_begin((struct user){ owner.uid, group });
	fd = openat(parent_fd, name, OPEN_DIRECTORY);
	owner_end();
	if (fd < 0)
		return complain_errno(path, "cannot be opened as a directory");
	owner_begin(owner);
	status = directory_settle(fd, path, owner.gid, mode);
	owner_end();
	if (status == 0 && ret_fd)
		*ret_fd = fd_take(&fd);
	return status;
}

/* A file system of its own has lost+found, and snapshots under names with a dot. */
static bool is_of_a_store(const char *name)
{
	for (unsigned i = 0; i < ARRAY_SIZE(tree); i++)
		if (strcmp(tree[i].name, name) == 0)
			return true;
	return name[0] == '.' || strcmp(name, "lost+found") == 0;
}

/* Group and mode of state_dir are changed at each start, so it must not be "/", or /var, by a slip of the pen. Where a daemon ran before, its lock is. */
static bool is_somebody_elses(int dir_fd)
{
	struct stat st;
	bool found = false;
	int fd = -1;
	DIR *directory;

	if (fstatat(dir_fd, "lock", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
		return false;
	fd = openat(dir_fd, ".", OPEN_DIRECTORY);
	directory = fd < 0 ? NULL : fdopendir(fd);
	if (!directory) {
		fd_close(fd);
		return true;
	}
	for (const struct dirent *entry; !found && (entry = readdir(directory)); )
		found = !is_of_a_store(entry->d_name);
	closedir(directory);
	return found;
}

static int state_dir_check(int fd, const char *path)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return complain_errno(path, "cannot be examined");
	if (st.st_uid != geteuid()) {
		complain("%s: state_dir belongs to user %u, but must belong to user %u, who starts sisd", path, (unsigned)st.st_uid, (unsigned)geteuid());
		return EX_NOPERM;
	}
	if (st.st_mode & 0022) {
		complain("%s: state_dir can be written by others than its owner: chmod go-w %s", path, path);
		return EX_NOPERM;
	}
	if (is_somebody_elses(fd)) {
		complain("%s: state_dir holds other things than a store: name a directory that is empty, or not there yet", path);
		return EX_CONFIG;
	}
	return 0;
}

static int state_dir_open(const char *path, gid_t gid, int *ret_fd)
{
	CLEANUP_FD int fd = -1;
	bool is_new = mkdir(path, 0700) == 0;
	int status;

	if (!is_new && errno != EEXIST)
		return complain_errno(path, "state_dir cannot be made");
	fd = open(path, OPEN_DIRECTORY);
	if (fd < 0)
		return complain_errno(path, "state_dir cannot be opened as a directory");
	status = state_dir_check(fd, path);
	if (status == 0)
		status = directory_settle(fd, path, gid, 0710);
	if (status == 0)
		*ret_fd = fd_take(&fd);
	return status;
}

static void complain_locked(int fd, const char *path)
{
	char pid[16] = "";
	ssize_t n = pread(fd, pid, sizeof pid - 1, 0);

	pid[n > 0 ? strcspn(pid, "\n") : 0] = '\0';
	complain("%s is in use by another sisd%s%s: stop that one, or choose another state_dir", path, *pid ? ", process " : "", pid);
}

static int state_lock(int dir_fd, const char *path, int *ret_fd)
{
	CLEANUP_FD int fd = openat(dir_fd, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return complain_errno(path, "the lock cannot be opened");
	for (int waited_ms = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; waited_ms += LOCK_STEP_MS) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return complain_errno(path, "cannot be locked");
		if (waited_ms >= LOCK_WAIT_MS) {
			complain_locked(fd, path);
			return EX_TEMPFAIL;
		}
		usleep(LOCK_STEP_MS * 1000);
	}
	if (ftruncate(fd, 0) < 0 || dprintf(fd, "%d\n", (int)getpid()) < 0)
		return complain_errno(path, "the lock cannot be written");
	*ret_fd = fd_take(&fd);
	return 0;
}

static struct user owner_or_self(struct user user)
{
	return user.uid == (uid_t)-1 ? (struct user){ geteuid(), getegid() } : user;
}

int state_open(const struct conf *conf, const struct users *users, int *ret_lock_fd, int *ret_keys_fd)
{
	CLEANUP_FD int dir_fd = -1, lock_fd = -1, keys_fd = -1;
	struct user signer = owner_or_self(users->signer), ledger = owner_or_self(users->ledger);
	const char *path = conf->state_dir;
	int status;

	if ((status = state_dir_open(path, ledger.gid, &dir_fd)) || (status = state_lock(dir_fd, path, &lock_fd)))
		return status;
	for (unsigned i = 0; i < ARRAY_SIZE(tree) && status == 0; i++)
		status = directory_open(dir_fd, path, tree[i].name, tree[i].is_signers ? signer : ledger, ledger.gid, tree[i].mode,
		                        tree[i].is_signers ? &keys_fd : NULL);
	if (status != 0)
		return status;
	*ret_lock_fd = fd_take(&lock_fd);
	*ret_keys_fd = fd_take(&keys_fd);
	return 0;
}

static int parent_check(const char *path)
{
	CLEANUP_FREE char *copy = xstrdup(path);
	struct stat st;
	int r = stat(dirname(copy), &st);

	if (r == 0 && S_ISDIR(st.st_mode))
		return 0;
	if (r == 0)
		errno = ENOTDIR;
	return complain_errno(path, "state_dir cannot be made");
}

/* Whose everything has to be, root knows; who else asks is not always who starts it. */
int state_check(const struct conf *conf, const struct users *users)
{
	CLEANUP_FD int fd = open(conf->state_dir, OPEN_DIRECTORY);
	const char *path = conf->state_dir;
	int status;

	if (fd < 0 && errno == ENOENT)
		return parent_check(path);
	if (!users->separate && (fd >= 0 || errno == EACCES))
		return 0;
	if (fd < 0)
		return complain_errno(path, "state_dir cannot be opened as a directory");
	status = state_dir_check(fd, path);
	for (unsigned i = 0; i < ARRAY_SIZE(tree) && status == 0; i++) {
		CLEANUP_FREE char *place = xasprintf("%s/%s", path, tree[i].name);
		bool is_missing;

		status = directory_check(fd, place, tree[i].name, tree[i].is_signers ? users->signer.uid : users->ledger.uid, &is_missing);
	}
	return status;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * state_dir: made with its final owners and modes (the table in ARCHITECTURE.md), checked when it is there, and locked for this daemon. */
#include "sisd/master.h"
#include "base/error.h"
#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
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

static int complain_errno(const char *path, const char *what)
{
	int status = error_exit_status(error_from_errno(errno));

	complain("%s: %s: %s", path, what, strerror(errno));
	return status;
}

/* Gives the directory its owner and mode; one that belongs to somebody else, with files in it, is not ours to take over. */
static int directory_settle(int fd, const char *path, bool is_new, uid_t uid, gid_t gid, mode_t mode)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return complain_errno(path, "cannot be examined");
	if (!is_new && st.st_uid != uid && st.st_uid != geteuid()) {
		complain("%s: belongs to user %u, not to %u: give it back with chown -R, or use another state_dir", path, (unsigned)st.st_uid, (unsigned)uid);
		return EX_NOPERM;
	}
	if ((st.st_uid != uid || st.st_gid != gid) && fchown(fd, uid, gid) < 0)
		return complain_errno(path, "cannot be given its owner");
	if ((st.st_mode & 07777) != mode && fchmod(fd, mode) < 0)
		return complain_errno(path, "cannot be given its mode");
	return 0;
}

static int directory_make(int parent_fd, const char *state_dir, const char *name, struct user owner, mode_t mode, int *ret_fd)
{
	CLEANUP_FREE char *path = xasprintf("%s/%s", state_dir, name);
	CLEANUP_FD int fd = -1;
	bool is_new;
	int status;

	is_new = mkdirat(parent_fd, name, mode & 0700) == 0;
	if (!is_new && errno != EEXIST)
		return complain_errno(path, "cannot be made");
	fd = openat(parent_fd, name, OPEN_DIRECTORY);
	if (fd < 0)
		return complain_errno(path, "cannot be opened as a directory");
	status = directory_settle(fd, path, is_new, owner.uid, owner.gid, mode);
	if (status == 0 && ret_fd)
		*ret_fd = fd_take(&fd);
	return status;
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
		status = directory_settle(fd, path, is_new, geteuid(), gid, 0710);
	if (status == 0)
		*ret_fd = fd_take(&fd);
	return status;
}

static void complain_locked(int fd, const char *path)
{
	char pid[16] = "";
	ssize_t n = pread(fd, pid, sizeof pid - 1, 0);

	pid[n > 0 ? strcspn(pid, "\n") : 0] = '\0';
	complain("%s: is in use by another sisd%s%s: stop that one, or choose another state_dir", path, *pid ? ", process " : "", pid);
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

	if ((status = state_dir_open(path, ledger.gid, &dir_fd)) || (status = state_lock(dir_fd, path, &lock_fd))
	    || (status = directory_make(dir_fd, path, "db", ledger, 0750, NULL))
	    || (status = directory_make(dir_fd, path, "objects", ledger, 0750, NULL))
	    || (status = directory_make(dir_fd, path, "incoming", ledger, 0700, NULL))
	    || (status = directory_make(dir_fd, path, "keys", signer, 0700, &keys_fd)))
		return status;
	*ret_lock_fd = fd_take(&lock_fd);
	*ret_keys_fd = fd_take(&keys_fd);
	return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The control socket. The master makes it and hands it to the ledger; a socket that some daemon still answers on is never taken over. */
#include "sisd/master.h"
#include "base/util.h"

#include <errno.h>
#include <libgen.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#define CONTROL_BACKLOG 64

static struct sockaddr_un control_address(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	memcpy(address.sun_path, path, strlen(path) + 1);       /* conf checked that it fits */
	return address;
}

/* /run is empty after a boot, and without systemd nobody else makes the directory. */
static int control_make_directory(const char *path)
{
	CLEANUP_FREE char *copy = xstrdup(path);
	const char *directory = dirname(copy);

	if (mkdir(directory, 0755) == 0)
		return chmod(directory, 0755);          /* whatever the umask says, sisctl's users must get there */
	return errno == EEXIST ? 0 : -1;
}

/* As its owner, who may. */
static bool control_is_answered(const char *path, struct user owner)
{
	CLEANUP_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address = control_address(path);
	bool is_connected;

	owner_begin(owner);
	is_connected = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
	owner_end();
	/* EAGAIN is a full backlog: somebody is there, only slow. */
	return is_connected || errno == EAGAIN;
}

static int complain_no_socket(const char *path)
{
	complain("%s: control is something else than a socket: move it away, or choose another path", path);
	return EX_CANTCREAT;
}

static int complain_no_directory(const char *path, int error)
{
	complain("%s: the directory of the control socket cannot be made: %s", path, strerror(error));
	return EX_CANTCREAT;
}

static int control_remove_stale(const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0) {
		if (errno == ENOENT)
			return 0;
		complain("%s: control cannot be examined: %s", path, strerror(errno));
		return EX_OSERR;
	}
	if (!S_ISSOCK(st.st_mode))
		return complain_no_socket(path);
	if (control_is_answered(path, (struct user){ st.st_uid, st.st_gid })) {
		complain("%s: another daemon answers on this control socket: stop it, or choose another path", path);
		return EX_TEMPFAIL;
	}
	if (unlink(path) < 0) {
		complain("%s: the old control socket cannot be removed: %s", path, strerror(errno));
		return EX_CANTCREAT;
	}
	return 0;
}

static int control_bind(int fd, const char *path, const struct users *users)
{
	struct sockaddr_un address = control_address(path);
	mode_t umask_before = umask(0117);              /* born 0660 */
	int r = bind(fd, (struct sockaddr *)&address, sizeof address);

	umask(umask_before);
	if (r < 0)
		return -1;
	if (users->separate && lchown(path, users->ledger.uid, users->control_group) < 0)
		return -1;
	return listen(fd, CONTROL_BACKLOG);
}

/* Whether somebody answers there is left to the start: it may be sisd itself. */
int control_check(const char *path)
{
	CLEANUP_FREE char *copy = xstrdup(path), *parent = NULL;
	const char *directory = dirname(copy);
	struct stat st;

	if (lstat(path, &st) == 0)
		return S_ISSOCK(st.st_mode) ? 0 : complain_no_socket(path);
	if (stat(directory, &st) == 0)
		return S_ISDIR(st.st_mode) ? 0 : complain_no_directory(path, ENOTDIR);
	parent = xstrdup(directory);
	if (errno == ENOENT && stat(dirname(parent), &st) == 0)                 /* the start makes one directory, and no more */
		return 0;
	return complain_no_directory(path, errno);
}

int control_open(const char *path, const struct users *users, int *ret_fd)
{
	CLEANUP_FD int fd = -1;
	int status;

	if (control_make_directory(path) < 0)
		return complain_no_directory(path, errno);
	status = control_remove_stale(path);
	if (status != 0)
		return status;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || control_bind(fd, path, users) < 0) {
		complain("%s: the control socket cannot be made: %s", path, strerror(errno));
		return EX_CANTCREAT;
	}
	*ret_fd = fd_take(&fd);
	return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Paths below directories that others write to. A ledger that was taken over must gain nothing from root's sisctl: it names the state directory and the
 * objects, and can put links anywhere below its own directories. */
#include "sisctl/paths.h"
#include "sisctl/output.h"

#include "base/error.h"
#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#define OPEN_PARENT (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

int paths_open_state(const char *state_dir, int *ret_fd)
{
	struct stat st;
	CLEANUP_FD int fd = open(state_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return output_error(errno == EACCES ? EX_NOPERM : EX_IOERR, "%s, which sisd says is its state directory: %s", state_dir, strerror(errno));
	if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & 0022) != 0)
		return output_error(EX_NOPERM, "%s, which sisd says is its state directory, can be written by others than root: nothing is done there; if sisd runs as "
		                    "another user, run sisctl as that user", state_dir);
	*ret_fd = fd_take(&fd);
	return 0;
}

static bool name_is_plain(const char *name)
{
	return *name != '\0' && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

int paths_open_parent(int dir_fd, const char *path, mode_t make_mode, int *ret_fd, const char **ret_name)
{
	CLEANUP_FD int fd = openat(dir_fd, ".", OPEN_PARENT);
	char name[NAME_MAX + 1];
	for (const char *slash; fd >= 0 && (slash = strchr(path, '/')) != NULL; path = slash + 1) {
		if (snprintf(name, sizeof(name), "%.*s", (int)(slash - path), path) >= (int)sizeof(name) || !name_is_plain(name))
			return -SIS_ERR_BAD_NAME;
		if (make_mode != 0 && mkdirat(fd, name, make_mode) < 0 && errno != EEXIST)
			return error_from_errno(errno);
		int next = openat(fd, name, OPEN_PARENT);
		int error = errno;
		fd_close(fd);
		fd = next;
		errno = error;
	}
	if (fd < 0)
		return error_from_errno(errno);
	if (!name_is_plain(path))
		return -SIS_ERR_BAD_NAME;
	*ret_name = path;
	*ret_fd = fd_take(&fd);
	return 0;
}

/* Not to wait for whoever opens the other end of a pipe that somebody put there. */
int paths_open_file(int dir_fd, const char *path, int *ret_fd)
{
	CLEANUP_FD int parent = -1, fd = -1;
	const char *name;
	struct stat st;
	int r = paths_open_parent(dir_fd, path, 0, &parent, &name);
	if (r < 0)
		return r;
	fd = openat(parent, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_from_errno(errno);
	if (!S_ISREG(st.st_mode))
		return -SIS_ERR_MISMATCH;
	*ret_fd = fd_take(&fd);
	return 0;
}

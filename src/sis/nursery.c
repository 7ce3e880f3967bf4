/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Where a new profile grows before it gets its name. */
#include "sis/nursery.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROOM_FILE "room"
#define NURSERY_ROOM (64u << 10)        /* keys, certificates, what a recovery page brings */

static void directory_remove(int parent_fd, const char *name)
{
	int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	while (directory != NULL && (entry = readdir(directory)) != NULL) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 && unlinkat(fd, entry->d_name, 0) < 0)
			directory_remove(fd, entry->d_name);
	}
	if (directory != NULL)
		closedir(directory);
	unlinkat(parent_fd, name, AT_REMOVEDIR);
}

void nursery_close(struct nursery *nursery)
{
	if (nursery->dir_fd >= 0)
		directory_remove(nursery->home_fd, nursery->temporary);
	nursery->dir_fd = fd_close(nursery->dir_fd);
	nursery->lock_fd = fd_close(nursery->lock_fd);
	nursery->home_fd = fd_close(nursery->home_fd);
	free(nursery->path);
}

/* One enrolment at a time per home: so whatever an earlier one left when it was killed is known to be rubbish. */
int nursery_open(const struct sis *sis, const char *name, struct nursery *nursery, struct why *why)
{
	int r = profile_open_home(sis, &nursery->home_fd, &nursery->path, why);
	if (r < 0)
		return r;
	nursery->lock_fd = openat(nursery->home_fd, ".lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (nursery->lock_fd < 0)
		return why_set(why, error_from_errno(errno), "%s cannot be written to: %s", nursery->path, strerror(errno));
	if (flock(nursery->lock_fd, LOCK_EX | LOCK_NB) < 0)
		return why_set(why, -SIS_ERR_BUSY, "another enrolment goes on in %s; wait until it is done", nursery->path);
	struct stat status;
	if (fstatat(nursery->home_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0)
		return why_set(why, -SIS_ERR_EXISTS, "there is already a profile \"%s\" in %s; choose another with \"sis --profile NAME enroll …\", or move it away first",
		               name, nursery->path);
	snprintf(nursery->temporary, sizeof(nursery->temporary), ".enrolling");
	directory_remove(nursery->home_fd, nursery->temporary);
	if (mkdirat(nursery->home_fd, nursery->temporary, 0700) < 0)
		return why_set(why, error_from_errno(errno), "%s cannot be written to: %s", nursery->path, strerror(errno));
	nursery->dir_fd = openat(nursery->home_fd, nursery->temporary, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return nursery->dir_fd >= 0 ? 0 : error_from_errno(errno);
}

int nursery_reserve(const struct nursery *nursery, struct why *why)
{
	static const uint8_t nothing[NURSERY_ROOM];
	CLEANUP_FD int fd = openat(nursery->dir_fd, ROOM_FILE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r = fd < 0 ? error_from_errno(errno) : fd_write_all(fd, nothing, sizeof(nothing));
	if (r == 0 && fsync(fd) < 0)
		r = error_from_errno(errno);
	return r < 0 ? why_set(why, r, "%s cannot be written to, so the invite was not used: %s", nursery->path, error_text(r)) : 0;
}

void nursery_release(const struct nursery *nursery)
{
	unlinkat(nursery->dir_fd, ROOM_FILE, 0);
}

int nursery_publish(struct nursery *nursery, const char *name, struct why *why)
{
	if (renameat2(nursery->home_fd, nursery->temporary, nursery->home_fd, name, RENAME_NOREPLACE) < 0)
		return why_set(why, error_from_errno(errno), "the profile cannot get its name in %s: %s", nursery->path, strerror(errno));
	fsync(nursery->home_fd);
	nursery->dir_fd = fd_close(nursery->dir_fd);
	return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Where profiles lie: the home, and in it a directory for each. */
#include "sis/profile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *home_path(const struct sis *sis)
{
	const char *chosen = sis->home != NULL ? sis->home : getenv("SIS_HOME");
	if (chosen != NULL && *chosen != '\0')
		return xstrdup(chosen);
	const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
	if (data != NULL && data[0] == '/')
		return xasprintf("%s/sis", data);
	return home != NULL && home[0] == '/' ? xasprintf("%s/.local/share/sis", home) : NULL;
}

static int make_directories(char *path)
{
	for (char *slash = path + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
		*slash = '\0';
		int r = mkdir(path, 0700);
		*slash = '/';
		if (r < 0 && errno != EEXIST && errno != EROFS && errno != EACCES)
			return error_from_errno(errno);
	}
	return mkdir(path, 0700) < 0 && errno != EEXIST ? error_from_errno(errno) : 0;
}

static char *profiles_path(const struct sis *sis, struct why *why)
{
	CLEANUP_FREE char *home = home_path(sis);
	if (home == NULL) {
		why_set(why, 0, "there is no home directory; name one with --home DIR");
		return NULL;
	}
	return xasprintf("%s/profiles", home);
}

int profile_open_home(const struct sis *sis, int *ret_dir_fd, char **ret_path, struct why *why)
{
	CLEANUP_FREE char *path = profiles_path(sis, why);
	if (path == NULL)
		return -SIS_ERR_NO_INPUT;
	int r = make_directories(path);
	CLEANUP_FD int fd = r == 0 ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (fd < 0)
		return why_set(why, r < 0 ? r : error_from_errno(errno), "%s cannot be made: %s", path, strerror(errno));
	*ret_dir_fd = fd_take(&fd);
	*ret_path = path;
	path = NULL;
	return 0;
}

int profile_name(const struct sis *sis, const char **ret_name, struct why *why)
{
	const char *name = sis->profile != NULL ? sis->profile : getenv("SIS_PROFILE");
	if (name == NULL || *name == '\0')
		name = "default";
	if (!name_is_valid(span_from_string(name)))
		return why_set(why, -SIS_ERR_BAD_NAME, "\"%s\" cannot name a profile: 1 to 32 of a-z 0-9 . _ -", name);
	*ret_name = name;
	return 0;
}

int profile_open_directory(const struct sis *sis, int *ret_fd, char **ret_path, struct why *why)
{
	const char *name;
	int r = profile_name(sis, &name, why);
	if (r < 0)
		return r;
	CLEANUP_FREE char *profiles = profiles_path(sis, why);
	if (profiles == NULL)
		return -SIS_ERR_NO_INPUT;
	char *path = xasprintf("%s/%s", profiles, name);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		*ret_fd = fd;
		*ret_path = path;
		return 0;
	}
	if (errno == ENOENT)
		r = why_set(why, -SIS_ERR_NO_INPUT, "there is no profile at %s; enroll first with the invite from your administrator: sis enroll 'sis://…'", path);
	else
		r = why_set(why, error_from_errno(errno), "%s cannot be opened: %s", path, strerror(errno));
	free(path);
	return r;
}

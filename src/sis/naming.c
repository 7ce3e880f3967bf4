/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Files that appear whole. The final name is given by link(2), which never replaces. */
#include "sis/naming.h"

#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CANDIDATES_MAX 10000u
#define NAME_MAX_BYTES 255u

static size_t cut_utf8(const char *text, size_t size)
{
	while (size > 0 && ((unsigned char)text[size] & 0xc0) == 0x80)
		size--;
	return size;
}

void naming_candidate(const char *name, unsigned n, char ret_name[256])
{
	char suffix[24] = "";
	const char *dot = strrchr(name, '.');
	size_t whole = strlen(name), stem = dot != NULL && dot != name && whole - (size_t)(dot - name) <= 16 ? (size_t)(dot - name) : whole;
	size_t extension = whole - stem;
	if (n > 1)
		snprintf(suffix, sizeof(suffix), " (%u)", n);
	if (stem + strlen(suffix) + extension > NAME_MAX_BYTES)
		stem = cut_utf8(name, NAME_MAX_BYTES - strlen(suffix) - extension);
	memcpy(ret_name, name, stem);
	snprintf(ret_name + stem, 256 - stem, "%s%.*s", suffix, (int)extension, name + whole - extension);
}

/* 0600: it came sealed for one person; whom else to show it is theirs to say. */
static int open_unnamed(int dir_fd, struct outfile *file)
{
	file->fd = openat(dir_fd, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	if (file->fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
		return file->fd;
	uint64_t number;
	if (random_bytes(&number, sizeof(number)) < 0)
		return -1;
	snprintf(file->temporary, sizeof(file->temporary), ".sis-%016llx", (unsigned long long)number);
	file->fd = openat(dir_fd, file->temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (file->fd < 0)
		file->temporary[0] = '\0';
	return file->fd;
}

int outfile_open(const char *directory, struct outfile *ret_file, struct why *why)
{
	struct outfile file = { .dir_fd = -1, .fd = -1 };
	file.dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (file.dir_fd < 0 || open_unnamed(file.dir_fd, &file) < 0) {
		int error = errno;
		outfile_close(&file);
		return why_set(why, error == ENOENT || error == EACCES ? -SIS_ERR_EXISTS : error_from_errno(error), "no file can be made in %s: %s",
		               directory, strerror(error));
	}
	*ret_file = file;
	return 0;
}

int outfile_open_spool(struct outfile *ret_file, struct why *why)
{
	const char *directory = getenv("TMPDIR");
	return outfile_open(directory != NULL && directory[0] == '/' ? directory : "/var/tmp", ret_file, why);
}

void outfile_close(struct outfile *file)
{
	if (file->temporary[0] != '\0')
		unlinkat(file->dir_fd, file->temporary, 0);
	file->temporary[0] = '\0';
	file->fd = fd_close(file->fd);
	file->dir_fd = fd_close(file->dir_fd);
}

static int link_as(const struct outfile *file, const char *name)
{
	char path[40];
	if (file->temporary[0] != '\0')
		return linkat(file->dir_fd, file->temporary, file->dir_fd, name, 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file->fd);
	return linkat(AT_FDCWD, path, file->dir_fd, name, AT_SYMLINK_FOLLOW);
}

/* Over an existing name: first under a name of our own, then renamed in one step. Never over a directory. */
static int replace_as(const struct outfile *file, const char *name)
{
	char other[48];
	uint64_t number;
	if (random_bytes(&number, sizeof(number)) < 0)
		return -1;
	snprintf(other, sizeof(other), ".sis-%016llx", (unsigned long long)number);
	if (link_as(file, other) < 0)
		return -1;
	if (renameat(file->dir_fd, other, file->dir_fd, name) == 0)
		return 0;
	int error = errno;
	unlinkat(file->dir_fd, other, 0);
	errno = error;
	return -1;
}

int outfile_publish(struct outfile *file, const char *name, bool exact, bool replace, char ret_name[256], struct why *why)
{
	char candidate[256];
	struct stat there;
	if (replace && fstatat(file->dir_fd, name, &there, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(there.st_mode) && !S_ISLNK(there.st_mode))
		return why_set(why, -SIS_ERR_EXISTS, "\"%s\" is there, and is no file that could be replaced", name);
	for (unsigned n = 1; n <= (exact || replace ? 1 : CANDIDATES_MAX); n++) {
		naming_candidate(name, n, candidate);
		if ((replace ? replace_as(file, candidate) : link_as(file, candidate)) == 0) {
			strcpy(ret_name, candidate);
			return 0;
		}
		if (errno != EEXIST)
			return why_set(why, error_from_errno(errno), "the file cannot be named \"%s\": %s", candidate, strerror(errno));
	}
	return why_set(why, -SIS_ERR_EXISTS, "\"%s\" is already there; name another with -o, or replace it with --force", name);
}

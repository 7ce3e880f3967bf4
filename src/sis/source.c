/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Opening what is to be shared. */
#include "sis/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PEEK_BYTES 65536u

static int spool(int from, int *ret_fd, struct why *why)
{
	const char *directory = getenv("TMPDIR");
	CLEANUP_FREE uint8_t *buffer = xcalloc(1, PEEK_BYTES);
	if (directory == NULL || directory[0] != '/')
		directory = "/var/tmp";
	CLEANUP_FD int fd = open(directory, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	if (fd < 0)
		return why_set(why, error_from_errno(errno), "no temporary file can be made in %s: %s", directory, strerror(errno));
	for (;;) {
		ssize_t n = read(from, buffer, PEEK_BYTES);
		if (atomic_load(&sis_cancelled))
			return -SIS_ERR_INTERRUPTED;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return why_set(why, -SIS_ERR_IO, "cannot be read: %s", strerror(errno));
		if (n == 0)
			break;
		int r = fd_write_all(fd, buffer, (size_t)n);
		if (r < 0)
			return why_set(why, r, "the temporary file in %s cannot be written: %s; name a larger place with TMPDIR", directory, error_text(r));
	}
	*ret_fd = fd_take(&fd);
	return 0;
}

static int source_stat(struct source *source, struct why *why)
{
	struct stat status;
	if (fstat(source->fd, &status) < 0)
		return why_set(why, error_from_errno(errno), "cannot be looked at: %s", strerror(errno));
	if (S_ISDIR(status.st_mode))
		return why_set(why, -SIS_ERR_NO_INPUT, "is a directory; name the files in it");
	if (!S_ISREG(status.st_mode))
		return why_set(why, -SIS_ERR_NO_INPUT, "is not a regular file; pipe it in and name it \"-\"");
	if ((uint64_t)status.st_size > OBJECT_MAX_BYTES / 2)
		return -SIS_ERR_TOO_LARGE;
	source->size = (uint64_t)status.st_size;
	source->device = status.st_dev;
	source->inode = status.st_ino;
	source->mtime_ns = (int64_t)status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec;
	return 0;
}

int source_check_unchanged(const struct source *source, struct why *why)
{
	struct source now = { .fd = source->fd };
	if (source->is_rewritten)
		return 0;
	int r = source_stat(&now, why);
	if (r == 0 && (now.size != source->size || now.mtime_ns != source->mtime_ns))
		r = why_set(why, -SIS_ERR_CHANGED, "changed while it was read; upload it again when nobody writes to it");
	return r;
}

/* What kind of thing it is, from its first bytes alone: a name proves nothing. */
static int source_recognise(struct source *source, struct why *why)
{
	CLEANUP_FREE uint8_t *head = xcalloc(1, PEEK_BYTES);
	ssize_t n = pread(source->fd, head, PEEK_BYTES, 0);
	const char *media_type = "application/octet-stream";
	if (n < 0)
		return why_set(why, -SIS_ERR_IO, "cannot be read: %s", strerror(errno));
	bool image = media_recognise(head, (size_t)n, &media_type, &source->manifest.width, &source->manifest.height);
	source->kind = image ? ITEM_IMAGE : ITEM_FILE;
	snprintf(source->manifest.media_type, sizeof(source->manifest.media_type), "%s", media_type);
	return 0;
}

static int source_name(struct source *source, const char *path, const char *name, const char *caption, struct why *why)
{
	const char *slash = strrchr(path, '/');
	if (name == NULL)
		name = strcmp(path, "-") == 0 ? "" : slash != NULL ? slash + 1 : path;
	if (strlen(name) >= sizeof(source->manifest.name))
		return why_set(why, -SIS_ERR_BAD_NAME, "the name is longer than 255 bytes; give a shorter one with --name");
	if (caption != NULL && strlen(caption) >= sizeof(source->manifest.caption))
		return why_set(why, -SIS_ERR_TOO_LARGE, "the caption is longer than 4095 bytes");
	if (!utf8_is_valid(span_from_string(name)) || (caption != NULL && !utf8_is_valid(span_from_string(caption))))
		return why_set(why, -SIS_ERR_BAD_NAME, "name or caption is not UTF-8; give the name with --name");
	strcpy(source->manifest.name, name);
	strcpy(source->manifest.caption, caption != NULL ? caption : "");
	source->manifest.size = source->size;
	source->manifest.modified = strcmp(path, "-") == 0 || source->mtime_ns < 0 ? 0 : source->mtime_ns / 1000000000;
	return 0;
}

/* Once it is open. */
static int source_take(struct source *source, const char *path, const char *name, const char *caption, struct why *why)
{
	int r = source_stat(source, why);
	if (r == 0)
		r = source_name(source, path, name, caption, why);
	return r == 0 ? source_recognise(source, why) : r;
}

int source_from_fd(int fd, const char *name, const char *caption, struct source *ret_source, struct why *why)
{
	struct source source = { .fd = fd };
	int r = source_take(&source, "-", name, caption, why);
	if (r < 0)
		source_close(&source);
	else
		*ret_source = source;
	return r;
}

int source_open(const char *path, const char *name, const char *caption, struct source *ret_source, struct why *why)
{
	struct source source = { .fd = -1 };
	int r = 0;
	if (strcmp(path, "-") == 0) {
		r = spool(STDIN_FILENO, &source.fd, why);
	} else {
		/* O_NONBLOCK: a pipe that somebody put there must not hang us; it changes nothing for a file. */
		source.fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
		if (source.fd < 0)
			r = why_set(why, errno == EACCES ? -SIS_ERR_NO_INPUT : error_from_errno(errno), "cannot be opened: %s", strerror(errno));
		source.path = realpath(path, NULL);
	}
	if (r == 0)
		r = source_take(&source, path, name, caption, why);
	if (r < 0)
		source_close(&source);
	else
		*ret_source = source;
	return r;
}

void source_close(struct source *source)
{
	source->fd = fd_close(source->fd);
	free(source->path);
	source->path = NULL;
	blob_free(&source->thumbnail);
}

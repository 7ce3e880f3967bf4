/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Descriptors, whole transfers, whole files, clocks. */
#include "base/util.h"
#include "base/error.h"
#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void util_freep(void *pointer_to_pointer)
{
	void *pointer;
	memcpy(&pointer, pointer_to_pointer, sizeof(pointer));
	free(pointer);
	memset(pointer_to_pointer, 0, sizeof(pointer));
}

int fd_close(int fd)
{
	if (fd >= 0) {
		int saved = errno;
		(void)close(fd);
		errno = saved;
	}
	return -1;
}

void fd_closep(int *fd)
{
	*fd = fd_close(*fd);
}

int fd_take(int *fd)
{
	int taken = *fd;
	*fd = -1;
	return taken;
}

int fd_set_nonblocking(int fd, bool nonblocking)
{
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0)
		return error_from_errno(errno);
	int wanted = nonblocking ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
	if (wanted != flags && fcntl(fd, F_SETFL, wanted) < 0)
		return error_from_errno(errno);
	return 0;
}

void fd_hold_standard(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) < 0)
			(void)!open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
	}
}

int fd_write_all(int fd, const void *data, size_t size)
{
	const uint8_t *at = data;
	while (size > 0) {
		ssize_t n = write(fd, at, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_from_errno(errno);
		at += n;
		size -= (size_t)n;
	}
	return 0;
}

int fd_read_all(int fd, void *ret_data, size_t size)
{
	uint8_t *at = ret_data;
	while (size > 0) {
		ssize_t n = read(fd, at, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? error_from_errno(errno) : -SIS_ERR_CLOSED;
		at += n;
		size -= (size_t)n;
	}
	return 0;
}

int fd_pread_all(int fd, void *ret_data, size_t size, uint64_t offset)
{
	uint8_t *at = ret_data;
	if (offset > INT64_MAX || size > INT64_MAX - offset)
		return -SIS_ERR_TOO_LARGE;
	while (size > 0) {
		ssize_t n = pread(fd, at, size, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? error_from_errno(errno) : -SIS_ERR_CLOSED;
		at += n;
		offset += (uint64_t)n;
		size -= (size_t)n;
	}
	return 0;
}

int fd_pwrite_all(int fd, const void *data, size_t size, uint64_t offset)
{
	const uint8_t *at = data;
	if (offset > INT64_MAX || size > INT64_MAX - offset)
		return -SIS_ERR_TOO_LARGE;
	while (size > 0) {
		ssize_t n = pwrite(fd, at, size, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_from_errno(errno);
		at += n;
		offset += (uint64_t)n;
		size -= (size_t)n;
	}
	return 0;
}

/* Reads to the end of fd, growing the buffer; the file may be a pipe, or grow while it is read. The last byte of *data is kept for the NUL. */
static int read_to_end(int fd, size_t max, char **data, size_t *size, size_t capacity)
{
	for (;;) {
		if (*size + 1 >= capacity) {
			if (*size > max)
				return -SIS_ERR_TOO_LARGE;
			capacity = capacity > max / 2 ? max + 2 : capacity * 2;
			char *grown = realloc(*data, capacity);
			if (grown == NULL)
				return -SIS_ERR_NO_MEMORY;
			*data = grown;
		}
		ssize_t n = read(fd, *data + *size, capacity - *size - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_from_errno(errno);
		if (n == 0)
			return *size > max ? -SIS_ERR_TOO_LARGE : 0;
		*size += (size_t)n;
	}
}

int file_read(int dir_fd, const char *path, size_t max, char **ret_data, size_t *ret_size)
{
	if (max > SSIZE_MAX - 2)
		max = SSIZE_MAX - 2;
	CLEANUP_FD int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct stat status;
	if (fd < 0 || fstat(fd, &status) < 0)
		return error_from_errno(errno);
	if (S_ISDIR(status.st_mode))
		return -SIS_ERR_NO_INPUT;
	if (S_ISREG(status.st_mode) && (uint64_t)status.st_size > max)
		return -SIS_ERR_TOO_LARGE;

	/* One byte more than expected for the NUL and one to see the end without growing. */
	size_t size = 0, capacity = (S_ISREG(status.st_mode) ? (size_t)status.st_size : 0) + 2;
	CLEANUP_FREE char *data = malloc(capacity);
	if (data == NULL)
		return -SIS_ERR_NO_MEMORY;
	int error = read_to_end(fd, max, &data, &size, capacity);
	if (error != 0)
		return error;
	data[size] = 0;
	*ret_data = data;
	*ret_size = size;
	data = NULL;
	return 0;
}

static int open_parent(int dir_fd, const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	char parent[PATH_MAX] = ".";
	if (slash != NULL) {
		size_t size = slash == path ? 1 : (size_t)(slash - path);
		if (size >= sizeof(parent))
			return -SIS_ERR_BAD_NAME;
		memcpy(parent, path, size);
		parent[size] = 0;
	}
	int fd = openat(dir_fd, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_from_errno(errno);
	*ret_name = slash != NULL ? slash + 1 : path;
	return fd;
}

static int fill_and_rename(int dir_fd, const char *temporary, const char *name, const void *data, size_t size, mode_t mode)
{
	CLEANUP_FD int fd = openat(dir_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return error_from_errno(errno);
	int error = fd_write_all(fd, data, size);
	/* The umask may only have taken rights away from mode: nobody could read the file too early. */
	if (error == 0 && (fchmod(fd, mode) < 0 || fsync(fd) < 0 || renameat(dir_fd, temporary, dir_fd, name) < 0))
		error = error_from_errno(errno);
	if (error != 0)
		(void)unlinkat(dir_fd, temporary, 0);
	return error;
}

int file_write_atomic(int dir_fd, const char *path, const void *data, size_t size, mode_t mode)
{
	const char *name;
	CLEANUP_FD int parent_fd = open_parent(dir_fd, path, &name);
	if (parent_fd < 0)
		return parent_fd;
	uint64_t number;
	int error = random_bytes(&number, sizeof(number));
	if (error != 0)
		return error;
	char temporary[NAME_MAX + 1];
	int n = snprintf(temporary, sizeof(temporary), ".%.200s.%016llx", name, (unsigned long long)number);
	if (*name == 0 || n < 0)
		return -SIS_ERR_BAD_NAME;
	error = fill_and_rename(parent_fd, temporary, name, data, size, mode);
	if (error == 0 && fsync(parent_fd) < 0)
		error = error_from_errno(errno);
	return error;
}

uint64_t time_monotonic_ns(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int64_t time_now(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec;
}

char *xstrdup(const char *text)
{
	char *copy = strdup(text);
	if (copy == NULL)
		abort();
	return copy;
}

void *xcalloc(size_t n, size_t size)
{
	void *memory = calloc(n > 0 ? n : 1, size > 0 ? size : 1);
	if (memory == NULL)
		abort();
	return memory;
}

char *xasprintf(const char *format, ...)
{
	char *text;
	va_list args;
	va_start(args, format);
	int size = vasprintf(&text, format, args);
	va_end(args);
	if (size < 0)
		abort();
	return text;
}

char *program_directory(void)
{
	char self[4096];
	ssize_t size = readlink("/proc/self/exe", self, sizeof(self) - 1);
	const char *slash = size > 0 ? memrchr(self, '/', (size_t)size) : NULL;
	return slash != NULL ? xasprintf("%.*s", (int)(slash - self), self) : NULL;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * LD_PRELOAD: the process ends, as if it were killed, before the n-th call that changes a file ($SIS_TEST_KILL_AT, counted from 1). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

static long left = -1;

__attribute__((constructor)) static void kill_begin(void)
{
	const char *at = getenv("SIS_TEST_KILL_AT");
	left = at != NULL ? atol(at) : -1;
}

static void *kill_count(const char *name)
{
	if (left > 0 && --left == 0)
		_exit(99);
	return dlsym(RTLD_NEXT, name);
}

#define CALL(type, name, parameters, ...) \
	type name parameters; \
	type name parameters { type (*next) parameters = (type (*) parameters)kill_count(#name); return next(__VA_ARGS__); }

CALL(ssize_t, pwrite, (int fd, const void *data, size_t size, off_t at), fd, data, size, at)
CALL(ssize_t, pwrite64, (int fd, const void *data, size_t size, off64_t at), fd, data, size, at)
CALL(int, fsync, (int fd), fd)
CALL(int, fdatasync, (int fd), fd)
CALL(int, ftruncate, (int fd, off_t size), fd, size)
CALL(int, ftruncate64, (int fd, off64_t size), fd, size)
CALL(int, unlink, (const char *path), path)
CALL(int, unlinkat, (int fd, const char *path, int flags), fd, path, flags)
CALL(int, linkat, (int from, const char *path, int to, const char *as, int flags), from, path, to, as, flags)
CALL(int, renameat, (int from, const char *path, int to, const char *as), from, path, to, as)
CALL(int, renameat2, (int from, const char *path, int to, const char *as, unsigned flags), from, path, to, as, flags)

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Ownership and descriptors. Descriptors are close-on-exec from birth; files get their final mode at creation. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define CLEANUP_FREE __attribute__((cleanup(util_freep)))
#define CLEANUP_FD __attribute__((cleanup(fd_closep)))

void util_freep(void *pointer_to_pointer);               /* for CLEANUP_FREE: free() */
void fd_closep(int *fd);                                /* closes when >= 0, keeps errno, sets -1 */
int fd_close(int fd);                                   /* returns -1, so: fd = fd_close(fd) */
int fd_take(int *fd);                                   /* moves ownership out: returns *fd and sets it to -1 */
int fd_set_nonblocking(int fd, bool nonblocking);       /* 0, or fcntl(2)'s error */
/* First thing in a program that people start: which of standard input, output and error is closed is held by /dev/null, opened the wrong way round. Using
 * it fails as before, and no file or socket of ours gets its number, to be written to as if it were standard error. */
void fd_hold_standard(void);

/* Whole blocking transfers that retry EINTR; 0 or a negative error. fd_read_all fails with CLOSED on an early end. */
int fd_write_all(int fd, const void *data, size_t size);
int fd_read_all(int fd, void *ret_data, size_t size);
int fd_pread_all(int fd, void *ret_data, size_t size, uint64_t offset);
int fd_pwrite_all(int fd, const void *data, size_t size, uint64_t offset);

/* Reads a whole file of at most max bytes relative to dir_fd (AT_FDCWD allowed), into a malloc'd NUL-terminated buffer. TOO_LARGE beyond max,
 * NO_INPUT when there is none or it is a directory, NO_MEMORY, or the error that errno stands for (error_from_errno). */
int file_read(int dir_fd, const char *path, size_t max, char **ret_data, size_t *ret_size);
/* Writes to a temporary name in the same directory, fsync, renames into place, fsyncs the directory: all or nothing. BAD_NAME, or errno's. */
int file_write_atomic(int dir_fd, const char *path, const void *data, size_t size, mode_t mode);

uint64_t time_monotonic_ns(void);                       /* CLOCK_MONOTONIC, which nobody sets and which a host's sleep stops */
int64_t time_now(void);                                 /* seconds since the epoch, UTC */

char *xstrdup(const char *text);                        /* abort on no memory: for start-up code and tools only */
void *xcalloc(size_t n, size_t size);
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The directory that the running program lies in, to be freed; NULL where it cannot be told. */
char *program_directory(void);

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Whole transfers, whole files: all or nothing. */
#include "base/error.h"
#include "base/util.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static int directory = -1;
static char directory_path[] = "/tmp/sis-util-XXXXXX";

static void a_file_comes_back_whole(void **state)
{
	CLEANUP_FREE char *data = NULL;
	size_t size;
	assert_int_equal(file_write_atomic(directory, "file", "hello", 5, 0640), 0);
	assert_int_equal(file_read(directory, "file", 5, &data, &size), 0);
	assert_int_equal(size, 5);
	assert_string_equal(data, "hello");
	struct stat status;
	assert_int_equal(fstatat(directory, "file", &status, 0), 0);
	assert_int_equal(status.st_mode & 07777, 0640);
}

static void a_file_too_large_is_refused(void **state)
{
	char *data = NULL;
	size_t size = 7;
	assert_int_equal(file_write_atomic(directory, "file", "hello", 5, 0600), 0);
	assert_int_equal(file_read(directory, "file", 4, &data, &size), -SIS_ERR_TOO_LARGE);
	assert_int_equal(file_read(directory, "absent", 4, &data, &size), -SIS_ERR_NO_INPUT);
	assert_int_equal(file_read(directory, ".", 4, &data, &size), -SIS_ERR_NO_INPUT);
	assert_null(data);
	assert_int_equal(size, 7);
}

/* /proc files and pipes have no size in advance. */
static void a_file_without_a_size_is_read_to_its_end(void **state)
{
	CLEANUP_FREE char *data = NULL;
	size_t size;
	assert_int_equal(file_read(AT_FDCWD, "/proc/self/status", 100000, &data, &size), 0);
	assert_true(size > 100);
	char *nothing = NULL;
	assert_int_equal(file_read(AT_FDCWD, "/proc/self/status", 10, &nothing, &size), -SIS_ERR_TOO_LARGE);
	assert_null(nothing);
}

static void an_empty_file_is_a_file(void **state)
{
	CLEANUP_FREE char *data = NULL;
	size_t size;
	assert_int_equal(file_write_atomic(directory, "empty", "", 0, 0600), 0);
	assert_int_equal(file_read(directory, "empty", 0, &data, &size), 0);
	assert_int_equal(size, 0);
	assert_string_equal(data, "");
}

static void a_failed_write_leaves_the_old_file_and_no_other(void **state)
{
	assert_int_equal(file_write_atomic(directory, "absent/file", "x", 1, 0600), -SIS_ERR_NO_INPUT);
	assert_int_equal(file_write_atomic(directory, "", "x", 1, 0600), -SIS_ERR_BAD_NAME);
	assert_int_equal(mkdirat(directory, "taken", 0700), 0);
	assert_true(file_write_atomic(directory, "taken", "x", 1, 0600) < 0);
	assert_int_equal(unlinkat(directory, "taken", AT_REMOVEDIR), 0);
	assert_int_equal(unlinkat(directory, "file", 0), 0);
	assert_int_equal(unlinkat(directory, "empty", 0), 0);
	assert_int_equal(rmdir(directory_path), 0);     /* so nothing temporary was left */
}

static void transfers_are_whole(void **state)
{
	char path[] = "/tmp/sis-util-XXXXXX", text[6] = "";
	CLEANUP_FD int fd = mkstemp(path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(fd_pwrite_all(fd, "hello", 5, 3), 0);
	assert_int_equal(fd_pread_all(fd, text, 5, 3), 0);
	assert_string_equal(text, "hello");
	assert_int_equal(fd_pread_all(fd, text, 5, 4), -SIS_ERR_CLOSED);
	assert_int_equal(fd_pread_all(fd, text, 5, UINT64_MAX - 2), -SIS_ERR_TOO_LARGE);
	assert_int_equal(fd_pwrite_all(fd, text, 5, INT64_MAX), -SIS_ERR_TOO_LARGE);
}

static void descriptors_have_one_owner(void **state)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	assert_int_equal(fd_set_nonblocking(fd, true), 0);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(fd_set_nonblocking(fd, false), 0);
	assert_false(fcntl(fd, F_GETFL) & O_NONBLOCK);
	int taken = fd_take(&fd);
	assert_int_equal(fd, -1);
	assert_int_equal(fd_close(taken), -1);
	assert_int_equal(fcntl(taken, F_GETFD), -1);
	fd_closep(&fd);
}

static int make_directory(void **state)
{
	directory = mkdtemp(directory_path) != NULL ? open(directory_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	return directory < 0;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_comes_back_whole),
		cmocka_unit_test(a_file_too_large_is_refused),
		cmocka_unit_test(a_file_without_a_size_is_read_to_its_end),
		cmocka_unit_test(an_empty_file_is_a_file),
		cmocka_unit_test(a_failed_write_leaves_the_old_file_and_no_other),
		cmocka_unit_test(transfers_are_whole),
		cmocka_unit_test(descriptors_have_one_owner),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make_directory, NULL);
}

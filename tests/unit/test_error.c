/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The error table answers for every code, known or not. */
#include "base/error.h"

#include <errno.h>
#include <limits.h>
#include <sysexits.h>
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

static void every_error_is_complete(void **state)
{
	for (int error = 1; error < SIS_ERR_END; error++) {
		assert_true(strlen(error_text(error)) > 0 && strlen(error_name(error)) > 0);
		assert_string_equal(error_text(error), error_text(-error));
		assert_in_range(error_http_status(error), 400, 599);
		assert_true(error_exit_status(error) == 130 || (error_exit_status(error) >= EX__BASE && error_exit_status(error) <= EX__MAX));
	}
}

static void unknown_codes_read_as_internal(void **state)
{
	static const int unknown[] = { SIS_ERR_END, -SIS_ERR_END, INT_MAX, INT_MIN, -INT_MAX };
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
		assert_string_equal(error_name(unknown[i]), "INTERNAL");
}

static void system_errors_are_translated(void **state)
{
	assert_int_equal(error_from_errno(ENOSPC), -SIS_ERR_NO_SPACE);
	assert_int_equal(error_from_errno(EDQUOT), -SIS_ERR_NO_SPACE);
	assert_int_equal(error_from_errno(EFBIG), -SIS_ERR_NO_SPACE);
	assert_int_equal(error_from_errno(EROFS), -SIS_ERR_READ_ONLY);
	assert_int_equal(error_from_errno(EXDEV), -SIS_ERR_SYSTEM);
	assert_int_equal(error_from_errno(0), -SIS_ERR_SYSTEM);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_error_is_complete),
		cmocka_unit_test(unknown_codes_read_as_internal),
		cmocka_unit_test(system_errors_are_translated),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

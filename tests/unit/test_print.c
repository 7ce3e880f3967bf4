/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The shipped configuration and its manual are what the table says: after a change of options.def, run `make update-options`; of event.def or event_help.def, `make update-events`. */
#include "conf/conf.h"
#include "base/error.h"
#include "base/print.h"
#include "base/util.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static char *printed(void (*print)(FILE *out))
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	print(out);
	fclose(out);
	return text;
}

static char *shipped(const char *name)
{
	CLEANUP_FREE char *path = xasprintf("%s/%s", SOURCE_DIRECTORY, name);
	char *text = NULL;
	size_t size;

	assert_int_equal(file_read(AT_FDCWD, path, 1 << 20, &text, &size), 0);
	return text;
}

static void the_shipped_file_is_the_printed_one(void **state)
{
	CLEANUP_FREE char *wanted = printed(conf_print_file), *got = shipped("etc/sisd.conf");

	assert_string_equal(got, wanted);
}

static void the_shipped_manual_holds_the_printed_options(void **state)
{
	CLEANUP_FREE char *wanted = printed(conf_print_man), *got = shipped("man/sisd.conf.5");

	assert_non_null(strstr(got, wanted));
}

static void the_shipped_file_is_valid_with_and_without_its_comments(void **state)
{
	CLEANUP_FREE char *text = printed(conf_print_file), *problems = NULL, *more_problems = NULL;
	CLEANUP_CONF struct conf *conf = NULL, *all = NULL;
	char path[] = "/tmp/test_print.XXXXXX";
	int fd = mkstemp(path), r, r_all;

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
	r = conf_load(path, &conf, &problems);
	for (char *at = text; (at = strstr(at, "\n#")); at++)
		if (at[2] != ' ')
			at[1] = ' ';
	assert_int_equal(fd_pwrite_all(fd, text, strlen(text), 0), 0);
	r_all = conf_load(path, &all, &more_problems);
	fd_close(fd);
	remove(path);
	assert_int_equal(r, 0);
	if (r_all < 0)
		fail_msg("%s", more_problems);
	assert_int_equal(all->certificate_lifetime, conf->certificate_lifetime);
}

static void the_shipped_catalog_is_the_printed_one(void **state)
{
	CLEANUP_FREE char *wanted = printed(print_events_catalog), *got = shipped("systemd/sisd.catalog");

	assert_string_equal(got, wanted);
}

static void the_shipped_manual_holds_the_printed_events(void **state)
{
	CLEANUP_FREE char *wanted = printed(print_events_man), *got = shipped("man/sisd-events.7");

	assert_non_null(strstr(got, wanted));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_shipped_file_is_the_printed_one),
		cmocka_unit_test(the_shipped_manual_holds_the_printed_options),
		cmocka_unit_test(the_shipped_catalog_is_the_printed_one),
		cmocka_unit_test(the_shipped_manual_holds_the_printed_events),
		cmocka_unit_test(the_shipped_file_is_valid_with_and_without_its_comments),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

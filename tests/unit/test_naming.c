/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Names for files that come: never over another, never half. */
#include "test_sis.h"

#include "sis/naming.h"

static void candidates(void **state)
{
	static const struct { const char *name; unsigned n; const char *wanted; } rows[] = {
		{ "a.jpg", 1, "a.jpg" }, { "a.jpg", 2, "a (2).jpg" }, { "a", 3, "a (3)" }, { "a.tar.gz", 2, "a.tar (2).gz" }, { ".x", 2, ".x (2)" },
	};
	char name[256], longest[256];
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		naming_candidate(rows[i].name, rows[i].n, name);
		assert_string_equal(name, rows[i].wanted);
	}
	/* 255 bytes of two-byte characters: cut between two of them, the suffix kept. */
	for (size_t i = 0; i + 1 < 251; i += 2)
		memcpy(longest + i, "ä", 2);
	memcpy(longest + 250, "z.jpg", 6);
	assert_int_equal(strlen(longest), 255);
	naming_candidate(longest, 12, name);
	assert_true(strlen(name) <= 255);
	assert_true(utf8_is_valid(test_span(name)));
	assert_non_null(strstr(name, " (12).jpg"));
}

static void publish(const char *content, bool exact, bool replace, int wanted, const char *wanted_name)
{
	struct outfile file;
	struct why why = { "" };
	char name[256] = "";
	assert_int_equal(outfile_open(test_home, &file, &why), 0);
	assert_int_equal(fd_write_all(file.fd, content, strlen(content)), 0);
	assert_int_equal(outfile_publish(&file, "a.jpg", exact, replace, name, &why), wanted);
	outfile_close(&file);
	assert_string_equal(name, wanted_name);
}

static void assert_content(const char *name, const char *wanted)
{
	char path[300], *text = NULL;
	size_t size;
	snprintf(path, sizeof(path), "%s/%s", test_home, name);
	assert_int_equal(file_read(AT_FDCWD, path, 100, &text, &size), 0);
	assert_string_equal(text, wanted);
	free(text);
}

static void nothing_is_replaced_unless_told(void **state)
{
	publish("one", false, false, 0, "a.jpg");
	publish("two", false, false, 0, "a (2).jpg");
	publish("three", true, false, -SIS_ERR_EXISTS, "");
	assert_content("a.jpg", "one");
	assert_content("a (2).jpg", "two");
	publish("four", true, true, 0, "a.jpg");
	assert_content("a.jpg", "four");
}

static void what_is_no_file_is_not_replaced(void **state)
{
	char path[300];
	struct stat status;
	snprintf(path, sizeof(path), "%s/a.jpg", test_home);
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	publish("five", true, true, -SIS_ERR_EXISTS, "");
	assert_int_equal(lstat(path, &status), 0);
	assert_true(S_ISFIFO(status.st_mode));
}

static void what_is_not_published_leaves_nothing(void **state)
{
	struct outfile file;
	struct why why = { "" };
	assert_int_equal(outfile_open(test_home, &file, &why), 0);
	assert_int_equal(fd_write_all(file.fd, "secret", 6), 0);
	outfile_close(&file);
	assert_int_equal(rmdir(test_home), 0);
}

static void a_link_at_the_name_is_not_followed(void **state)
{
	char target[300], link[300];
	snprintf(target, sizeof(target), "%s/target", test_home);
	snprintf(link, sizeof(link), "%s/a.jpg", test_home);
	assert_int_equal(symlink(target, link), 0);
	publish("one", true, false, -SIS_ERR_EXISTS, "");
	publish("two", true, true, 0, "a.jpg");
	assert_int_equal(access(target, F_OK), -1);
	assert_content("a.jpg", "two");
}

#define IN_HOME(name) cmocka_unit_test_setup_teardown(name, test_home_make, test_home_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(candidates), IN_HOME(nothing_is_replaced_unless_told), IN_HOME(what_is_not_published_leaves_nothing),
		IN_HOME(what_is_no_file_is_not_replaced), IN_HOME(a_link_at_the_name_is_not_followed),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

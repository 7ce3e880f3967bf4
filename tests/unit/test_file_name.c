/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * File names from strangers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/cursor.h"
#include "format/manifest.h"

#include <string.h>

static void good_names_stay_as_they_are(void **state)
{
	static const char *const names[] = { "a.jpg", "IMG 0001.JPG", "h\xc3\xa4nde.png", "\xf0\x9f\x98\x80.gif", "a..b", "a-b", "x." };
	char safe[256];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_true(file_name_is_safe(span_from_string(names[i])));
		file_name_make_safe(span_from_string(names[i]), safe);
		assert_string_equal(safe, names[i]);
	}
}

static void bad_names_become_the_nearest_good_ones(void **state)
{
	static const struct { const char *name, *safe; } names[] = {
		{ "", "picture" }, { ".", "picture" }, { "..", "picture" }, { "/", "picture" }, { "../../etc/passwd", "passwd" }, { "/abs", "abs" },
		{ ".bashrc", "bashrc" }, { "-rf", "rf" }, { "a/b", "b" }, { "a\nb", "ab" }, { "a\x7f", "a" },
		{ "a\x1b[31m", "a[31m" }, { "\xe2\x80\xaegpj.exe", "gpj.exe" }, { "a\xe2\x81\xa6z", "az" }, { "\xff\xfe", "picture" }, { "a\xc3", "a" },
		{ "\xc2\x9b" "1m", "1m" }, { "a\xe2\x80\xa8z", "az" }, { "\xed\xa0\x80x", "x" },
	};
	char safe[256];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_false(file_name_is_safe(span_from_string(names[i].name)));
		file_name_make_safe(span_from_string(names[i].name), safe);
		assert_string_equal(safe, names[i].safe);
	}
}

/* No danger here, but nothing that anybody wants to see in a listing. */
static void foreign_paths_and_leading_spaces_go_when_a_name_is_made(void **state)
{
	char safe[256];

	file_name_make_safe(span_from_string("c:\\temp\\x.jpg"), safe);
	assert_string_equal(safe, "x.jpg");
	file_name_make_safe(span_from_string("  lead.jpg"), safe);
	assert_string_equal(safe, "lead.jpg");
}

static void long_names_are_cut_between_characters(void **state)
{
	char name[301] = "", safe[256];

	for (int i = 0; i < 150; i++)
		strcat(name, "\xc3\xa4");
	assert_false(file_name_is_safe(span_from_string(name)));
	file_name_make_safe(span_from_string(name), safe);
	assert_int_equal(strlen(safe), 254);
	assert_true(file_name_is_safe(span_from_string(safe)));
}

static void a_nul_is_no_part_of_a_name(void **state)
{
	assert_false(file_name_is_safe((struct span){ (const uint8_t *)"a\0.jpg", 6 }));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_names_stay_as_they_are),
		cmocka_unit_test(bad_names_become_the_nearest_good_ones),
		cmocka_unit_test(foreign_paths_and_leading_spaces_go_when_a_name_is_made),
		cmocka_unit_test(long_names_are_cut_between_characters),
		cmocka_unit_test(a_nul_is_no_part_of_a_name),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("file_name", tests, NULL, NULL);
}

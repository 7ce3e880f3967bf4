/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Typing: what keys do to a line, pasted lines, and what is seen in a narrow terminal; words broken at its edge. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "sis/line_editor.h"
#include "sis/wrap.h"

#include <stdlib.h>
#include <string.h>

static struct line_editor line;

static enum line_event type(const char *keys)
{
	enum line_event event = LINE_NOTHING;
	for (const char *key = keys; *key != '\0'; key++)
		event = line_feed(&line, (uint8_t)*key);
	return event;
}

static void check_line(const char *keys, const char *text, size_t cursor)
{
	memset(&line, 0, sizeof(line));
	type(keys);
	assert_string_equal(line.text, text);
	assert_int_equal(line.cursor, cursor);
	assert_int_equal(line.size, strlen(text));
}

static void keys_edit_the_line(void **state)
{
	check_line("hello", "hello", 5);
	check_line("helo\033[Dl", "hello", 4);
	check_line("abc\001x\005y", "xabcy", 5);
	check_line("abc\177\bd", "ad", 2);
	check_line("one two  \027", "one ", 4);
	check_line("one two\033b\033[1;5Dx", "xone two", 1);
	check_line("one two\033[H\033f\013", "one", 3);
	check_line("abc\033OH\033[3~\004", "c", 0);
	check_line("abc\025d", "d", 1);
	check_line("a\033\rb", "a\nb", 3);
	check_line("a\033[5~\033[99;99~b\033[Ac", "abc", 3);
	check_line("a\t\001\002\033[D\177b", "ba", 1);
}

static void characters_of_several_bytes_are_one(void **state)
{
	check_line("gr\303\274n\177\177\177", "g", 1);
	check_line("\346\227\245\346\234\254\033[D\177", "\346\234\254", 0);
	check_line("a\377b\303(c\355\240\200d", "ab(cd", 5);
	check_line("\360\237\221\213\002\004", "", 0);
}

static void enter_ends_and_control_keys_are_told(void **state)
{
	memset(&line, 0, sizeof(line));
	assert_int_equal(type("words\r"), LINE_DONE);
	assert_string_equal(line.text, "words");
	line_clear(&line);
	assert_int_equal(type("\004"), LINE_END);
	assert_int_equal(type("x\003"), LINE_INTERRUPT);
	assert_int_equal(type("\032"), LINE_SUSPEND);
	assert_int_equal(type("\014"), LINE_REDRAW);
	assert_false(line_put_back(&line, span_from_string("lost")));
	line_clear(&line);
	assert_true(line_put_back(&line, span_from_string("back")));
	assert_int_equal(type("!"), LINE_CHANGED);
	assert_string_equal(line.text, "back!");
}

static void pasted_lines_stay_together_and_press_no_keys(void **state)
{
	check_line("a\033[200~one\r\ntwo\rthree\n\003\004\033[D\tx\033[201~z", "aone\ntwo\nthree\n\txz", 18);
	assert_int_equal(type("\r"), LINE_DONE);
	memset(&line, 0, sizeof(line));
	for (unsigned i = 0; i < LINE_MAX_BYTES + 10; i++)
		line_feed(&line, 'x');
	assert_int_equal(line.size, LINE_MAX_BYTES);
}

static void check_row(const char *keys, unsigned columns, const char *row, unsigned column)
{
	char text[400];
	unsigned at;
	memset(&line, 0, sizeof(line));
	type(keys);
	line_render(&line, "> ", columns, text, sizeof(text), &at);
	assert_string_equal(text, row);
	assert_int_equal(at, column);
}

static void a_row_shows_what_fits_around_the_cursor(void **state)
{
	check_row("", 20, "> ", 2);
	check_row("hello", 20, "> hello", 7);
	check_row("hello\002\002", 20, "> hello", 5);
	check_row("abcdefghijklmnop", 10, "> klmnop", 8);
	check_row("abcdefghijklmnop\001", 10, "> abcdefg", 2);
	check_row("one\033\rtwo", 20, "> one\342\217\216two", 9);
	check_row("\346\227\245\346\234\254\350\252\236", 8, "> \346\234\254\350\252\236", 6);
	check_row("\346\227\245\346\234\254\002", 20, "> \346\227\245\346\234\254", 4);
}

static void check_wrap(const char *first, const char *words, unsigned columns, const char *wanted)
{
	char *text = wrap_words(first, span_from_string(words), 2, columns);
	assert_string_equal(text, wanted);
	free(text);
}

static void words_are_broken_at_the_edge_and_made_harmless(void **state)
{
	check_wrap("bob: ", "hello", 40, "bob: hello");
	check_wrap("bob: ", "hello world", 10, "bob: hello\n  world");
	check_wrap("b: ", "\346\227\245\346\234\254\350\252\236\346\227\245\346\234\254", 8, "b: \346\227\245\346\234\254\n  \350\252\236\346\227\245\346\234\254");
	check_wrap("b: ", "to be or not to be", 10, "b: to be \n  or not \n  to be");
	check_wrap("b: ", "a verylongword b", 10, "b: a veryl\n  ongword \n  b");
	check_wrap("b: ", "1234567  8", 10, "b: 1234567\n  8");
	check_wrap("b: ", "   x", 10, "b:    x");
	check_wrap("b: ", "one\ntwo\n", 40, "b: one\n  two\n  ");
	check_wrap("b: ", "\033[2Jx\r\342\200\256y", 0, "b: ?[2Jx??y");
	check_wrap("", "", 40, "");
	assert_int_equal(wrap_width(span_from_string("a\346\227\245e\314\201")), 4);
	assert_int_equal(wrap_fit(span_from_string("\346\227\245x"), 1), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_edit_the_line),
		cmocka_unit_test(characters_of_several_bytes_are_one),
		cmocka_unit_test(enter_ends_and_control_keys_are_told),
		cmocka_unit_test(pasted_lines_stay_together_and_press_no_keys),
		cmocka_unit_test(a_row_shows_what_fits_around_the_cursor),
		cmocka_unit_test(words_are_broken_at_the_edge_and_made_harmless),
	};

	wrap_begin();
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("line editor", tests, NULL, NULL);
}

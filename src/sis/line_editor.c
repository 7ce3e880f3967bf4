/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The line editor. */
#include "sis/line_editor.h"

#include "base/text.h"
#include "base/util.h"
#include "sis/wrap.h"

#include <stdio.h>
#include <string.h>

#define NEW_LINE_MARK "\342\217\216"    /* U+23CE */

static bool is_continuation(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

static enum line_event insert(struct line_editor *line, const void *data, size_t size)
{
	if (size > LINE_MAX_BYTES - line->size)
		return LINE_NOTHING;
	memmove(line->text + line->cursor + size, line->text + line->cursor, line->size - line->cursor);
	memcpy(line->text + line->cursor, data, size);
	line->size += size;
	line->cursor += size;
	line->text[line->size] = '\0';
	return LINE_CHANGED;
}

static enum line_event erase(struct line_editor *line, size_t from, size_t to)
{
	if (from == to)
		return LINE_NOTHING;
	memmove(line->text + from, line->text + to, line->size - to);
	line->size -= to - from;
	line->text[line->size] = '\0';
	line->cursor = from;
	return LINE_CHANGED;
}

static size_t before(const struct line_editor *line)
{
	size_t at = line->cursor;
	while (at > 0 && is_continuation(line->text[--at]))
		;
	return at;
}

static size_t after(const struct line_editor *line)
{
	size_t at = line->cursor;
	if (at < line->size)
		at++;
	while (at < line->size && is_continuation(line->text[at]))
		at++;
	return at;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\t';
}

static size_t word_before(const struct line_editor *line)
{
	size_t at = line->cursor;
	while (at > 0 && is_space(line->text[at - 1]))
		at--;
	while (at > 0 && !is_space(line->text[at - 1]))
		at--;
	return at;
}

static size_t word_after(const struct line_editor *line)
{
	size_t at = line->cursor;
	while (at < line->size && is_space(line->text[at]))
		at++;
	while (at < line->size && !is_space(line->text[at]))
		at++;
	return at;
}

static enum line_event move(struct line_editor *line, size_t to)
{
	line->cursor = to;
	return LINE_CHANGED;
}

enum key { KEY_NONE, KEY_LEFT, KEY_RIGHT, KEY_HOME, KEY_END, KEY_WORD_LEFT, KEY_WORD_RIGHT, KEY_DELETE, KEY_BACKSPACE, KEY_WORD_DELETE, KEY_PASTE,
	   KEY_PASTED, KEY_NEW_LINE, KEY_KILL_BEFORE, KEY_KILL_AFTER };

static enum line_event press(struct line_editor *line, enum key key)
{
	switch (key) {
	case KEY_LEFT: return move(line, before(line));
	case KEY_RIGHT: return move(line, after(line));
	case KEY_HOME: return move(line, 0);
	case KEY_END: return move(line, line->size);
	case KEY_WORD_LEFT: return move(line, word_before(line));
	case KEY_WORD_RIGHT: return move(line, word_after(line));
	case KEY_DELETE: return erase(line, line->cursor, after(line));
	case KEY_BACKSPACE: return erase(line, before(line), line->cursor);
	case KEY_WORD_DELETE: return erase(line, word_before(line), line->cursor);
	case KEY_KILL_BEFORE: return erase(line, 0, line->cursor);
	case KEY_KILL_AFTER: return erase(line, line->cursor, line->size);
	case KEY_NEW_LINE: return insert(line, "\n", 1);
	case KEY_PASTE: line->pasting = true; return LINE_NOTHING;
	case KEY_PASTED: line->pasting = false; return LINE_CHANGED;
	case KEY_NONE: break;
	}
	return LINE_NOTHING;
}

/* What terminals send after ESC. */
static const struct { const char *sequence; enum key key; } sequences[] = {
	{ "[D", KEY_LEFT }, { "[C", KEY_RIGHT }, { "OD", KEY_LEFT }, { "OC", KEY_RIGHT }, { "[H", KEY_HOME }, { "[F", KEY_END }, { "OH", KEY_HOME },
	{ "OF", KEY_END }, { "[1~", KEY_HOME }, { "[4~", KEY_END }, { "[7~", KEY_HOME }, { "[8~", KEY_END }, { "[3~", KEY_DELETE },
	{ "[1;5D", KEY_WORD_LEFT }, { "[1;5C", KEY_WORD_RIGHT }, { "[1;3D", KEY_WORD_LEFT }, { "[1;3C", KEY_WORD_RIGHT }, { "b", KEY_WORD_LEFT },
	{ "f", KEY_WORD_RIGHT }, { "\177", KEY_WORD_DELETE }, { "\b", KEY_WORD_DELETE }, { "\r", KEY_NEW_LINE }, { "\n", KEY_NEW_LINE },
	{ "[200~", KEY_PASTE }, { "[201~", KEY_PASTED },
};

/* ECMA-48: a sequence that starts with [ or O goes on until a letter or ~; any other is one byte long. */
static bool is_whole(const char *sequence, unsigned size)
{
	if (size == 1)
		return sequence[0] != '[' && sequence[0] != 'O';
	return sequence[size - 1] >= '@' && sequence[size - 1] <= '~';
}

static enum line_event feed_escape(struct line_editor *line, uint8_t byte)
{
	line->escape[line->n_escape++] = (char)byte;
	const char *sequence = line->escape + 1;
	unsigned size = line->n_escape - 1;
	if (!is_whole(sequence, size) && line->n_escape < sizeof(line->escape))
		return LINE_NOTHING;
	line->n_escape = 0;
	for (size_t i = 0; i < ARRAY_SIZE(sequences); i++) {
		bool matches = strlen(sequences[i].sequence) == size && memcmp(sequences[i].sequence, sequence, size) == 0;
		/* What is pasted presses no keys. */
		if (matches && (!line->pasting || sequences[i].key == KEY_PASTED))
			return press(line, sequences[i].key);
	}
	return LINE_NOTHING;
}

static const struct { uint8_t byte; enum key key; } controls[] = {
	{ 0x01, KEY_HOME }, { 0x02, KEY_LEFT }, { 0x05, KEY_END }, { 0x06, KEY_RIGHT }, { 0x08, KEY_BACKSPACE }, { 0x0b, KEY_KILL_AFTER },
	{ 0x15, KEY_KILL_BEFORE }, { 0x17, KEY_WORD_DELETE }, { 0x7f, KEY_BACKSPACE }, { 0x04, KEY_DELETE },
};

static enum line_event feed_control(struct line_editor *line, uint8_t byte)
{
	bool after_cr = line->after_cr;
	line->after_cr = byte == '\r';
	if (byte == '\n' && after_cr && line->pasting)
		return LINE_NOTHING;
	if (line->pasting)
		return byte == '\r' || byte == '\n' ? insert(line, "\n", 1) : byte == '\t' ? insert(line, "\t", 1) : LINE_NOTHING;
	if (byte == '\r' || byte == '\n')
		return LINE_DONE;
	if (byte == 0x03)
		return LINE_INTERRUPT;
	if (byte == 0x04 && line->size == 0)
		return LINE_END;
	if (byte == 0x0c)
		return LINE_REDRAW;
	if (byte == 0x1a)
		return LINE_SUSPEND;
	for (size_t i = 0; i < ARRAY_SIZE(controls); i++) {
		if (controls[i].byte == byte)
			return press(line, controls[i].key);
	}
	return LINE_NOTHING;
}

static unsigned character_size(uint8_t first)
{
	return first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
}

/* What is no UTF-8 is dropped as it comes: it could not be sent. */
static enum line_event feed_character(struct line_editor *line, uint8_t byte)
{
	if (line->n_character > 0 && (byte & 0xc0) != 0x80)
		line->n_character = 0;
	line->character[line->n_character++] = byte;
	if (line->n_character < character_size(line->character[0]))
		return LINE_NOTHING;
	struct span character = { line->character, line->n_character };
	line->n_character = 0;
	return utf8_is_valid(character) ? insert(line, character.data, character.size) : LINE_NOTHING;
}

enum line_event line_feed(struct line_editor *line, uint8_t byte)
{
	if (line->n_escape > 0 && byte != 0x1b)
		return feed_escape(line, byte);
	if (byte == 0x1b) {
		line->escape[0] = (char)byte;
		line->n_escape = 1;
		return LINE_NOTHING;
	}
	if (byte < 0x20 || byte == 0x7f) {
		line->n_character = 0;
		return feed_control(line, byte);
	}
	line->after_cr = false;
	return feed_character(line, byte);
}

void line_clear(struct line_editor *line)
{
	line->size = line->cursor = 0;
	line->text[0] = '\0';
}

bool line_put_back(struct line_editor *line, struct span text)
{
	if (line->size > 0 || text.size > LINE_MAX_BYTES)
		return false;
	insert(line, text.data, text.size);
	return true;
}

/* One character as it is seen. */
static size_t see(struct span text, char ret_seen[8], unsigned *ret_columns)
{
	size_t size = wrap_character(text, ret_columns);
	if (text.data[0] == '\n')
		snprintf(ret_seen, 8, NEW_LINE_MARK);
	else
		text_for_terminal((struct span){ text.data, size }, ret_seen, 8);
	*ret_columns = wrap_width(span_from_string(ret_seen));
	return size;
}

/* From where on the text is shown, so that what stands before the cursor fits. */
static size_t find_start(const struct line_editor *line, unsigned room)
{
	struct line_editor const *l = line;
	size_t start = l->cursor;
	unsigned width = 0, columns;
	char seen[8];
	while (start > 0) {
		size_t at = start;
		while (at > 0 && is_continuation(l->text[--at]))
			;
		see((struct span){ (const uint8_t *)l->text + at, start - at }, seen, &columns);
		if (width + columns > room)
			break;
		width += columns;
		start = at;
	}
	return start;
}

void line_render(const struct line_editor *line, const char *prompt, unsigned columns, char *ret_row, size_t capacity, unsigned *ret_column)
{
	unsigned at = wrap_width(span_from_string(prompt)), most = columns > 1 ? columns - 1 : 1, one;
	size_t n = (size_t)snprintf(ret_row, capacity, "%s", prompt);
	size_t i = find_start(line, most > at + 1 ? most - at - 1 : 1);
	*ret_column = at;
	while (i < line->size) {
		char seen[8];
		if (i == line->cursor)
			*ret_column = at;
		size_t size = see((struct span){ (const uint8_t *)line->text + i, line->size - i }, seen, &one);
		if (at + one > most || n + strlen(seen) + 1 > capacity)
			break;
		n += (size_t)sprintf(ret_row + n, "%s", seen);
		at += one;
		i += size;
	}
	if (line->cursor >= i)
		*ret_column = at;
}

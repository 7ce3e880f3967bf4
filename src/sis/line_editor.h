/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A line being typed on a terminal in raw mode: bytes in, text out. Knows no terminal itself. */
#pragma once

#include "base/cursor.h"

#include <stdbool.h>

#define LINE_MAX_BYTES 60000u

struct line_editor {
	char text[LINE_MAX_BYTES + 1];          /* UTF-8, with line feeds where some were pasted */
	size_t size, cursor;                    /* bytes */
	bool pasting, after_cr;
	char escape[16];                        /* an unfinished sequence */
	unsigned n_escape;
	uint8_t character[4];                   /* an unfinished character */
	unsigned n_character;
};

enum line_event {
	LINE_NOTHING,                           /* nothing to be seen */
	LINE_CHANGED,
	LINE_DONE,                              /* Enter: take the text, then line_clear */
	LINE_END,                               /* ^D on an empty line */
	LINE_INTERRUPT,                         /* ^C */
	LINE_SUSPEND,                           /* ^Z */
	LINE_REDRAW,                            /* ^L */
};
enum line_event line_feed(struct line_editor *line, uint8_t byte);
void line_clear(struct line_editor *line);
/* Puts text back on an empty line; false when there is something on it. */
bool line_put_back(struct line_editor *line, struct span text);
/* What is seen of it after a prompt, in one row of so many columns: as much as fits around the cursor, line feeds as a mark. The row ends one column
 * before the last, so that no terminal wraps. ret_row holds 4 * columns + prompt + 8 bytes at least; *ret_column is the cursor's. */
void line_render(const struct line_editor *line, const char *prompt, unsigned columns, char *ret_row, size_t capacity, unsigned *ret_column);

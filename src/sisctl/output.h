/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Standard output and standard error of sisctl. Whatever came from the daemon is made harmless for a terminal: users choose some of it. */
#pragma once

#include "base/json.h"

#include <stdbool.h>
#include <stdio.h>

/* One sentence on standard error: what, why, what to do. Returns the exit status, so: return output_error(EX_USAGE, "…"). */
int output_error(int exit_status, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What is good to know and asks for nothing: on standard error where that is a terminal, so that no timer writes mail of what went well. */
void output_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
void output_text(FILE *file, const char *text);         /* harmless, without a line end */
void output_json(const json_t *json);                   /* one line */
/* 0, or EX_IOERR after telling why when standard output could not take everything. */
int output_finish(void);

enum cell_kind { CELL_TEXT, CELL_NUMBER, CELL_SIZE, CELL_TIME };
/* What a column does when the terminal is too narrow for the table, in this order; a time loses its hours in between. */
enum column_narrow {
	NARROW_KEEP,
	NARROW_EMPTY,                   /* goes when no row has it */
	NARROW_FOLD,                    /* gets a line of its own below the others: digests, of which no half is of any use */
	NARROW_DROP,                    /* goes */
	NARROW_CUT,                     /* is cut: names */
};
struct column { const char *title, *member; enum cell_kind kind; enum column_narrow narrow; };
/* table.c. An array of objects as a table with a line of titles; nothing at all but a note when it is empty. */
void output_table(const json_t *rows, const struct column *columns, size_t n_columns, const char *when_empty);
/* A scalar member as harmless text, "-" when absent. */
void output_cell(const json_t *object, const struct column *column, char *ret_text, size_t capacity);

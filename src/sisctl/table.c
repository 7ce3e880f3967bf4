/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Tables of sisctl. In a file or a pipe each row is one line with everything in it; on a terminal that is too narrow for that, a table gives up what its
 * reader misses least, step by step, until it fits. */
#include "sisctl/output.h"

#include "base/util.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define CELL_MAX 512
#define COLUMNS_MAX 12
#define GAP 2
#define FOLD_INDENT 4
#define DATE_TEXT 10                    /* of "2026-11-21T11:30:00Z" */
#define NAME_LEAST 8
#define CUT_MARK ".."

struct table {
	const json_t *rows;
	const struct column *columns;
	size_t n_columns, last;         /* last: the one that ends a line */
	int widths[COLUMNS_MAX];
	bool is_dropped[COLUMNS_MAX], is_folded[COLUMNS_MAX], dates;
};

static void cell_of(const struct table *table, const json_t *row, size_t i, char ret_text[CELL_MAX])
{
	output_cell(row, &table->columns[i], ret_text, CELL_MAX);
	if (table->dates && table->columns[i].kind == CELL_TIME && strlen(ret_text) > DATE_TEXT)
		ret_text[DATE_TEXT] = '\0';
}

static bool is_in_line(const struct table *table, size_t i)
{
	return !table->is_dropped[i] && !table->is_folded[i];
}

static void measure(struct table *table)
{
	char cell[CELL_MAX];
	size_t index;
	const json_t *row;
	for (size_t i = 0; i < table->n_columns; i++)
		table->widths[i] = (int)strlen(table->columns[i].title);
	json_array_foreach(table->rows, index, row)
		for (size_t i = 0; i < table->n_columns; i++) {
			cell_of(table, row, i, cell);
			int width = (int)strlen(cell);
			if (width > table->widths[i])
				table->widths[i] = width;
		}
}

static int width_of(const struct table *table)
{
	int width = -GAP;
	for (size_t i = 0; i < table->n_columns; i++)
		if (is_in_line(table, i))
			width += table->widths[i] + GAP;
	return width;
}

/* ------------------------------------------------ to fit ------------------------------------------------ */

static bool is_empty(const struct table *table, size_t i)
{
	char cell[CELL_MAX];
	size_t index;
	const json_t *row;
	json_array_foreach(table->rows, index, row) {
		cell_of(table, row, i, cell);
		if (strcmp(cell, "-") != 0)
			return false;
	}
	return true;
}

static void drop_empty(struct table *table, int columns)
{
	for (size_t i = 0; i < table->n_columns; i++)
		table->is_dropped[i] = table->columns[i].narrow == NARROW_EMPTY && is_empty(table, i);
}

static void shorten_times(struct table *table, int columns)
{
	table->dates = true;
	measure(table);
}

static void fold(struct table *table, int columns)
{
	for (size_t i = 0; i < table->n_columns; i++)
		table->is_folded[i] = !table->is_dropped[i] && table->columns[i].narrow == NARROW_FOLD;
}

/* From the right, and no more than it takes. */
static void drop(struct table *table, int columns)
{
	for (size_t i = table->n_columns; i-- > 0 && width_of(table) > columns;)
		if (table->columns[i].narrow == NARROW_DROP)
			table->is_dropped[i] = true;
}

/* The widest first, so that a short name beside a long one stays whole. */
static void cut(struct table *table, int columns)
{
	for (int over = width_of(table) - columns; over > 0; over--) {
		size_t widest = table->n_columns;
		for (size_t i = 0; i < table->n_columns; i++)
			if (table->columns[i].narrow == NARROW_CUT && table->widths[i] > NAME_LEAST && (widest == table->n_columns || table->widths[i] > table->widths[widest]))
				widest = i;
		if (widest == table->n_columns)
			return;
		table->widths[widest]--;
	}
}

static void fit(struct table *table)
{
	static void (*const steps[])(struct table *table, int columns) = { drop_empty, shorten_times, fold, drop, cut };
	struct winsize size;
	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(steps) && width_of(table) > size.ws_col; i++)
		steps[i](table, size.ws_col);
}

/* ------------------------------------------------ printing ------------------------------------------------ */

static bool is_right_aligned(const struct column *column)
{
	return column->kind == CELL_NUMBER || column->kind == CELL_SIZE;
}

/* The last column is never padded, so that lines end where their text does. Titles are never cut: no column gets narrower than its own. */
static void print_cell(const struct table *table, size_t i, char *text)
{
	const char *end = i == table->last ? "\n" : "  ";
	int width = table->widths[i];
	if (table->columns[i].narrow == NARROW_CUT && (int)strlen(text) > width)
		snprintf(text + width - (int)strlen(CUT_MARK), sizeof(CUT_MARK), CUT_MARK);
	if (is_right_aligned(&table->columns[i]))
		printf("%*s%s", width, text, end);
	else
		printf("%-*s%s", i == table->last ? 0 : width, text, end);
}

/* row: NULL for the titles */
static void print_row(const struct table *table, const json_t *row)
{
	char cell[CELL_MAX];
	for (int folded = 0; folded <= 1; folded++)
		for (size_t i = 0; i < table->n_columns; i++) {
			if (table->is_dropped[i] || table->is_folded[i] != folded)
				continue;
			if (row != NULL)
				cell_of(table, row, i, cell);
			else
				snprintf(cell, sizeof(cell), "%s", table->columns[i].title);
			if (folded)
				printf("%*s%s\n", FOLD_INDENT, "", cell);
			else
				print_cell(table, i, cell);
		}
}

void output_table(const json_t *rows, const struct column *columns, size_t n_columns, const char *when_empty)
{
	struct table table = { .rows = rows, .columns = columns, .n_columns = n_columns };
	size_t index;
	const json_t *row;

	if (n_columns > COLUMNS_MAX)
		abort();
	if (json_array_size(rows) == 0) {
		output_note("%s", when_empty);
		return;
	}
	measure(&table);
	fit(&table);
	for (size_t i = 0; i < n_columns; i++)
		if (is_in_line(&table, i))
			table.last = i;
	print_row(&table, NULL);
	json_array_foreach(rows, index, row)
		print_row(&table, row);
}

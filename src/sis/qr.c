/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Drawing QR codes. */
#include "sis/qr.h"

#include "sis/output.h"

#include <qrencode.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define QUIET 2                         /* light modules around it: scanners make do with less than the standard's four */
#define LONGEST_CELL 3                  /* bytes of a half block in UTF-8 */

static bool fits(int width, unsigned n_lines)
{
	struct winsize size;
	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0)
		return false;
	return width <= size.ws_col && (unsigned)(width + 1) / 2 + n_lines <= size.ws_row;
}

static bool is_dark(const QRcode *code, int row, int column)
{
	row -= QUIET;
	column -= QUIET;
	if (row < 0 || column < 0 || row >= code->width || column >= code->width)
		return false;
	return (code->data[row * code->width + column] & 1) != 0;
}

/* Two rows of modules in one line. The blocks are the light modules: right on a dark terminal as they are, and on any when colours are allowed. */
static void draw_line(const QRcode *code, int row, bool colours)
{
	static const char *const cells[] = { "█", "▀", "▄", " " };
	char line[256 * LONGEST_CELL] = "";
	size_t size = 0;
	for (int column = 0; column < code->width + 2 * QUIET && size + LONGEST_CELL < sizeof(line); column++) {
		const char *cell = cells[is_dark(code, row, column) * 2 + is_dark(code, row + 1, column)];
		memcpy(line + size, cell, strlen(cell));
		size += strlen(cell);
	}
	line[size] = '\0';
	output_line("%s%s%s", colours ? "\x1b[38;5;231;48;5;16m" : "", line, colours ? "\x1b[0m" : "");
}

bool qr_show(const char *text, unsigned n_lines)
{
	const char *no_color = getenv("NO_COLOR");
	QRcode *code = QRcode_encodeString(text, 0, QR_ECLEVEL_L, QR_MODE_8, 1);
	bool good = code != NULL && fits(code->width + 2 * QUIET, n_lines);
	for (int row = 0; good && row < code->width + 2 * QUIET; row += 2)
		draw_line(code, row, no_color == NULL || *no_color == '\0');
	QRcode_free(code);
	return good;
}

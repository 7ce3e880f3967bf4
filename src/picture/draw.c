/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sis-draw COLUMNSxROWS: pixels from standard input (width and height of 4 bytes each, then red, green, blue, alpha) onto the terminal at standard output, as it
 * can: kitty's and sixel graphics, else symbols. It never sees a file that a stranger made, only pixels that sis-picture decoded, and is confined all the same. */
#include "base/cursor.h"
#include "base/error.h"
#include "base/util.h"
#include "picture/job.h"
#include "sandbox/sandbox.h"

#include <chafa.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sysexits.h>
#include <unistd.h>

#define SIDE_MAX 1000u
#define CELL_WIDTH 10
#define CELL_HEIGHT 20

extern char **environ;

struct drawing {
	uint32_t width, height;
	uint8_t *pixels;
	int columns, rows;
	ChafaTermInfo *terminal;
	ChafaPixelMode pixel_mode;
	ChafaCanvasMode colours;
};

static bool colours_are_wanted(void)
{
	const char *no_color = getenv("NO_COLOR");
	return no_color == NULL || *no_color == '\0';
}

static void choose_colours(struct drawing *drawing)
{
	static const struct { ChafaTermSeq needs; ChafaCanvasMode mode; } modes[] = {
		{ CHAFA_TERM_SEQ_SET_COLOR_FGBG_DIRECT, CHAFA_CANVAS_MODE_TRUECOLOR },
		{ CHAFA_TERM_SEQ_SET_COLOR_FGBG_256, CHAFA_CANVAS_MODE_INDEXED_240 },
		{ CHAFA_TERM_SEQ_SET_COLOR_FGBG_16, CHAFA_CANVAS_MODE_INDEXED_16 },
	};
	drawing->colours = CHAFA_CANVAS_MODE_FGBG;
	for (size_t i = 0; i < ARRAY_SIZE(modes) && colours_are_wanted(); i++) {
		if (chafa_term_info_have_seq(drawing->terminal, modes[i].needs)) {
			drawing->colours = modes[i].mode;
			return;
		}
	}
}

static void choose_mode(struct drawing *drawing)
{
	drawing->terminal = chafa_term_db_detect(chafa_term_db_get_default(), environ);
	drawing->pixel_mode = CHAFA_PIXEL_MODE_SYMBOLS;
	choose_colours(drawing);
	if (!colours_are_wanted())
		return;
	if (chafa_term_info_have_seq(drawing->terminal, CHAFA_TERM_SEQ_BEGIN_KITTY_IMMEDIATE_IMAGE_V1))
		drawing->pixel_mode = CHAFA_PIXEL_MODE_KITTY;
	else if (chafa_term_info_have_seq(drawing->terminal, CHAFA_TERM_SEQ_BEGIN_SIXELS))
		drawing->pixel_mode = CHAFA_PIXEL_MODE_SIXELS;
	if (drawing->pixel_mode != CHAFA_PIXEL_MODE_SYMBOLS)
		drawing->colours = CHAFA_CANVAS_MODE_TRUECOLOR;
}

/* How large a character cell is, for who draws in pixels. */
static void find_cell(int *ret_width, int *ret_height)
{
	struct winsize size;
	*ret_width = CELL_WIDTH;
	*ret_height = CELL_HEIGHT;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0 || size.ws_row == 0 || size.ws_xpixel < size.ws_col || size.ws_ypixel < size.ws_row)
		return;
	*ret_width = size.ws_xpixel / size.ws_col;
	*ret_height = size.ws_ypixel / size.ws_row;
}

static bool read_pixels(struct drawing *drawing)
{
	uint8_t head[8];
	if (fd_read_all(STDIN_FILENO, head, sizeof(head)) < 0)
		return false;
	struct cursor cursor = cursor_from(head, sizeof(head));
	drawing->width = cursor_get_u32(&cursor);
	drawing->height = cursor_get_u32(&cursor);
	if (drawing->width == 0 || drawing->height == 0 || drawing->width > JOB_DRAWN_MAX_EDGE || drawing->height > JOB_DRAWN_MAX_EDGE)
		return false;
	size_t size = (size_t)drawing->width * drawing->height * 4;
	drawing->pixels = malloc(size);
	return drawing->pixels != NULL && fd_read_all(STDIN_FILENO, drawing->pixels, size) == 0;
}

static ChafaCanvas *make_canvas(const struct drawing *drawing, int cell_width, int cell_height)
{
	ChafaCanvasConfig *config = chafa_canvas_config_new();
	ChafaSymbolMap *symbols = chafa_symbol_map_new();
	int columns = drawing->columns, rows = drawing->rows;
	chafa_calc_canvas_geometry((int)drawing->width, (int)drawing->height, &columns, &rows, (float)cell_width / (float)cell_height, FALSE, FALSE);
	/* In one colour blocks are all there or not at all: what is between is made of dots, 2×4 in a cell, more or fewer of them. */
	bool one_colour = drawing->colours == CHAFA_CANVAS_MODE_FGBG;
	chafa_symbol_map_add_by_tags(symbols, one_colour ? CHAFA_SYMBOL_TAG_BRAILLE | CHAFA_SYMBOL_TAG_SPACE :
	                             CHAFA_SYMBOL_TAG_BLOCK | CHAFA_SYMBOL_TAG_SPACE | CHAFA_SYMBOL_TAG_HALF | CHAFA_SYMBOL_TAG_QUAD);
	if (one_colour) {
		chafa_canvas_config_set_dither_mode(config, CHAFA_DITHER_MODE_DIFFUSION);
		chafa_canvas_config_set_dither_grain_size(config, 4, 2);
	}
	chafa_canvas_config_set_symbol_map(config, symbols);
	chafa_canvas_config_set_geometry(config, columns, rows);
	chafa_canvas_config_set_cell_geometry(config, cell_width, cell_height);
	chafa_canvas_config_set_canvas_mode(config, drawing->colours);
	chafa_canvas_config_set_pixel_mode(config, drawing->pixel_mode);
	ChafaCanvas *canvas = chafa_canvas_new(config);
	chafa_symbol_map_unref(symbols);
	chafa_canvas_config_unref(config);
	return canvas;
}

static int draw(const struct drawing *drawing, int cell_width, int cell_height)
{
	ChafaCanvas *canvas = make_canvas(drawing, cell_width, cell_height);
	chafa_canvas_draw_all_pixels(canvas, CHAFA_PIXEL_RGBA8_UNASSOCIATED, drawing->pixels, (int)drawing->width, (int)drawing->height, (int)drawing->width * 4);
	GString *text = chafa_canvas_print(canvas, drawing->terminal);
	int r = fd_write_all(STDOUT_FILENO, text->str, text->len);
	if (r == 0)
		r = fd_write_all(STDOUT_FILENO, "\n", 1);
	g_string_free(text, TRUE);
	chafa_canvas_unref(canvas);
	return r < 0 ? EX_IOERR : 0;
}

static bool parse_size(const char *text, struct drawing *drawing)
{
	unsigned columns, rows;
	char rest;
	if (sscanf(text, "%3ux%3u%c", &columns, &rows, &rest) != 2 || columns == 0 || rows == 0 || columns > SIDE_MAX || rows > SIDE_MAX)
		return false;
	drawing->columns = (int)columns;
	drawing->rows = (int)rows;
	return true;
}

int main(int argc, char **argv)
{
	struct drawing drawing = { 0 };
	struct sandbox_profile profile = { .role = ROLE_PICTURE, .uid = (uid_t)-1, .gid = (gid_t)-1 };
	char words[256];
	bool weak;
	int cell_width, cell_height;
	if (argc != 2 || !parse_size(argv[1], &drawing)) {
		fprintf(stderr, "%s is run by sis: COLUMNSxROWS\n", argv[0]);
		return EX_USAGE;
	}
	sandbox_begin(STDERR_FILENO + 1);
	choose_mode(&drawing);
	find_cell(&cell_width, &cell_height);
	chafa_set_n_threads(1);
	if (sandbox_enter(&profile, words, sizeof(words), &weak) < 0)
		return EX_OSERR;
	int status = read_pixels(&drawing) ? draw(&drawing, cell_width, cell_height) : EX_DATAERR;
	free(drawing.pixels);
	return status;
}

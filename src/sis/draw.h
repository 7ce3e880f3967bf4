/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Thumbnails on the terminal. */
#pragma once

#include "sis/pictures.h"

struct draw_size { unsigned columns, rows; };
/* Whether standard output is a terminal that something can be drawn on. */
bool draw_is_possible(const struct sis *sis);
/* "40x12"; NULL leaves what is there. False when it is none. */
bool draw_size_parse(const char *text, struct draw_size *size);
/* As large as the terminal allows, and no larger than most. */
void draw_size_limit(struct draw_size *size);
/* Fetches, checks, decodes (in a confined child) and draws (by another program, which sees pixels only). NO_INPUT when the item has no thumbnail. */
int draw_thumbnail(struct session *session, const struct item *item, struct pictures *pictures, struct draw_size size, struct why *why);

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Text in columns of a terminal: wide characters take two, combining ones none. Text is made harmless before (text_for_terminal). */
#pragma once

#include "base/cursor.h"

/* Once, before the others: what a character is, whatever the locale says. */
void wrap_begin(void);
/* The next character: its bytes (at least 1) and its columns. */
size_t wrap_character(struct span text, unsigned *ret_columns);
unsigned wrap_width(struct span text);
/* The bytes of the longest beginning that takes at most so many columns; at least one character of a text that is not empty. */
size_t wrap_fit(struct span text, unsigned columns);
/* A stranger's words made harmless, with line feeds where they had them and where a line is full, between words where a word fits into a line;
 * every line but the first starts with indent spaces. columns 0: lines are never full. malloc'd. */
char *wrap_words(const char *first, struct span words, unsigned indent, unsigned columns);

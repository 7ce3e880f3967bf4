/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A conversation's terminal: lines scroll by above the one that is being typed. Whatever ends the program, the terminal gets its settings back. One at a
 * time. Not a terminal on either side: lines in, lines out, not one escape sequence. */
#pragma once

#include "sis/line_editor.h"
#include "sis/sis.h"

/* Only when standard input and output are terminals, and no JSON is asked for. */
bool screen_is_terminal(const struct sis *sis);
int screen_open(struct why *why);
void screen_close(void);
void screen_set_prompt(const char *prompt);
unsigned screen_columns(void);                          /* 0 when it is not open */
/* Text of one or more lines, made harmless before. Also without a terminal. */
void screen_print(const char *text);
/* What was typed: first, after poll, with reads, then without until LINE_NOTHING. LINE_END also when the terminal is gone. */
enum line_event screen_read(struct line_editor *line, bool reads);
void screen_draw(const struct line_editor *line);
void screen_suspend(void);                              /* ^Z, until somebody continues us */
bool screen_has_changed(void);                          /* its size, or somebody continued us: draw again */

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What people and scripts get to see. Results go to standard output, everything else to standard error; a stranger's words only through
 * text_for_terminal. Thread-safe: a line is never torn by another. */
#pragma once

#include "base/json.h"
#include "sis/sis.h"

#include <unistd.h>

/* "sis: upload: x.jpg: why; what to do", or with --json {"error","subject","detail","hint"}. subject may be NULL. */
void output_error(const struct sis *sis, const char *subject, int error, const struct why *why);
void output_warning(const struct sis *sis, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What is worth a line and no warning: on standard error, and with --json not at all. */
void output_note(const struct sis *sis, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Prints the sentence and where help is to be had; returns EX_USAGE. command may be NULL. */
int output_usage(const struct sis *sis, const char *command, const char *format, ...) __attribute__((format(printf, 3, 4)));
void output_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
void output_columns(const char *left, const char *right);                      /* two columns of help, by characters */
void output_json(json_t *json);                         /* takes the reference; one line */
/* Exit status for n_failed of n_all, the last failure being error. */
int output_status(unsigned n_failed, unsigned n_all, int error);
/* Flushes standard output: EX_IOERR (said on standard error) when it cannot be written. */
int output_finish(const struct sis *sis, int status);
void output_moment(const struct sis *sis, int64_t seconds, char *ret_text, size_t capacity);     /* exact with --json, else as output_time */
void output_time(int64_t seconds, char *ret_text, size_t capacity);             /* local, to the minute, for people */

/* Colour, where it is wanted: what begins a style on standard output or standard error, and what ends it again (STYLE_END). "" unless that is a terminal
 * that knows colours (TERM other than "dumb") and $NO_COLOR is empty or not set. Never for what --json prints. */
enum output_style { STYLE_END, STYLE_OK, STYLE_BAD, STYLE_WARNING, STYLE_ID };
const char *output_style(int fd, enum output_style style);
/* Three arguments for "%s%s%s". */
#define STYLED(style, text) output_style(STDOUT_FILENO, (style)), (text), output_style(STDOUT_FILENO, STYLE_END)

void output_lock(void);                                 /* for progress.c, which draws between the lines */
void output_unlock(void);
/* Called, locked, before and after a line is printed; for progress.c. */
void output_set_curtain(void (*hide)(void), void (*show)(void));

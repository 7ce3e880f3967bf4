/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Text for files that are made from tables: configuration, catalog and man pages. */
#pragma once

#include <stddef.h>
#include <stdio.h>

#define PRINT_MAN_WIDTH 78              /* mandoc -Tlint asks for it */

/* The first size bytes of text, folded at spaces into lines that start with prefix. */
void print_folded(FILE *out, const char *prefix, const char *text, size_t size, size_t width);
/* For mdoc, which wants a new line after each sentence. No text may start a line with a period or an apostrophe, which would be requests. */
void print_sentences(FILE *out, const char *text);
/* The journal's catalog, and the list of events of sisd-events(7): event.def and event_help.def. */
void print_events_catalog(FILE *out);
void print_events_man(FILE *out);

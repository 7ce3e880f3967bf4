/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Files that appear whole under their final name, or not at all; and what a stranger's name becomes. */
#pragma once

#include "sis/sis.h"

/* "name.jpg" for n = 1, then "name (2).jpg", …: cut so that it stays within 255 bytes and valid UTF-8. */
void naming_candidate(const char *name, unsigned n, char ret_name[256]);

struct outfile {                        /* closed without publishing: nothing remains */
	int dir_fd, fd;
	char temporary[40];                     /* empty: the file has no name yet */
};
int outfile_open(const char *directory, struct outfile *ret_file, struct why *why);
/* An unnamed file for data that may not be shown before all of it holds. */
int outfile_open_spool(struct outfile *ret_file, struct why *why);
void outfile_close(struct outfile *file);
/* Gives it its name. exact: this name or EXISTS; else the next free candidate. replace: over what is there. ret_name gets the name taken. */
int outfile_publish(struct outfile *file, const char *name, bool exact, bool replace, char ret_name[256], struct why *why);

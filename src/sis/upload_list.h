/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Which files an upload is about: those that are named, those in the directories that are named, and those in a list. */
#pragma once

#include "sis/sis.h"

struct upload_list {
	char **path;                            /* malloc'd, as are its strings */
	unsigned n, n_directories;
	unsigned n_failed;                      /* directories that could not be read; told */
};

/* list: a file with one name a line ('-': standard input), or with NUL after each name; NULL: none. NO_INPUT, TOO_LARGE, or what reading gave; what
 * cannot be read within a directory is told, counted and passed over. */
int upload_list_make(const struct sis *sis, char **arguments, unsigned n_arguments, const char *list, bool nul, struct upload_list *ret_list,
                     struct why *why);
void upload_list_free(struct upload_list *list);
#define CLEANUP_UPLOAD_LIST __attribute__((cleanup(upload_list_free)))

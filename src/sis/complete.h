/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Completion for every shell in one place: what could stand where the cursor is. Neither network nor passphrase: from the tables of commands and from the
 * profile's files. */
#pragma once

#include "sis/command.h"

/* "users", "groups", "devices", "items", "profiles": each with a tab and a description where there is one. USAGE for another kind. */
int complete_kind(const struct sis *sis, const char *kind, const char *prefix, const char *before);
/* The words of a command line after "sis", the last one (perhaps "") being the one to complete. Prints candidates, one a line, with a tab and a
 * description; or ":files", ":directories" for what the shell knows better. Candidates that end with a comma may go on. */
void complete_line(struct sis *sis, const struct command *const *commands, size_t n_commands, char **words, int n_words);

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A command describes itself: this drives parsing, help, usage errors and shell completion. */
#pragma once

#include "sis/sis.h"

enum option_kind { OPTION_FLAG, OPTION_TEXT, OPTION_NUMBER };

struct option_row {
	const char *name;                       /* "to": --to */
	char letter;                            /* 'o': -o, or 0 */
	const char *value;                      /* "USER,…"; NULL for flags */
	const char *help;
	enum option_kind kind;
	size_t offset;                          /* in the command's options: bool, const char *, unsigned */
};

struct command {
	const char *name, *arguments, *summary, *help;
	const struct option_row *options;
	size_t n_options;
	unsigned min_arguments, max_arguments;
	size_t options_size;
	int (*run)(const struct sis *sis, void *options, char **arguments, unsigned n_arguments);      /* exit status */
};

#define COMMANDS(X) \
	X(enroll) \
	X(upload) \
	X(list) \
	X(show) \
	X(get) \
	X(verify) \
	X(share) \
	X(unshare) \
	X(rm) \
	X(send) \
	X(gallery) \
	X(chat) \
	X(watch) \
	X(contacts) \
	X(group) \
	X(devices) \
	X(invite) \
	X(recovery) \
	X(whoami) \
	X(renew) \
	X(doctor)
#define COMMAND_DECLARE(name) extern const struct command command_##name;
COMMANDS(COMMAND_DECLARE)

/* Sorts argv into options and arguments ("--" ends options, "-" is an argument). On misuse prints one sentence and returns EX_USAGE. */
int command_parse(const struct sis *sis, const struct command *command, int argc, char **argv, void *ret_options, char **ret_arguments,
                  unsigned *ret_n_arguments, bool *ret_help);
void command_print_help(const struct command *command);
/* The options as a list in mdoc, for the man pages: a test compares them. */
void command_print_man(const struct command *command);
void command_print_table(const struct command *command);        /* for completion: "upload --to= --caption= -o=" */

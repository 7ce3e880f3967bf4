/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The help, made of the table of commands, in lines that a terminal of 80 columns holds. */
#include "sisctl/sisctl.h"

#include "base/util.h"

#include <string.h>

#define HELP_COLUMNS 79
#define COMMAND_COLUMN 19
#define OPTION_COLUMN 26

/* What stands left of the column, and the words beside it; below it where there is no room. */
static void print_row(FILE *file, const char *left, int column, const char *words)
{
	int at = fprintf(file, "%s", left);
	if (at >= column) {
		fputc('\n', file);
		at = 0;
	}
	at += fprintf(file, "%*s", column - at - 1, "");
	for (const char *word = words; *word != '\0';) {
		int size = (int)strcspn(word, " ");
		if (at + 1 + size > HELP_COLUMNS && at >= column)
			at = fprintf(file, "\n%*s", column - 1, "") - 1;
		at += fprintf(file, " %.*s", size, word);
		word += size;
		word += *word == ' ';
	}
	fputc('\n', file);
}

static void print_option(FILE *file, const struct command_option *option)
{
	char letter[] = { '-', option->letter, ',', ' ', 0 };
	CLEANUP_FREE char *left = xasprintf("  %s--%s%s%s", option->letter != 0 ? letter : "    ", option->name, option->value != NULL ? " " : "",
	                                    option->value != NULL ? option->value : "");
	print_row(file, left, OPTION_COLUMN, option->help);
}

void help_print_command(const struct command *command)
{
	bool has_options = command->options != NULL;
	CLEANUP_FREE char *usage = xasprintf("sisctl %s%s%s%s -", command->name, has_options ? " [OPTION...]" : "", *command->arguments != '\0' ? " " : "",
	                                     command->arguments);
	print_row(stdout, usage, (int)strlen(usage) + 1, command->help);
	if (has_options)
		puts("\nOptions:");
	for (const struct command_option *o = command->options; o != NULL && o->name != NULL; o++)
		print_option(stdout, o);
	puts("\n`sisctl --help` shows all commands, `man sisctl` explains them.");
}

static const struct command_option common_options[] = {
	{ 's', "socket", "SOCKET", "the control socket (default $SIS_CONTROL, else " SISCTL_DEFAULT_SOCKET ")" },
	{ 0, "instance", "NAME", "the server sisd@NAME.service (/run/sis-NAME/control.sock)" },
	{ 0, "json", NULL, "JSON on standard output" },
	{ 'h', "help", NULL, "this; after a command, its options" },
	{ 0, "version", NULL, "the version" },
};

void help_print_all(FILE *file)
{
	fputs("sisctl [-s SOCKET | --instance NAME] [--json] COMMAND [ARGUMENT...]\n\nAdministration of a running sisd. Commands:\n", file);
	for (size_t i = 0; i < sisctl_n_commands; i++) {
		CLEANUP_FREE char *left = xasprintf("  %s %s", sisctl_commands[i].name, sisctl_commands[i].arguments);
		print_row(file, left, COMMAND_COLUMN, sisctl_commands[i].help);
	}
	fputs("\nOptions of all commands:\n", file);
	for (size_t i = 0; i < ARRAY_SIZE(common_options); i++)
		print_option(file, &common_options[i]);
	fputs("\n`sisctl COMMAND --help` shows the options of one, `man sisctl` explains them.\n", file);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sisctl: administration of a running sisd, on its host, over the control socket (Varlink, io.sis.control). The command line. */
#include "sisctl/sisctl.h"

#include "base/util.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

enum { LONG_JSON = 256, LONG_INSTANCE, LONG_VERSION, LONG_FIRST_OPTION };

static int print_help(const struct command *command)
{
	if (command != NULL)
		help_print_command(command);
	else
		help_print_all(stdout);
	return output_finish();
}

/* -1, or the exit status: two options that name the server are one too many. */
static int name_server(struct sisctl *sisctl, const char *option)
{
	if (sisctl->named_by != NULL && strcmp(sisctl->named_by, option) != 0)
		return output_error(EX_USAGE, "--socket and --instance each name a server: leave one of them out");
	sisctl->named_by = option;
	return -1;
}

/* Says what is wrong with the word before optind, which getopt_long has returned letter for; command NULL: before the command. */
static int explain_option(const struct command *command, int letter, const char *word)
{
	const char *name = command != NULL ? command->name : "", *colon = command != NULL ? ": " : "", *space = command != NULL ? " " : "";
	const char *value = strchr(word, '=');
	if (letter == ':')
		return output_error(EX_USAGE, "%s%s%s needs a value; sisctl %s%s--help shows which", name, colon, word, name, space);
	if (strncmp(word, "--", 2) == 0 && value != NULL && optopt != 0)
		return output_error(EX_USAGE, "%s%s%.*s takes no value; sisctl %s%s--help shows the options", name, colon, (int)(value - word), word, name, space);
	if (strncmp(word, "--", 2) == 0)
		return output_error(EX_USAGE, "%s%sthere is no option %s, or several begin so; sisctl %s%s--help shows them", name, colon, word, name, space);
	return output_error(EX_USAGE, "%s%sthere is no option -%c; sisctl %s%s--help shows them", name, colon, optopt, name, space);
}

/* Options that may stand before and after the command, which is NULL before. Returns false for an unknown one; *ret_status >= 0 when all is done. */
static bool take_common_option(struct sisctl *sisctl, const struct command *command, int letter, int *ret_status)
{
	switch (letter) {
	case 's':
		*ret_status = name_server(sisctl, "--socket");
		sisctl->socket = optarg;
		sisctl->default_socket = false;
		return true;
	case LONG_INSTANCE:
		*ret_status = name_server(sisctl, "--instance");
		if (*ret_status < 0 && !sisctl_take_instance(sisctl, optarg))
			*ret_status = output_error(EX_USAGE, "--instance %s: write the NAME of sisd@NAME.service: letters, digits and _ . :", optarg);
		return true;
	case LONG_JSON:
		sisctl->json = true;
		return true;
	case 'h':
		*ret_status = print_help(command);
		return true;
	case LONG_VERSION:
		puts(PACKAGE_NAME " " PACKAGE_VERSION);
		*ret_status = output_finish();
		return true;
	default:
		return false;
	}
}

static const struct option common_options[] = {
	{ "socket", required_argument, NULL, 's' }, { "instance", required_argument, NULL, LONG_INSTANCE }, { "json", no_argument, NULL, LONG_JSON }, { "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, LONG_VERSION },
};
#define N_COMMON ARRAY_SIZE(common_options)

/* getopt_long's tables for a command: the common options, then its own. */
static void make_options(const struct command *command, struct option ret_long[N_COMMON + COMMAND_OPTIONS_MAX + 1], char ret_short[3 * COMMAND_OPTIONS_MAX + 8])
{
	size_t n = 0;
	char *letters = ret_short;
	memcpy(ret_long, common_options, sizeof(common_options));
	letters += sprintf(letters, ":s:h");    /* ":": it is explain_option() that says what is wrong */
	for (const struct command_option *o = command->options; o != NULL && o->name != NULL; o++, n++) {
		ret_long[N_COMMON + n] = (struct option){ o->name, o->value != NULL ? required_argument : no_argument, NULL, LONG_FIRST_OPTION + (int)n };
		if (o->letter != 0)
			letters += sprintf(letters, "%c%s", o->letter, o->value != NULL ? ":" : "");
	}
	ret_long[N_COMMON + n] = (struct option){ 0 };
}

static int option_row(const struct command *command, int letter)
{
	if (letter >= LONG_FIRST_OPTION)
		return letter - LONG_FIRST_OPTION;
	for (int i = 0; command->options != NULL && command->options[i].name != NULL; i++)
		if (command->options[i].letter == letter)
			return i;
	return -1;
}

static int run_command(struct sisctl *sisctl, const struct command *command, int argc, char **argv)
{
	struct option long_options[N_COMMON + COMMAND_OPTIONS_MAX + 1];
	char short_options[3 * COMMAND_OPTIONS_MAX + 8];
	const char *values[COMMAND_OPTIONS_MAX] = { NULL };
	make_options(command, long_options, short_options);

	optind = 0;                             /* glibc: start over, on another vector */
	for (int letter; (letter = getopt_long(argc, argv, short_options, long_options, NULL)) != -1;) {
		int status = -1, row = option_row(command, letter);
		if (row >= 0)
			values[row] = optarg != NULL ? optarg : "";
		else if (!take_common_option(sisctl, command, letter, &status))
			return explain_option(command, letter, argv[optind - 1]);
		if (status >= 0)
			return status;
	}
	int n_arguments = argc - optind;
	if (n_arguments < command->min_arguments || n_arguments > command->max_arguments)
		return output_error(EX_USAGE, "wrong number of arguments; write: sisctl %s%s%s; sisctl %s --help says more", command->name,
		                    *command->arguments != '\0' ? " " : "", command->arguments, command->name);
	return command->run(sisctl, argv + optind, values);
}

/* help [COMMAND]; and --complete-line for the shells. */
static int run_help(struct sisctl *sisctl, char **words, int n_words)
{
	if (n_words > 1 && strcmp(words[0], "--complete-line") == 0) {
		complete_line(sisctl, sisctl_commands, sisctl_n_commands, words + 1, n_words - 1);
		varlink_free(sisctl->varlink);
		return output_finish();
	}
	const struct command *command = n_words > 0 ? commands_find(words[0]) : NULL;
	if (n_words > 0 && command == NULL)
		return output_error(EX_USAGE, "there is no command %s; sisctl --help shows them", words[0]);
	return print_help(command);
}

int main(int argc, char **argv)
{
	const char *socket = getenv("SIS_CONTROL");
	struct sisctl sisctl = { .socket = socket != NULL && *socket != '\0' ? socket : SISCTL_DEFAULT_SOCKET, .unit = SISCTL_DEFAULT_UNIT };
	sisctl.default_socket = sisctl.socket != socket;
	struct option options[N_COMMON + 1] = { 0 };
	memcpy(options, common_options, sizeof(common_options));

	signal(SIGPIPE, SIG_IGN);               /* a reader that goes away is an error of standard output */
	for (int letter; (letter = getopt_long(argc, argv, "+:s:h", options, NULL)) != -1;) {
		int status = -1;
		if (!take_common_option(&sisctl, NULL, letter, &status))
			return explain_option(NULL, letter, argv[optind - 1]);
		if (status >= 0)
			return status;
	}
	if (optind >= argc) {
		help_print_all(stderr);
		return output_error(EX_USAGE, "the command is missing: see above");
	}
	if (strcmp(argv[optind], "help") == 0)
		return run_help(&sisctl, argv + optind + 1, argc - optind - 1);
	const struct command *command = commands_find(argv[optind]);
	if (command == NULL)
		return output_error(EX_USAGE, "there is no command %s; sisctl --help shows them", argv[optind]);
	int status = run_command(&sisctl, command, argc - optind, argv + optind);
	varlink_free(sisctl.varlink);
	return status;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sis: people's client. The options before the command, the table of commands, help. */
#include "sis/authorities.h"
#include "sis/command.h"
#include "sis/complete.h"
#include "sis/output.h"
#include "sis/patience.h"
#include "sis/renewal.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sysexits.h>

#define COMMAND_ROW(name) &command_##name,
static const struct command *const commands[] = { COMMANDS(COMMAND_ROW) };

static void on_signal(int signal_number)
{
	(void)signal_number;
	atomic_store(&sis_cancelled, true);
}

/* ^C once ends what goes on in good order; a second one ends it at once. */
static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND };
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	}
	return NULL;
}

static int print_help(void)
{
	printf("sis [--home DIR] [--profile NAME] [--json] [--quiet] COMMAND …\n\nShares pictures and files that the server cannot read.\n\nCommands:\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		CLEANUP_FREE char *left = xasprintf("%s %s", commands[i]->name, commands[i]->arguments);
		output_columns(left, commands[i]->summary);
	}
	printf("\n  %-32s %s\n  %-32s %s\n\nOptions before the command:\n", "help [COMMAND]", "this page, or a command's", "--version", "the version");
	printf("  %-32s %s\n", "--home DIR", "where profiles and keys are kept (or $SIS_HOME; else ~/.local/share/sis)");
	printf("  %-32s %s\n", "--profile NAME", "which server and identity (default: \"default\")");
	printf("  %-32s %s\n", "--json", "results and errors as JSON, one object a line");
	printf("  %-32s %s\n", "--quiet", "no progress and no lines about success");
	return 0;
}

static int print_help_about(const struct sis *sis, const char *name)
{
	if (strcmp(name, "help") == 0)
		return print_help();
	if (strcmp(name, "--table") == 0) {
		for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
			command_print_table(commands[i]);
		return 0;
	}
	const struct command *command = command_find(name);
	if (command == NULL)
		return output_usage(sis, NULL, "there is no command \"%s\"", name);
	command_print_help(command);
	return 0;
}

/* For the shells; not in the help. */
static int complete(struct sis *sis, const char *how, char **words, int n)
{
	if (strcmp(how, "--complete") == 0 && complete_kind(sis, words[0], n > 1 ? words[1] : "", "") == 0)
		return 0;
	if (strcmp(how, "--complete-line") != 0)
		return EX_USAGE;
	complete_line(sis, commands, ARRAY_SIZE(commands), words, n);
	return 0;
}

/* For the test that holds the man pages against the tables; not in the help. */
static int print_man(const char *name)
{
	const struct command *command = command_find(name);
	if (command == NULL || command->n_options == 0)
		return EX_USAGE;
	command_print_man(command);
	return 0;
}

static int run_command(struct sis *sis, int argc, char **argv)
{
	const struct command *command = command_find(argv[0]);
	if (command == NULL)
		return output_usage(sis, NULL, "there is no command \"%s\"", argv[0]);
	CLEANUP_FREE void *options = xcalloc(1, command->options_size > 0 ? command->options_size : 1);
	CLEANUP_FREE char **arguments = xcalloc((size_t)argc + 1, sizeof(*arguments));
	unsigned n_arguments = 0;
	bool help = false;
	int status = command_parse(sis, command, argc - 1, argv + 1, options, arguments, &n_arguments, &help);
	if (status != 0)
		return status;
	if (help) {
		command_print_help(command);
		return 0;
	}
	sis->command = command->name;
	catch_signals();
	renewal_allow(sis);
	authorities_tell_with(sis);
	status = command->run(sis, options, arguments, n_arguments);
	return atomic_load(&sis_cancelled) && status != 0 ? 130 : status;
}

/* --home DIR or --home=DIR, --profile likewise: where it belongs and what it is, NULL when that is missing; *at moves on. */
static const char *global_value(struct sis *sis, int argc, char **argv, int *at, const char ***ret_place)
{
	const char *word = argv[*at];
	size_t size = strcspn(word, "=");
	bool is_home = size == 6 && strncmp(word, "--home", size) == 0, is_profile = size == 9 && strncmp(word, "--profile", size) == 0;
	if (!is_home && !is_profile)
		return NULL;
	*ret_place = is_home ? &sis->home : &sis->profile;
	if (word[size] == '=')
		return word + size + 1;
	return *at + 1 < argc ? argv[++*at] : NULL;
}

/* Options before the command. Returns where the command is, or 0 when that was all (*ret_status tells). */
static int parse_globals(struct sis *sis, int argc, char **argv, int *ret_status)
{
	int i = 1;
	*ret_status = 0;
	for (; i < argc && argv[i][0] == '-'; i++) {
		const char **value = NULL, *text = global_value(sis, argc, argv, &i, &value);
		if (value != NULL && (text == NULL || *text == '\0')) {
			*ret_status = output_usage(sis, NULL, "%s needs a value", value == &sis->home ? "--home" : "--profile");
			return 0;
		} else if (value != NULL) {
			*value = text;
		} else if (strcmp(argv[i], "--json") == 0) {
			sis->json = true;
		} else if (strcmp(argv[i], "--quiet") == 0 || strcmp(argv[i], "-q") == 0) {
			sis->quiet = true;
		} else if (strcmp(argv[i], "--version") == 0) {
			printf("sis %s\n", PACKAGE_VERSION);
			return 0;
		} else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			*ret_status = print_help();
			return 0;
		} else {
			*ret_status = output_usage(sis, NULL, "there is no option %s before the command", argv[i]);
			return 0;
		}
	}
	if (i == argc)
		*ret_status = output_usage(sis, NULL, "a command is missing");
	return i < argc ? i : 0;
}

/* Keys that a passphrase protects on the disk are in the open in memory: no core file, and no other program of this user's looks in. */
static void keep_memory_private(void)
{
#ifndef SIS_SANITIZERS                          /* LeakSanitizer looks in */
	(void)prctl(PR_SET_DUMPABLE, 0);
#endif
}

/* At most once a second: with several connections at work, each of them is asked to wait. */
static void tell_patience(unsigned status, unsigned seconds, void *arg)
{
	static atomic_uint_fast64_t told_ns;
	uint64_t now = time_monotonic_ns(), before = atomic_load(&told_ns);
	if (now - before < 1000000000u || !atomic_compare_exchange_strong(&told_ns, &before, now))
		return;
	output_note(arg, "%s; trying again in %u second%s", status == 503 ? "the server has too much to do at the moment" : "the server asks to go more slowly",
	            seconds, seconds == 1 ? "" : "s");
}

int main(int argc, char **argv)
{
	struct sis sis = { 0 };
	fd_hold_standard();
	keep_memory_private();
	patience_set_teller(tell_patience, &sis);
	int status, at = parse_globals(&sis, argc, argv, &status);
	if (at > 0 && at + 2 < argc && strcmp(argv[at], "help") == 0 && strncmp(argv[at + 1], "--complete", 10) == 0)
		status = complete(&sis, argv[at + 1], argv + at + 2, argc - at - 2);
	else if (at > 0 && at + 2 < argc && strcmp(argv[at], "help") == 0 && strcmp(argv[at + 1], "--man") == 0)
		status = print_man(argv[at + 2]);
	else if (at > 0 && strcmp(argv[at], "help") == 0 && at + 2 < argc)
		status = output_usage(&sis, "help", "\"%s\" is one argument too many", argv[at + 2]);
	else if (at > 0 && strcmp(argv[at], "help") == 0)
		status = at + 1 < argc ? print_help_about(&sis, argv[at + 1]) : print_help();
	else if (at > 0)
		status = run_command(&sis, argc - at, argv + at);
	return output_finish(&sis, status);
}

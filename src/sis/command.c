/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Options from a command's table, and the help that is made from the same table. */
#include "sis/command.h"

#include "sis/output.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct option_row *option_find(const struct command *command, const char *name, size_t size)
{
	for (size_t i = 0; i < command->n_options; i++) {
		if (strlen(command->options[i].name) == size && memcmp(command->options[i].name, name, size) == 0)
			return &command->options[i];
	}
	return NULL;
}

static const struct option_row *option_find_letter(const struct command *command, char letter)
{
	for (size_t i = 0; i < command->n_options; i++) {
		if (command->options[i].letter == letter)
			return &command->options[i];
	}
	return NULL;
}

static bool option_store(const struct option_row *row, const char *value, void *options)
{
	void *at = (char *)options + row->offset;
	if (row->kind == OPTION_FLAG) {
		*(bool *)at = true;
	} else if (row->kind == OPTION_TEXT) {
		*(const char **)at = value;
	} else {
		char *end;
		errno = 0;
		unsigned long number = strtoul(value, &end, 10);
		if (errno != 0 || end == value || *end != '\0' || value[0] == '-' || number < 1 || number > 1000000)
			return false;
		*(unsigned *)at = (unsigned)number;
	}
	return true;
}

static bool is_global(const char *word)
{
	static const char *const globals[] = { "--json", "--quiet", "-q", "--home", "--profile" };
	for (size_t i = 0; i < ARRAY_SIZE(globals); i++) {
		size_t size = strlen(globals[i]);
		if (strncmp(word, globals[i], size) == 0 && (word[size] == '\0' || word[size] == '='))
			return true;
	}
	return false;
}

/* One option word; *at moves on when its value is the next word. */
static int option_take(const struct sis *sis, const struct command *command, int argc, char **argv, int *at, void *options)
{
	const char *word = argv[*at], *value = NULL;
	const struct option_row *row;
	if (word[1] == '-') {
		const char *equals = strchr(word, '=');
		row = option_find(command, word + 2, equals != NULL ? (size_t)(equals - word - 2) : strlen(word + 2));
		value = equals != NULL ? equals + 1 : NULL;
	} else {
		row = option_find_letter(command, word[1]);
		value = word[2] != '\0' ? word + 2 : NULL;
	}
	if (row == NULL && is_global(word))
		return output_usage(sis, command->name, "%s stands before the command: sis %s %s", word, word, command->name);
	if (row == NULL)
		return output_usage(sis, command->name, "there is no option %s", word);
	if (row->kind == OPTION_FLAG && value != NULL)
		return output_usage(sis, command->name, "--%s takes no value", row->name);
	if (row->kind != OPTION_FLAG && value == NULL) {
		if (*at + 1 >= argc)
			return output_usage(sis, command->name, "--%s needs a value (%s)", row->name, row->value);
		value = argv[++*at];
	}
	if (!option_store(row, value, options))
		return output_usage(sis, command->name, "--%s takes a number from 1 to 1000000, not \"%s\"", row->name, value);
	return 0;
}

int command_parse(const struct sis *sis, const struct command *command, int argc, char **argv, void *ret_options, char **ret_arguments,
                  unsigned *ret_n_arguments, bool *ret_help)
{
	unsigned n = 0;
	bool options_over = false;
	*ret_help = false;
	for (int i = 0; i < argc; i++) {
		if (!options_over && strcmp(argv[i], "--") == 0) {
			options_over = true;
		} else if (!options_over && (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)) {
			*ret_help = true;
			return 0;
		} else if (!options_over && argv[i][0] == '-' && argv[i][1] != '\0') {
			int r = option_take(sis, command, argc, argv, &i, ret_options);
			if (r != 0)
				return r;
		} else {
			ret_arguments[n++] = argv[i];
		}
	}
	if (n < command->min_arguments)
		return output_usage(sis, command->name, "%s is missing", command->arguments);
	if (n > command->max_arguments)
		return output_usage(sis, command->name, "\"%s\" is one argument too many", ret_arguments[command->max_arguments]);
	*ret_n_arguments = n;
	return 0;
}

void command_print_help(const struct command *command)
{
	printf("sis %s%s%s%s - %s\n\n%s\n", command->name, command->n_options > 0 ? " [OPTION…]" : "", *command->arguments != '\0' ? " " : "",
	       command->arguments, command->summary, command->help);
	if (command->n_options > 0)
		printf("\nOptions:\n");
	for (size_t i = 0; i < command->n_options; i++) {
		const struct option_row *row = &command->options[i];
		char left[64], letter[8] = "    ";
		if (row->letter != 0)
			snprintf(letter, sizeof(letter), "-%c, ", row->letter);
		snprintf(left, sizeof(left), "%s--%s%s%s", letter, row->name, row->value != NULL ? " " : "", row->value != NULL ? row->value : "");
		output_columns(left, row->help);
	}
}

/* "USER,…" -> "user,...": mdoc is ASCII, and its arguments are in small letters. */
static void print_ascii(const char *text, int (*letter)(int))
{
	for (; *text != '\0'; text++) {
		if (strncmp(text, "…", strlen("…")) == 0) {
			fputs("...", stdout);
			text += strlen("…") - 1;
		} else {
			putchar((unsigned char)*text < 0x80 ? letter((unsigned char)*text) : *text);
		}
	}
}

/* A sentence in lines of 80: with a capital, a full stop, and no line that begins like a request. */
static void print_sentence(const char *text)
{
	char line[400];
	size_t column = 0;
	snprintf(line, sizeof(line), "%s.", text);
	line[0] = (char)toupper((unsigned char)line[0]);
	for (char *rest = line, *word; (word = strsep(&rest, " ")) != NULL; column += strlen(word) + 1) {
		bool breaks = column > 0 && column + strlen(word) > 78 && *word != '.' && *word != '\'';
		if (column > 0)
			putchar(breaks ? '\n' : ' ');
		if (breaks)
			column = 0;
		print_ascii(word, toascii);
	}
	putchar('\n');
}

void command_print_man(const struct command *command)
{
	printf(".Bl -tag -width Ds\n");
	for (size_t i = 0; i < command->n_options; i++) {
		const struct option_row *row = &command->options[i];
		printf(".It ");
		if (row->letter != 0)
			printf("Fl %c , ", row->letter);
		printf("Fl -%s%s", row->name, row->value != NULL ? " Ar " : "");
		print_ascii(row->value != NULL ? row->value : "", tolower);
		putchar('\n');
		print_sentence(row->help);
	}
	printf(".El\n");
}

void command_print_table(const struct command *command)
{
	printf("%s\t%s\t", command->name, command->summary);
	for (size_t i = 0; i < command->n_options; i++) {
		const struct option_row *row = &command->options[i];
		printf("%s--%s%s", i > 0 ? " " : "", row->name, row->value != NULL ? "=" : "");
		if (row->letter != 0)
			printf(" -%c%s", row->letter, row->value != NULL ? "=" : "");
	}
	printf("\n");
}

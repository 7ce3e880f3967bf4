/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The commented sisd.conf and the OPTIONS section of sisd.conf(5), both from the table. */
#include "conf/conf.h"
#include "conf/options.h"
#include "base/print.h"

#include <stdio.h>
#include <string.h>

#define COMMENT_WIDTH 98

/* A number needs no quotes; everything with a unit does. */
static bool default_is_bare(const struct option *option)
{
	return option->min && strspn(option->default_text, "0123456789") == strlen(option->default_text);
}

static void print_list(FILE *out, const char *lines)
{
	fputs("[ ", out);
	for (const char *at = lines; *at; ) {
		size_t size = strcspn(at, "\n");

		fprintf(out, "%s\"%.*s\"", at == lines ? "" : ", ", (int)size, at);
		at += size + (at[size] == '\n');
	}
	fputs(" ]", out);
}

static void print_default(FILE *out, const struct option *option)
{
	if (option->kind == OPTION_IS_LIST)
		print_list(out, option->default_text);
	else
		fprintf(out, default_is_bare(option) ? "%s" : "\"%s\"", option->default_text);
}

static void print_range(FILE *out, const struct option *option, const char *prefix)
{
	char text[256];

	if (option->min)
		snprintf(text, sizeof text, "From %s to %s.", option->min, option->max);
	else if (option->kind == OPTION_IS_LIST)
		snprintf(text, sizeof text, "At most %d.", CONF_LIST_MAX);
	else
		return;
	fprintf(out, "%s%s\n", prefix, text);
}

void conf_print_file(FILE *out)
{
	fputs("# sisd.conf(5): the configuration of sisd(8). What stands here, commented out, is what holds without it.\n"
	      "# Check it with: sisd --check. After a change: systemctl reload sisd, or restart where the option says so.\n"
	      "# Times are seconds, or \"90s\", \"15m\", \"12h\", \"7d\", \"2w\"; sizes are bytes, or \"64K\", \"16M\", \"2G\".\n", out);
	for (unsigned i = 0; i < option_table_size; i++) {
		const struct option *option = &option_table[i];

		fputc('\n', out);
		print_folded(out, "# ", option->help, strlen(option->help), COMMENT_WIDTH);
		print_range(out, option, "# ");
		if (option_needs_restart(option))
			fputs("# A change needs a restart.\n", out);
		fprintf(out, "#%s = ", option->name);
		print_default(out, option);
		fputs(";\n", out);
	}
}

static const char *option_kind_name(const struct option *option)
{
	static const char *const names[] = {
		[OPTION_IS_STRING] = "string", [OPTION_IS_LIST] = "list of strings", [OPTION_IS_NUMBER] = "number",
		[OPTION_IS_SIZE] = "size", [OPTION_IS_DURATION] = "time", [OPTION_IS_CHOICE] = "string",
	};

	return names[option->kind];
}

void conf_print_man(FILE *out)
{
	fputs(".Bl -tag -width Ds\n", out);
	for (unsigned i = 0; i < option_table_size; i++) {
		const struct option *option = &option_table[i];

		fprintf(out, ".It Ic %s Pq %s\n", option->name, option_kind_name(option));
		print_sentences(out, option->help);
		print_range(out, option, "");
		if (option_needs_restart(option))
			fputs("A change needs a restart.\n", out);
		fputs("The default is\n.Li ", out);
		if (*option->default_text == '\0') {
			fputs("\\(dq\\(dq .\n", out);
			continue;
		}
		if (option->kind == OPTION_IS_LIST)
			for (const char *at = option->default_text; *at; at++)
				fputc(*at == '\n' ? ' ' : *at, out);
		else
			fputs(option->default_text, out);
		fputs(" .\n", out);
	}
	fputs(".El\n", out);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * options.def as a table that the loader, the printers and the tests walk. Private to the conf room and its tests. */
#pragma once

#include "conf/conf.h"

#include <stddef.h>

enum option_kind { OPTION_IS_STRING, OPTION_IS_LIST, OPTION_IS_NUMBER, OPTION_IS_SIZE, OPTION_IS_DURATION, OPTION_IS_CHOICE };

/* NULL when the value is good, else the rest of the sentence "NAME ...", static. */
typedef const char *option_check_fn(const char *value);

struct option {
	const char *name;
	enum option_kind kind;
	size_t offset;                  /* into struct conf */
	const char *default_text;       /* a list is one entry a line */
	const char *min, *max;          /* as written, for numbers, sizes and durations */
	const char *choices;            /* "a|b" */
	option_check_fn *check;         /* for strings and each entry of a list */
	const char *help;
};

extern const struct option option_table[];
extern const unsigned option_table_size;

const struct option *option_find(const char *name);             /* NULL: no such option */
const struct option *option_nearest(const char *name);          /* what was probably meant; NULL when nothing is near */
bool option_may_be_empty(const struct option *option);           /* a list: "[ ]" */
bool option_needs_restart(const struct option *option);
bool option_is_text(const struct option *option);               /* string or choice: its member is a char * */
char **option_string_member(const struct option *option, struct conf *conf);
struct conf_list *option_list_member(const struct option *option, struct conf *conf);
uint64_t *option_number_member(const struct option *option, struct conf *conf);

/* The number that text stands for in this option's unit ("64M", "90d", "12"); BAD_FORMAT. */
int option_number_parse(const struct option *option, const char *text, uint64_t *ret_value);
bool option_number_in_range(const struct option *option, uint64_t value);
bool option_choice_is_valid(const struct option *option, const char *text);

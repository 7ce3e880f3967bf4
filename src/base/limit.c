/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The limits of limit.def, looked up. */
#include "base/limit.h"

#include <stdio.h>

static const struct limit_row { const char *name, *unit, *text; } rows[LIMIT_END] = {
	[LIMIT_NONE] = { "none", "", "no limit" },
#define LIMIT(name_, option_, unit_, text_) [LIMIT_##name_] = { #option_, unit_, text_ },
#include "base/limit.def"
#undef LIMIT
};

const char *limit_name(enum limit limit)
{
	return rows[limit < LIMIT_END ? limit : LIMIT_NONE].name;
}

const char *limit_unit(enum limit limit)
{
	return rows[limit < LIMIT_END ? limit : LIMIT_NONE].unit;
}

const char *limit_text(enum limit limit)
{
	return rows[limit < LIMIT_END ? limit : LIMIT_NONE].text;
}

void limit_describe(enum limit limit, const char *user, char *ret_text, size_t capacity)
{
	snprintf(ret_text, capacity, user != NULL ? "%s (%s), see %s" : "%s%s, see %s", limit_text(limit), user != NULL ? user : "", limit_name(limit));
}

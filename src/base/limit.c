/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The limits of limit.def, looked up. */
#include "base/limit.h"

static const struct limit_row { const char *name, *text; } rows[LIMIT_END] = {
	[LIMIT_NONE] = { "none", "no limit" },
#define LIMIT(name_, option_, text_) [LIMIT_##name_] = { #option_, text_ },
#include "base/limit.def"
#undef LIMIT
};

const char *limit_name(enum limit limit)
{
	return rows[limit < LIMIT_END ? limit : LIMIT_NONE].name;
}

const char *limit_text(enum limit limit)
{
	return rows[limit < LIMIT_END ? limit : LIMIT_NONE].text;
}

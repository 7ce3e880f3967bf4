/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The limits of limit.def, by number. */
#pragma once

#include <stddef.h>

enum limit {
	LIMIT_NONE,
#define LIMIT(name_, option_, unit_, text_) LIMIT_##name_,
#include "base/limit.def"
#undef LIMIT
	LIMIT_END,
};

const char *limit_name(enum limit limit);               /* its option: "max_connections" */
const char *limit_unit(enum limit limit);               /* "in each worker", "bytes a second" */
const char *limit_text(enum limit limit);
/* The sentence's end for the log: what happened, to whom (user: NULL), and which option sets it. */
void limit_describe(enum limit limit, const char *user, char *ret_text, size_t capacity);

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The limits of limit.def, by number. */
#pragma once

enum limit {
	LIMIT_NONE,
#define LIMIT(name_, option_, text_) LIMIT_##name_,
#include "base/limit.def"
#undef LIMIT
	LIMIT_END,
};

const char *limit_name(enum limit limit);               /* its option: "max_connections" */
const char *limit_text(enum limit limit);

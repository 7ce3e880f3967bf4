/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What every file of `sis` knows: the options that stand before the command, the cancel flag, and why something failed. */
#pragma once

#include "base/error.h"
#include "base/text.h"
#include "base/util.h"

#include <stdatomic.h>
#include <stdbool.h>

struct sis {
	const char *home, *profile;             /* NULL: the default ones */
	bool json, quiet;
	const char *command;
};

extern atomic_bool sis_cancelled;               /* set by ^C: whatever waits looks at it */

/* One clause for people: what exactly went wrong, beyond the error's own text. Empty where the error says it all. May hold a stranger's words: shown
 * only through output_error. */
struct why { char text[600]; };
int why_set(struct why *why, int error, const char *format, ...) __attribute__((format(printf, 3, 4)));        /* returns error; why may be NULL */
const char *why_text(const struct why *why, int error);

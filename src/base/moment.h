/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * When something shall end, as people say it. */
#pragma once

#include <stdint.h>

/* "7d", "12h" and the like from now on, "2026-12-24" (the end of that day here), "2026-12-24T18:00:00Z", or "never" (0). BAD_FORMAT; EXPIRED when it
 * lies in the past; TOO_LARGE beyond the year 9999. */
int moment_parse(const char *text, int64_t now, int64_t *ret_seconds);

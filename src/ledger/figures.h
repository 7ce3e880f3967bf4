/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How long things take, for `sisctl status` and `sisctl metrics`. */
#pragma once

#include "base/json.h"

#include <stdint.h>

enum figures_what { FIGURES_COMMIT, FIGURES_REVOCATION, FIGURES_END };

void figures_observe(enum figures_what what, uint64_t started_ns);      /* since then, until now */
json_t *figures_print(enum figures_what what);                          /* NULL on no memory */

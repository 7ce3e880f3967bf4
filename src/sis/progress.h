/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Bars on standard error, one for each file under way: only when that is a terminal, and never with --json or --quiet. Thread-safe. */
#pragma once

#include "sis/sis.h"

struct progress;
void progress_open(const struct sis *sis);
void progress_close(void);
/* NULL when nothing is shown; the others accept it. name is a stranger's. */
struct progress *progress_begin(const char *name, uint64_t total);
/* The same for what is counted, not measured in bytes. */
struct progress *progress_begin_count(const char *name, uint64_t total);
void progress_move(struct progress *progress, uint64_t done, uint64_t total);
void progress_end(struct progress *progress);

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Programs that are started for somebody: `sis watch --exec` and notifications. What strangers wrote reaches them in the environment or behind "--", made
 * harmless, and never as text of a command. */
#pragma once

#include "sis/sis.h"

#include <sys/types.h>

#define PROGRAMS_MAX 4u                 /* at a time */

struct fact { const char *name, *value; };      /* NULL reads as empty */

struct programs { pid_t pid[PROGRAMS_MAX]; };   /* zero-initialised */
/* /bin/sh -c command, with these facts and no older ones in its environment, and no descriptor but the standard ones (input: /dev/null; output: standard
 * error when that is wanted). Waits while too many run. INTERRUPTED. */
int programs_run_shell(struct programs *programs, const char *command, const struct fact *facts, size_t n_facts, bool output_to_stderr, struct why *why);
/* Starts a program of $PATH; false when there is none, or too many run already. Its output is thrown away. */
bool programs_start(struct programs *programs, char *const arguments[]);
void programs_reap(struct programs *programs);          /* those that have ended */
void programs_wait(struct programs *programs);          /* for all, but not for ever */

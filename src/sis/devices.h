/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sis devices: its options, and the files of its larger subcommands. */
#pragma once

#include "sis/sis.h"

struct devices_options { bool yes, verify; unsigned jobs; };

/* Shows them all. Exit status. */
int devices_list(const struct sis *sis, const struct devices_options *options);
/* Gives another own device everything that this one can read. Exit status. */
int devices_approve(const struct sis *sis, const struct devices_options *options, const char *device);

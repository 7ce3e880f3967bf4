/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sis devices: its options, and the files of its larger subcommands. */
#pragma once

#include "sis/sis.h"

struct devices_options { bool yes; unsigned jobs; };

/* Gives another own device everything that this one can read. Exit status. */
int devices_approve(const struct sis *sis, const struct devices_options *options, const char *device);

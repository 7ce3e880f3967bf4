/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A QR code in the terminal, from half blocks. */
#pragma once

#include <stdbool.h>

/* On standard output, dark on light so that phones can read it. False, and nothing drawn, when that is no terminal or the code does not fit with n_lines
 * of text beside it. text: capital letters, digits and spaces make the smallest code. */
bool qr_show(const char *text, unsigned n_lines);

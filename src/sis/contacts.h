/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the files of `sis contacts` share. */
#pragma once

#include "sis/command.h"
#include "sis/pins.h"

struct contacts_options { bool yes; const char *code, *output, *key; };

struct contacts_visit {
	const struct sis *sis;
	const struct contacts_options *options;
	const char *subject;                    /* the word's argument: a user, or a file; NULL: none */
	struct profile *profile;
	struct pins *pins;                      /* saved afterwards, come what may */
};

int contacts_verify(const struct contacts_visit *visit, struct why *why);

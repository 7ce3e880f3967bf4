/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Asking a person for a secret, or a question. */
#pragma once

#include "sis/sis.h"

/* Asks on the controlling terminal without echo. ret_text is malloc'd: wipe it. NO_INPUT without a terminal, INTERRUPTED on ^C, USAGE when empty. */
int terminal_ask_secret(const char *prompt, char **ret_text, struct why *why);
/* Asks twice: BAD_LOGIN when the two differ. */
int terminal_ask_new_secret(const char *prompt, char **ret_text, struct why *why);
/* Asks on the terminal; anything but "y" or "yes" is no. NO_INPUT when there is none. */
int terminal_ask_yes(const char *question, bool *ret_yes, struct why *why);

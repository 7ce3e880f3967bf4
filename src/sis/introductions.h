/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * While items are read: who vouches for a device that is new? Asked of the server once for each person, over a connection of its own. Thread-safe. */
#pragma once

#include "sis/pins.h"
#include "sis/session.h"

struct introductions;
struct introductions *introductions_new(const struct sis *sis, const struct profile *profile, struct pins *pins);
void introductions_free(struct introductions *introductions);           /* accepts NULL */
/* Pins what somebody pinned vouches for. That the server does not answer is no error: then nobody vouches. Accepts NULL: nobody is asked. */
void introductions_ask(struct introductions *introductions, const char *user);

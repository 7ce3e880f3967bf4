/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A new certificate before the old one ends: when the person asks for it, and by itself at two thirds of its life. */
#pragma once

#include "sis/profile.h"

/* Gets a certificate for the same key, or a new one, and writes it; the profile in memory has it, too. */
int renewal_renew(struct profile *profile, bool new_key, struct why *why);
/* Publishes the encryption key under the certificate. Until that has worked, the profile remembers that it must. */
int renewal_publish(const struct profile *profile, struct why *why);
bool renewal_is_due(const struct certificate *facts, int64_t now);

/* From then on, renewals that are due are made by this process: main.c says so. */
void renewal_allow(const struct sis *sis);
/* After a session that worked: renews on disk what is due, once in a run and in an hour. Never fails: says what it did on standard error. */
void renewal_after_session(const struct profile *profile);
/* For commands that run on for days: to be called now and then (it looks at the clock first), while no other thread uses the profile. Takes over what
 * another process has renewed meanwhile, or renews. True when the certificate in memory is another one: new connections should be made. */
bool renewal_check(struct profile *profile);

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The authority's revocation list for who shares (the profile's file "crl"): what the server says of its own accord, that a device is live, is held
 * against what it has signed. Ten minutes old at most; who reads items asks for the newest each time (item.h). Thread-safe. */
#pragma once

#include "sis/session.h"
#include "sis/verified.h"

struct revocations;
struct revocations *revocations_new(const struct profile *profile, struct verified *verified);         /* borrows both; fetches nothing yet */
void revocations_free(struct revocations *revocations);                                                 /* accepts NULL */
/* REVOKED, or that the list cannot be had or does not hold. */
int revocations_check(struct revocations *revocations, struct session *session, const struct certificate *facts, struct why *why);

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Vouching for another own device, so that contacts who have pinned this one take that one for ours without asking us. */
#pragma once

#include "sis/people.h"

/* Signs an endorsement of the device's signing key with ours and gives it to the server. The person has said that it is theirs. */
int endorse_device(const struct profile *profile, struct session *session, const struct person_device *device, struct why *why);

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The newest state that the server has shown to this profile. Its sequence numbers only grow: a smaller one is an old answer played again, or a server
 * that was set back to a backup. */
#pragma once

#include "sis/profile.h"

struct horizon {
	uint64_t known, shown;                  /* as it was before this command asked anything; the newest since */
	bool forgets;
};

void horizon_open(const struct profile *profile, struct horizon *ret_horizon);
/* What the server says is its newest sequence number: ROLLED_BACK, with what to do, when we have seen a newer one. */
int horizon_check(struct horizon *horizon, uint64_t sequence, struct why *why);
/* What is shown from now on is right, however old: after the administrator has said that a backup was restored. */
void horizon_forget(struct horizon *horizon);
/* Remembers the newest; best effort, nothing to do when nothing is new. */
void horizon_save(const struct profile *profile, const struct horizon *horizon);

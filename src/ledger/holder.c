/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A process that keeps the database locked. Nobody but us has a use for those locks, a reader's look at one is over in a moment: so who has one at two looks is
 * hostile or hangs, and while it lasts the administrator could not even revoke. The master ends it when it is a worker; else there is only to say who it is. */
#include "ledger/ledger.h"

#include "base/util.h"

#include <stdio.h>

#define TOLD_EVERY_NS (60u * 1000000000ull)

static void tell(pid_t pid)
{
	static uint64_t told_ns;
	static pid_t told;
	uint64_t now = time_monotonic_ns();
	char reason[128];
	if (pid == told && now - told_ns < TOLD_EVERY_NS)
		return;
	told = pid;
	told_ns = now;
	snprintf(reason, sizeof(reason), "process %d keeps the database locked, so nothing can be changed; when it is a worker, it is ended", (int)pid);
	log_event(&LOG(STORE_FAILED, .reason = reason));
}

void holder_tick(void)
{
	static bool seen;
	pid_t pid = store_find_holder(ledger.writer);
	if (pid != 0 && seen) {
		tell(pid);
		(void)CHANNEL_SEND(ledger.role.master, 0, lock_held, LOCK_HELD, &(struct message_lock_held){ .pid = pid });
	}
	seen = pid != 0;
}

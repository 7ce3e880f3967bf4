/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A disk that is nearly full: said once, and that there is room again. In between nobody may write anything that would bring the transaction thread to look. */
#include "ledger/ledger.h"

#include "base/error.h"

static bool looking;

static int room_run(struct store_writer *writer, struct change *change)
{
	return 0;
}

static void room_done(struct completion *completion)
{
	looking = false;
}

void room_tick(void)
{
	static struct change look = { .run = room_run, .completion.done = room_done };
	static bool told;
	uint64_t free_bytes;
	bool is_short = transact_is_short_of_room(&free_bytes);
	if (is_short && !looking && !ledger.stopping) {
		looking = true;
		transact_submit(&look);
	}
	if (is_short == told)
		return;
	told = is_short;
	audit_event(is_short ? &LOG(ROOM_SHORT, .bytes = (int64_t)free_bytes) : &LOG(ROOM_AGAIN, .bytes = (int64_t)free_bytes));
}

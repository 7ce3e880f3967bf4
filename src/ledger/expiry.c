/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What ends by itself. The ledger knows when the next thing does, and looks again at each start: what ended while it was off goes at once. */
#include "ledger/ledger.h"

#include "base/error.h"
#include "base/util.h"

#include <stddef.h>
#include <stdlib.h>

#define EXPIRY_BATCH 128                /* items, and as many grants, in one transaction: uploads wait no longer than that */
#define EXPIRY_RETRY_SECONDS 60

struct expiry {
	struct job job;
	struct change change;
	int64_t now, next;
	uint64_t sequence;
	struct store_told told;
	struct store_writer *writer;
	unsigned n;
	struct store_expired expired[2 * EXPIRY_BATCH];
};

static int64_t due;                     /* 0: nobody has looked yet */
static bool running;

static int expiry_write(struct store_writer *writer, const struct store_expired *expired)
{
	char item[ITEM_ID_TEXT + 1];
	item_id_encode(expired->id, item);
	if (expired->is_item)
		return audit_write(writer, &LOG(EXPIRED, .item = item, .user = expired->user));
	return audit_write(writer, &LOG(ACCESS_EXPIRED, .item = item, .user = expired->user));
}

static int expiry_take(const struct store_expired *expired, void *arg)
{
	struct expiry *expiry = arg;
	expiry->expired[expiry->n++] = *expired;
	return expiry_write(expiry->writer, expired);
}

static int expiry_run(struct store_writer *writer, struct change *change)
{
	struct expiry *expiry = (struct expiry *)((char *)change - offsetof(struct expiry, change));
	expiry->writer = writer;
	int r = store_expire(writer, expiry->now, EXPIRY_BATCH, &expiry->told, &expiry->sequence, expiry_take, expiry);
	return r < 0 ? r : store_next_expiry(store_as_reader(writer), &expiry->next);
}

/* The rows are gone durably; a file whose removal a crash prevents belongs to nothing, and the next start removes it. */
static void expiry_work(struct job *job)
{
	const struct expiry *expiry = (const struct expiry *)job;
	for (unsigned i = 0; i < expiry->n; i++) {
		if (expiry->expired[i].is_item)
			backup_remove_object(expiry->expired[i].id);
	}
}

static void expiry_done_work(struct completion *completion)
{
	free(completion);
}

static void expiry_log(const struct expiry *expiry)
{
	for (unsigned i = 0; i < expiry->n; i++) {
		char item[ITEM_ID_TEXT + 1];
		item_id_encode(expiry->expired[i].id, item);
		if (expiry->expired[i].is_item)
			log_event(&LOG(EXPIRED, .item = item, .user = expiry->expired[i].user));
		else
			log_event(&LOG(ACCESS_EXPIRED, .item = item, .user = expiry->expired[i].user));
	}
}

static void expiry_done_change(struct completion *completion)
{
	struct expiry *expiry = (struct expiry *)((char *)completion - offsetof(struct expiry, change));
	int error = expiry->change.result;
	running = false;
	expiry_note(error < 0 ? time_now() + EXPIRY_RETRY_SECONDS : expiry->next);
	if (error < 0) {
		audit_store_failed(error, "what has expired is not removed, though nobody sees it");
		free(expiry);
		return;
	}
	expiry_log(expiry);
	publish(expiry->sequence, &expiry->told);
	pool_submit(&expiry->job);
	expiry_tick();
}

void expiry_note(int64_t when)
{
	if (when != 0 && when < due)
		due = when;
}

void expiry_tick(void)
{
	int64_t now = time_now();
	if (running || ledger.stopping || now < due || clock_is_doubtful())
		return;
	struct expiry *expiry = calloc(1, sizeof(*expiry));
	if (expiry == NULL)
		return;                 /* at the next tick */
	running = true;
	due = INT64_MAX;
	expiry->now = now;
	expiry->job.work = expiry_work;
	expiry->job.completion.done = expiry_done_work;
	expiry->change.run = expiry_run;
	expiry->change.completion.done = expiry_done_change;
	transact_submit(&expiry->change);
}

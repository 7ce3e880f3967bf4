/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Telling the workers that something became visible, and whose. What a whole batch of commits made visible is told in one message. And forgetting what
 * was told long ago. */
#include "ledger/ledger.h"

#include "base/util.h"

#include <stdlib.h>

static struct {
	uint64_t sequence;                      /* the newest */
	struct store_told told;
	bool waits;
} news;

static void publish_now(void *arg)
{
	uint8_t bytes[STORE_TOLD_MAX * sizeof(uint64_t)];
	struct builder users = builder_from(bytes, sizeof(bytes));
	for (unsigned i = 0; i < news.told.n && !store_tells_all(&news.told); i++)
		builder_put_u64(&users, (uint64_t)news.told.user_id[i]);
	peers_broadcast_published(news.sequence, (struct span){ bytes, users.size });
	news.told.n = 0;
	news.waits = false;
}

void publish(uint64_t sequence, const struct store_told *told)
{
	if (told->n == 0)
		return;
	if (sequence > news.sequence)
		news.sequence = sequence;
	for (unsigned i = 0; i < told->n && i < STORE_TOLD_MAX; i++)
		store_tell(&news.told, told->user_id[i]);
	if (store_tells_all(told))
		news.told.n = STORE_TOLD_MAX + 1;
	if (news.waits)
		return;
	news.waits = loop_add_after(ledger.role.loop, publish_now, NULL) == 0;
	if (!news.waits)
		publish_now(NULL);
}

/* ------------------------------------------------ retention ------------------------------------------------ */

static int publish_run_forget(struct store_writer *writer, struct change *change)
{
	return store_expire_events(writer, time_now() - STORE_EVENTS_KEPT_S);
}

static void publish_done_forget(struct completion *completion)
{
	free(completion);
}

void publish_tick(void)
{
	if (!store_has_old_events(ledger.view, time_now() - STORE_EVENTS_KEPT_S))
		return;
	struct change *change = calloc(1, sizeof(*change));
	if (change == NULL)
		return;
	change->run = publish_run_forget;
	change->completion.done = publish_done_forget;
	transact_submit(change);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Names under incoming/ that are needed no more: gathered for a moment, and removed by a pool thread, since removing a large file takes its time. A
 * crash before that leaves what recovery removes. */
#include "ledger/ledger.h"

#include <stdio.h>
#include <stdlib.h>

struct swept { char upload_id[STORE_UPLOAD_ID_TEXT + 1]; struct swept *next; };
struct sweep { struct job job; struct swept *first; };

static struct swept *gathered;
static struct sweep sweep;
static bool running;
static struct loop_source *timer;

#define SWEEP_DELAY_MS 50

static void sweep_remove(const struct swept *swept)
{
	for (; swept != NULL; swept = swept->next)
		(void)store_remove_incoming(ledger.writer, swept->upload_id);
}

static void sweep_work(struct job *job)
{
	sweep_remove(((struct sweep *)job)->first);
}

static void sweep_done(struct completion *completion)
{
	while (sweep.first != NULL) {
		struct swept *next = sweep.first->next;
		free(sweep.first);
		sweep.first = next;
	}
	running = false;
	if (gathered != NULL)
		loop_timer_set(timer, SWEEP_DELAY_MS);
}

static void sweep_start(void *arg)
{
	if (running || gathered == NULL)
		return;
	running = true;
	sweep.first = gathered;
	gathered = NULL;
	sweep.job.work = sweep_work;
	sweep.job.completion.done = sweep_done;
	pool_submit(&sweep.job);
}

void sweep_incoming(const char *upload_id)
{
	struct swept *swept = malloc(sizeof(*swept));
	if (timer == NULL)
		(void)loop_add_timer(ledger.role.loop, -1, sweep_start, NULL, &timer);
	if (swept == NULL || timer == NULL) {
		free(swept);
		(void)store_remove_incoming(ledger.writer, upload_id);
		return;
	}
	snprintf(swept->upload_id, sizeof(swept->upload_id), "%s", upload_id);
	swept->next = gathered;
	gathered = swept;
	if (swept->next == NULL && !running)
		loop_timer_set(timer, SWEEP_DELAY_MS);
}

void sweep_end(void)
{
	sweep_remove(gathered);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Deleting items: first the row, durably, then the file. A crash in between leaves a file that belongs to nothing, which the next start removes. */
#include "ledger/ledger.h"

#include "base/error.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct deletion {
	struct job job;
	struct change change;
	struct request request;
	struct store_caller caller;
	uint8_t id[ITEM_ID_BYTES];
	uint64_t sequence;
	struct store_told told;
	char item[ITEM_ID_TEXT + 1], peer[80];
};

#define ITEMS_DELETED(deletion) LOG(DELETED, .user = (deletion)->caller.user, .device = (deletion)->caller.device, .item = (deletion)->item, \
	.peer = (deletion)->peer)

static struct deletion *items_of(struct change *change)
{
	return (struct deletion *)((char *)change - offsetof(struct deletion, change));
}

static int items_run_delete(struct store_writer *writer, struct change *change)
{
	struct deletion *deletion = items_of(change);
	int r = store_delete_item(writer, deletion->id, deletion->caller.user_id, &deletion->sequence, &deletion->told);
	return r < 0 ? r : audit_write(writer, &ITEMS_DELETED(deletion));
}

/* Removing a large file takes time: not on the loop thread. */
static void items_work_remove(struct job *job)
{
	backup_remove_object(((struct deletion *)job)->id);
}

static void items_done_remove(struct completion *completion)
{
	free(completion);
}

static void items_done_delete(struct completion *completion)
{
	struct deletion *deletion = items_of((struct change *)completion);
	int error = deletion->change.result;
	peers_answer_done(deletion->request, error, NULL);
	if (error < 0) {
		free(deletion);
		return;
	}
	log_event(&ITEMS_DELETED(deletion));
	publish(deletion->sequence, &deletion->told);
	deletion->job.work = items_work_remove;
	deletion->job.completion.done = items_done_remove;
	pool_submit(&deletion->job);
}

void items_handle_delete(struct request request, const struct message_item_delete *message)
{
	struct deletion *deletion = calloc(1, sizeof(*deletion));
	int r = deletion == NULL ? -SIS_ERR_NO_MEMORY : callers_find(message->caller, &deletion->caller);
	if (r == 0 && item_id_decode(message->item, deletion->id) < 0)
		r = -SIS_ERR_NO_ITEM;
	if (r < 0) {
		peers_answer_done(request, r, NULL);
		free(deletion);
		return;
	}
	item_id_encode(deletion->id, deletion->item);
	span_to_string(message->peer, deletion->peer, sizeof(deletion->peer));
	deletion->request = request;
	deletion->change.run = items_run_delete;
	deletion->change.completion.done = items_done_delete;
	transact_submit(&deletion->change);
}

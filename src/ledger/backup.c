/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The ledger's half of `sisctl backup`: a copy of the database, the list of its objects, and the promise that none of these objects goes before the end.
 * sisctl copies, as root: the ledger may write nowhere but in the store, and who may only administer gets no file through us. */
#include "ledger/control.h"
#include "ledger/ledger.h"

#include "base/error.h"
#include "base/util.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct kept { uint8_t id[ITEM_ID_BYTES]; struct kept *next; };

struct backup {                         /* one at a time */
	struct job job;
	struct control_call *call;              /* of Backup; NULL when it has ended */
	struct control_call *ended[2];          /* Backup and BackupEnd, answered when all is released: then another may begin */
	struct control_call *waiting;           /* the next Backup, which came while the one before was being released */
	int error;
	bool is_working, is_ready;              /* the copy is being made; sisctl has been told of it */
	struct store_totals totals;
};
static struct backup backup;

static struct {                         /* touched by pool threads */
	pthread_mutex_t lock;
	bool keeps;
	struct kept *first;
} held = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* ------------------------------------------------ objects that stay a little longer ------------------------------------------------ */

/* Items of the copy that are deleted meanwhile keep their files until the end; a crash before that leaves what the next start removes. Such an item cannot be
 * uploaded again before, as a name under objects/ is never replaced. */
void backup_remove_object(const uint8_t id[ITEM_ID_BYTES])
{
	pthread_mutex_lock(&held.lock);
	struct kept *kept = held.keeps ? malloc(sizeof(*kept)) : NULL;
	bool keeps = held.keeps;
	if (kept != NULL) {
		memcpy(kept->id, id, ITEM_ID_BYTES);
		kept->next = held.first;
		held.first = kept;
	}
	pthread_mutex_unlock(&held.lock);
	/* Without memory to remember it the file stays: sisctl check finds it. */
	if (!keeps)
		(void)store_remove_object(ledger.writer, id);
}

bool backup_keeps(const uint8_t id[ITEM_ID_BYTES])
{
	bool found = false;
	pthread_mutex_lock(&held.lock);
	for (const struct kept *kept = held.first; kept != NULL && !found; kept = kept->next)
		found = memcmp(kept->id, id, ITEM_ID_BYTES) == 0;
	pthread_mutex_unlock(&held.lock);
	return found;
}

static void backup_hold(void)
{
	pthread_mutex_lock(&held.lock);
	held.keeps = true;
	pthread_mutex_unlock(&held.lock);
}

static void backup_release(void)
{
	pthread_mutex_lock(&held.lock);
	struct kept *kept = held.first;
	held.first = NULL;
	held.keeps = false;
	pthread_mutex_unlock(&held.lock);
	while (kept != NULL) {
		struct kept *next = kept->next;
		(void)store_remove_object(ledger.writer, kept->id);
		free(kept);
		kept = next;
	}
	store_backup_remove(ledger.writer);
}

void backup_stop(void)
{
	backup_release();
}

/* ------------------------------------------------ the end ------------------------------------------------ */

static void backup_work_release(struct job *job)
{
	backup_release();
}

static void backup_done_release(struct completion *completion)
{
	backup.is_working = false;
	for (int i = 0; i < 2; i++) {
		struct control_call *call = backup.ended[i];
		backup.ended[i] = NULL;
		if (call != NULL)
			control_reply(call, NULL, false);
	}
	struct control_call *next = backup.waiting;
	backup.waiting = NULL;
	if (next != NULL)
		backup_start(next);
}

static void backup_finish(void)
{
	backup.call = NULL;
	backup.is_ready = false;
	backup.is_working = true;
	backup.job = (struct job){ .completion.done = backup_done_release, .work = backup_work_release };
	pool_submit(&backup.job);
}

static void backup_on_gone(struct control_call *call)
{
	audit_event(&LOG(BACKUP_FAILED, .peer = call->by, .reason = "sisctl ended before it was complete"));
	bool was_ready = backup.is_ready;
	backup.call = NULL;
	control_end(call);
	/* While the copy is still being made, its end sees to that. */
	if (was_ready)
		backup_finish();
}

void backup_end(struct control_call *call)
{
	char snapshot[128];
	if (backup.call == NULL || !backup.is_ready) {
		control_fail_error(call, -SIS_ERR_CONFLICT, "no backup is under way");
		return;
	}
	text_for_terminal(span_from_string(control_string(call, "snapshot")), snapshot, sizeof(snapshot));
	audit_event(&LOG(BACKED_UP, .peer = backup.call->by, .detail = snapshot, .count = (int64_t)backup.totals.n_items, .bytes = backup.totals.bytes));
	backup.call->on_gone = NULL;
	backup.ended[0] = backup.call;
	backup.ended[1] = call;
	backup_finish();
}

/* ------------------------------------------------ the beginning ------------------------------------------------ */

static void backup_work(struct job *job)
{
	struct store_reader *reader;
	backup.error = store_reader_open(ledger.state_dir, &reader);
	if (backup.error < 0)
		return;
	backup.error = store_backup(ledger.writer, reader, ledger.state_dir, &backup.totals);
	store_reader_close(reader);
}

static json_t *backup_describe(void)
{
	const struct store_totals *totals = &backup.totals;
	return json_pack("{s:s, s:I, s:I, s:I, s:I}", "state_dir", ledger.state_dir, "sequence", (json_int_t)totals->sequence,
	                 "users", (json_int_t)totals->n_users, "items", (json_int_t)totals->n_items, "bytes", (json_int_t)totals->bytes);
}

static void backup_on_waiting_gone(struct control_call *call)
{
	backup.waiting = NULL;
	control_end(call);
}

static void backup_done(struct completion *completion)
{
	struct control_call *call = backup.call;
	backup.is_working = false;
	if (call == NULL) {
		backup_finish();
		return;
	}
	if (backup.error == 0) {
		backup.is_ready = true;
		control_reply(call, backup_describe(), true);
		return;
	}
	audit_event(&LOG(BACKUP_FAILED, .peer = call->by, .reason = error_text(backup.error)));
	call->on_gone = NULL;
	backup_finish();
	control_fail_error(call, backup.error, backup.error == -SIS_ERR_NO_SPACE ?
	                   "the copy of the database, which is made in the state directory first, finds no room there" : NULL);
}

void backup_start(struct control_call *call)
{
	if (backup.call == NULL && backup.is_working && backup.waiting == NULL && !ledger.stopping) {
		backup.waiting = call;
		call->on_gone = backup_on_waiting_gone;
		return;
	}
	if (backup.call != NULL || backup.is_working || ledger.stopping) {
		control_fail_error(call, -SIS_ERR_BUSY, "another backup is being made: wait for its end");
		return;
	}
	backup = (struct backup){ .job = { .completion.done = backup_done, .work = backup_work }, .call = call, .is_working = true };
	call->on_gone = backup_on_gone;
	backup_hold();
	pool_submit(&backup.job);
}

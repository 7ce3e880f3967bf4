/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The group commit. A pool thread verifies the bundle, gives the file its name among the objects and flushes it; the transaction thread then makes all
 * that are ready visible in one transaction; only then are they acknowledged.
 *
 * Who lost the answer sends the same again, and gets the answer of the first time: for one statement there is one item. */
#include "ledger/figures.h"
#include "ledger/ledger.h"

#include "base/error.h"
#include "base/util.h"
#include "format/item.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct commit {
	struct job job;
	struct change change;
	struct bundle bundle;
	struct upload *upload;                  /* the caller's; only handed back */
	struct store_upload row;
	bool keep_row, linked;
	bool is_repeat;                         /* its item's id is taken: perhaps by this very item */
	atomic_bool is_verified;                /* from now on the loop thread may read what the bundle says */
	bool held;                              /* somebody could still write to the file */
	int result;                             /* of the pool's part */
	char item[ITEM_ID_TEXT + 1], peer[80], readers[160];
	uint64_t sequence;
	struct store_told told;
	uint32_t worker;                        /* which one says that the upload is complete */
	commit_done_fn *fn;
	uint64_t started_ns;
	uint64_t n_withdrawn;                   /* when it was submitted */
	struct commit *first;                   /* of the same item, and not committed yet: this one waits for it */
	struct commit *next;
};

static struct commit *running;                  /* the loop thread's */
static unsigned n_running;
static uint64_t n_withdrawn;                    /* objects that had their names and lost them again, ever */

unsigned commit_n_running(void)
{
	return n_running;
}

/* ------------------------------------------------ pool thread ------------------------------------------------ */

/* Who else may read it, for the log. */
static void commit_name_readers(struct commit *commit)
{
	const struct store_new_item *item = &commit->bundle.item;
	size_t size = 0;
	for (unsigned i = 0; i < item->n_audience; i++) {
		const char *name = item->audience[i];
		if (strcmp(name, commit->bundle.caller.user) == 0 || size + strlen(name) + 8 > sizeof(commit->readers))
			continue;
		size += (size_t)snprintf(commit->readers + size, sizeof(commit->readers) - size, "%s%s", size > 0 ? ", " : "", name);
	}
}

static int commit_run(struct store_writer *writer, struct change *change);
static int commit_run_repeat(struct store_writer *writer, struct change *change);

static void commit_work(struct job *job)
{
	struct commit *commit = (struct commit *)job;
	CLEANUP_FD int fd = -1;
	int r = store_open_incoming(ledger.writer, commit->row.id, false, &fd);
	if (r == 0)
		r = store_close_incoming(ledger.writer, commit->row.id, &fd);
	commit->held = r == -SIS_ERR_BUSY;
	if (r == 0)
		r = bundle_verify(&commit->bundle, fd);
	if (r == 0 && commit->row.digest_size > 0)
		r = bundle_verify_digest(&commit->bundle, fd, commit->row.digest, commit->row.digest_size);
	if (r == 0) {
		atomic_store(&commit->is_verified, true);
		r = store_link_object(ledger.writer, commit->row.id, commit->bundle.item.id, fd);
		commit->linked = r == 0;
		commit->is_repeat = r == -SIS_ERR_EXISTS;
	}
	/* Whose it is that is there, the database tells. */
	if (commit->is_repeat)
		r = 0;
	commit->change.run = commit->is_repeat ? commit_run_repeat : commit_run;
	commit->result = r;
	if (r < 0)
		return;
	item_id_encode(commit->bundle.item.id, commit->item);
	commit->bundle.item.received = time_now();
	commit_name_readers(commit);
	job->then = &commit->change;
}

/* ------------------------------------------------ transaction thread ------------------------------------------------ */

static struct commit *commit_of(struct change *change)
{
	return (struct commit *)((char *)change - offsetof(struct commit, change));
}

#define COMMIT_UPLOADED(commit) \
	LOG(UPLOADED, .user = (commit)->bundle.caller.user, .device = (commit)->bundle.caller.device, .item = (commit)->item, \
	    .bytes = (int64_t)(commit)->bundle.length, .peer = (commit)->peer)
#define COMMIT_GRANTED(commit) \
	LOG(GRANTED, .user = (commit)->bundle.caller.user, .device = (commit)->bundle.caller.device, .item = (commit)->item, .detail = (commit)->readers)

static int commit_run(struct store_writer *writer, struct change *change)
{
	struct commit *commit = commit_of(change);
	char who[STORE_WHO_TEXT];
	int r = store_add_item(writer, &commit->bundle.item, &commit->sequence, &commit->told, who);
	if (r < 0 && who[0] != '\0')
		snprintf(commit->bundle.detail, sizeof(commit->bundle.detail), "%s: %s", who, error_text(r));
	if (r == 0 && commit->keep_row) {
		memcpy(commit->row.item, commit->item, sizeof(commit->row.item));
		r = store_update_upload(writer, &commit->row);
	}
	if (r == 0)
		r = audit_write(writer, &COMMIT_UPLOADED(commit));
	if (r == 0 && commit->readers[0] != '\0')
		r = audit_write(writer, &COMMIT_GRANTED(commit));
	return r;
}

/* Nothing of the bundle is kept: neither bytes nor grants are added to what the first one brought, and nobody is told of anything. */
static int commit_run_repeat(struct store_writer *writer, struct change *change)
{
	struct commit *commit = commit_of(change);
	int r = store_find_same_item(store_as_reader(writer), &commit->bundle.item, &commit->sequence);
	if (r == 0 && commit->keep_row) {
		memcpy(commit->row.item, commit->item, sizeof(commit->row.item));
		r = store_update_upload(writer, &commit->row);
	}
	return r == -SIS_ERR_NO_ITEM ? -SIS_ERR_EXISTS : r;
}

/* ------------------------------------------------ loop thread ------------------------------------------------ */

static void commit_log_refusal(struct commit *commit, int error)
{
	const char *reason = commit->bundle.detail[0] != '\0' ? commit->bundle.detail : error_text(error);
	audit_refusal(&LOG(UPLOAD_REFUSED, .user = commit->bundle.caller.user, .device = commit->bundle.caller.device, .peer = commit->peer, .reason = reason));
	if (commit->held)
		audit_refusal(&LOG(UPLOAD_HELD, .user = commit->bundle.caller.user, .device = commit->bundle.caller.device, .count = commit->worker));
	if (error == -SIS_ERR_NO_SPACE || error == -SIS_ERR_IO || error == -SIS_ERR_READ_ONLY)
		audit_store_failed(error, "an upload was not committed");
}

static void commit_tell(struct commit *commit)
{
	log_event(&COMMIT_UPLOADED(commit));
	if (commit->readers[0] != '\0')
		log_event(&COMMIT_GRANTED(commit));
	publish(commit->sequence, &commit->told);
	for (unsigned i = 0; i < commit->bundle.item.n_grants; i++)
		expiry_note(commit->bundle.item.grant[i].expires);
	figures_observe(FIGURES_COMMIT, commit->started_ns);
}

static void commit_submit(struct commit *commit)
{
	atomic_store(&commit->is_verified, false);
	commit->is_repeat = false;
	commit->n_withdrawn = n_withdrawn;
	bundle_release(&commit->bundle);
	commit->bundle = (struct bundle){ .caller = commit->bundle.caller, .length = commit->bundle.length, .signers = commit->bundle.signers,
		.item.quota = ledger.conf.quota_bytes };
	commit->job.then = NULL;
	pool_submit(&commit->job);
}

static void commit_forget(struct commit *commit)
{
	struct commit **at = &running;
	while (*at != commit)
		at = &(*at)->next;
	*at = commit->next;
	n_running--;
}

/* Those that waited for it: its item is theirs, or they try what it could not do. */
static void commit_release(const struct commit *first, int error)
{
	for (struct commit *commit = running; commit != NULL; commit = commit->next) {
		if (commit->first != first)
			continue;
		commit->first = NULL;
		if (error == 0)
			transact_submit(&commit->change);
		else
			commit_submit(commit);
	}
}

static void commit_end(struct commit *commit, int error)
{
	if (error < 0)
		commit_log_refusal(commit, error);
	else if (!commit->is_repeat)
		commit_tell(commit);
	if (error < 0 && commit->linked) {
		(void)store_remove_object(ledger.writer, commit->bundle.item.id);
		n_withdrawn++;
	}
	commit_forget(commit);
	commit_release(commit, error);
	commit->fn(commit->upload, error, commit->bundle.detail, commit->bundle.item.id, commit->sequence);
	bundle_release(&commit->bundle);
	free(commit);
}

static bool commit_is_same(const struct commit *commit, const struct commit *other)
{
	const struct store_new_item *item = &commit->bundle.item, *others = &other->bundle.item;
	return item->user_id == others->user_id && item->device_id == others->device_id && memcmp(item->id, others->id, sizeof(item->id)) == 0 &&
	       memcmp(item->statement_hash, others->statement_hash, sizeof(item->statement_hash)) == 0;
}

/* An object that no item names yet may be that of the same upload a moment ago, whose answer was lost before there was one. Who waits is waited for by
 * nobody, so that no two wait for each other. */
static bool commit_waits(struct commit *commit)
{
	struct commit *first = running;
	while (first != NULL && (first == commit || first->first != NULL || !atomic_load(&first->is_verified) || !commit_is_same(commit, first)))
		first = first->next;
	commit->first = first;
	return first != NULL;
}

static void commit_done_change(struct completion *completion)
{
	struct commit *commit = commit_of((struct change *)completion);
	if (commit->is_repeat && commit->change.result == -SIS_ERR_EXISTS) {
		if (commit_waits(commit))
			return;
		/* What was in its way may have been one that was refused meanwhile. */
		if (commit->n_withdrawn != n_withdrawn) {
			commit_submit(commit);
			return;
		}
	}
	commit_end(commit, commit->change.result);
}

/* Only what was refused comes back from the pool thread; the rest went on to the transaction thread. */
static void commit_done_work(struct completion *completion)
{
	struct commit *commit = (struct commit *)completion;
	commit_end(commit, commit->result);
}

void commit_start(struct upload *upload, const struct store_upload *row, bool keep_row, const struct store_caller *caller, uint64_t length,
                  const char *peer, uint32_t worker, commit_done_fn *fn)
{
	struct commit *commit = calloc(1, sizeof(*commit));
	if (commit == NULL) {
		static const uint8_t no_item[ITEM_ID_BYTES];
		fn(upload, -SIS_ERR_NO_MEMORY, "", no_item, 0);
		return;
	}
	n_running++;
	commit->next = running;
	running = commit;
	commit->started_ns = time_monotonic_ns();
	commit->upload = upload;
	commit->row = *row;
	commit->keep_row = keep_row;
	commit->fn = fn;
	commit->bundle.caller = *caller;
	commit->bundle.length = length;
	commit->worker = worker;
	snprintf(commit->peer, sizeof(commit->peer), "%s", peer);
	commit->change.completion.done = commit_done_change;
	int r = callers_list_signers(caller->device_id, &commit->bundle.signers);
	if (r < 0) {
		commit_end(commit, r);
		return;
	}
	commit->job.work = commit_work;
	commit->job.completion.done = commit_done_work;
	commit_submit(commit);
}

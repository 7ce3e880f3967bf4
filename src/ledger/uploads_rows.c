/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What is kept of uploads beside their bytes: rows of those that may be resumed, and marks of bytes that do not count yet. */
#include "ledger/uploads.h"

#include <stdlib.h>

/* ------------------------------------------------ rows ------------------------------------------------ */

struct uploads_change { struct change change; struct store_upload row; };

int uploads_run_add(struct store_writer *writer, struct change *change)
{
	return store_add_upload(writer, &((struct uploads_change *)change)->row);
}

int uploads_run_update(struct store_writer *writer, struct change *change)
{
	return store_update_upload(writer, &((struct uploads_change *)change)->row);
}

int uploads_run_remove(struct store_writer *writer, struct change *change)
{
	return store_remove_upload(writer, ((struct uploads_change *)change)->row.id);
}

static void uploads_done_change(struct completion *completion)
{
	struct uploads_change *change = (struct uploads_change *)completion;
	if (change->change.result < 0)
		audit_store_failed(change->change.result, "an upload was not noted");
	free(change);
}

/* Not waited for: a row lost in a crash means an upload that starts anew, never an item that is lost. */
void uploads_note(const struct upload *upload, int (*run)(struct store_writer *writer, struct change *change))
{
	struct uploads_change *change = upload->resumable ? calloc(1, sizeof(*change)) : NULL;
	if (change == NULL)
		return;
	change->row = upload->row;
	change->change.run = run;
	change->change.completion.done = uploads_done_change;
	transact_submit(&change->change);
}

/* ------------------------------------------------ bytes that do not count yet ------------------------------------------------ */

/* What the next writer brings is to be compared with a digest at its end. An upload that cannot be resumed goes with its writer anyway. */
int uploads_begin_unchecked(struct upload *upload)
{
	int r = upload->resumable ? store_begin_unchecked(ledger.writer, upload->row.id, upload->written) : 0;
	upload->checked = r == 0 && upload->resumable;
	upload->checked_from = upload->written;
	return r;
}

/* Nobody writes it any more; what lies before size counts. */
void uploads_end_unchecked(struct upload *upload, uint64_t size)
{
	if (!upload->checked)
		return;
	int r = store_end_unchecked(ledger.writer, upload->row.id, upload->checked_from, size > upload->checked_from ? size : upload->checked_from);
	if (r < 0)
		audit_store_failed(r, "an upload could not be cut back to what was checked of it");
	upload->checked = false;
}

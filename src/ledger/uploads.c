/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Uploads under way. Each has at most one writer, a worker that holds the file's descriptor; whoever else asks waits until that one has let go. All of
 * them are held in memory; those that may be resumed have a row too, so that the next daemon knows them. */
#include "ledger/uploads.h"

#include "base/error.h"
#include "base/util.h"

#include <stdlib.h>
#include <string.h>

struct upload *uploads_buckets[UPLOADS_BUCKETS];

static struct upload **uploads_bucket(const char *id)
{
	uint32_t hash = 2166136261u;
	for (; *id != '\0'; id++)
		hash = (hash ^ (uint8_t)*id) * 16777619u;
	return &uploads_buckets[hash % UPLOADS_BUCKETS];
}

void uploads_insert(struct upload *upload)
{
	struct upload **bucket = uploads_bucket(upload->row.id);
	upload->next = *bucket;
	*bucket = upload;
}

unsigned uploads_count(void)
{
	unsigned n = 0;
	UPLOADS_EACH(upload)
		n += upload->finished == 0;
	return n;
}

struct upload *uploads_get(struct span id)
{
	char text[STORE_UPLOAD_ID_TEXT + 1];
	if (!span_to_string(id, text, sizeof(text)))
		return NULL;
	struct upload *upload = *uploads_bucket(text);
	while (upload != NULL && strcmp(upload->row.id, text) != 0)
		upload = upload->next;
	return upload;
}

/* ------------------------------------------------ an upload's end ------------------------------------------------ */

static void uploads_forget(struct upload *upload)
{
	struct upload **at = uploads_bucket(upload->row.id);
	while (*at != upload)
		at = &(*at)->next;
	*at = upload->next;
	while (upload->waiting != NULL) {
		struct waiting *waiting = upload->waiting;
		upload->waiting = waiting->next;
		uploads_answer(waiting->request, -SIS_ERR_NO_UPLOAD, NULL, NULL, -1);
		free(waiting);
	}
	free(upload);
}

/* File, row and memory. A writer that is still there writes into a file without a name until it hears of it. */
void uploads_drop(struct upload *upload)
{
	if (upload->committing) {
		upload->doomed = true;
		return;
	}
	uploads_ask_release(upload);
	uploads_end_unchecked(upload, 0);
	if (upload->finished == 0)
		sweep_incoming(upload->row.id);
	uploads_note(upload, uploads_run_remove);
	uploads_forget(upload);
}

/* ------------------------------------------------ from elsewhere ------------------------------------------------ */

void uploads_peer_gone(uint64_t peer)
{
	UPLOADS_EACH(upload) {
		if (upload->writer == peer)
			uploads_released(upload, 0);
	}
}

void uploads_revoke(int64_t user_id, int64_t device_id)
{
	UPLOADS_EACH(upload) {
		if (upload->row.user_id == user_id && (device_id == 0 || upload->row.device_id == device_id))
			uploads_drop(upload);
	}
}

void uploads_tick(void)
{
	int64_t now = time_now();
	UPLOADS_EACH(upload) {
		uploads_give_up_waiting(upload, now);
		bool old = upload->finished != 0 ? now - upload->finished > UPLOADS_KEEP_DONE_S
		                                 : now - upload->row.created > (int64_t)ledger.conf.upload_lifetime_s;
		if (old && !clock_is_doubtful() && upload->writer == 0 && !upload->committing)
			uploads_drop(upload);
	}
}

static int uploads_load_one(const struct store_upload *row, void *arg)
{
	struct upload *upload = calloc(1, sizeof(*upload));
	if (upload == NULL)
		return -SIS_ERR_NO_MEMORY;
	upload->row = *row;
	upload->resumable = true;
	upload->finished = row->item[0] != '\0' ? time_now() : 0;
	uploads_insert(upload);
	if (upload->finished != 0)
		upload->written = row->length;
	else if (uploads_measure(upload) < 0)
		upload->written = 0;
	return 0;
}

int uploads_load(void)
{
	return store_list_uploads(ledger.view, uploads_load_one, NULL);
}

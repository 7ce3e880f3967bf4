/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Who writes an upload, who waits for it, and what they are told. */
#include "ledger/uploads.h"

#include "base/error.h"
#include "base/util.h"

#include <stdlib.h>
#include <sys/stat.h>

#define UPLOADS_WAIT_S 5                /* for a writer to let go */

/* ------------------------------------------------ answers ------------------------------------------------ */

void uploads_answer(struct request request, int error, const char *detail, const struct upload *upload, int fd)
{
	struct channel *channel = peers_find(request.peer);
	if (channel == NULL)
		return;
	struct message_upload_opened message = { .status = (uint32_t)-error, .detail = span_from_string(detail) };
	if (upload != NULL) {
		message.upload = span_from_string(upload->row.id);
		message.offset = upload->written;
		message.length = upload->row.length;
		message.complete = upload->row.item[0] != '\0';
		message.item = span_from_string(upload->row.item);
		message.metadata = span_from_string(upload->row.metadata);
		message.expires = upload->finished != 0 ? upload->finished + UPLOADS_KEEP_DONE_S
		                                        : upload->row.created + (int64_t)ledger.conf.upload_lifetime_s;
	}
	(void)CHANNEL_SEND_FDS(channel, request.id, upload_opened, UPLOAD_OPENED, &message, &fd, fd >= 0 ? 1 : 0);
}

void uploads_answer_committed(struct request request, int error, const char *detail, const char *item, uint64_t sequence)
{
	struct channel *channel = peers_find(request.peer);
	if (channel != NULL)
		(void)CHANNEL_SEND(channel, request.id, upload_committed, UPLOAD_COMMITTED,
		                   &(struct message_upload_committed){ .status = (uint32_t)-error, .detail = span_from_string(detail),
		                                                       .item = span_from_string(item), .sequence = sequence });
}

void uploads_ask_release(const struct upload *upload)
{
	struct channel *channel = peers_find(upload->writer);
	if (channel != NULL)
		(void)CHANNEL_SEND(channel, 0, upload_release, UPLOAD_RELEASE,
		                   &(struct message_upload_release){ .upload = span_from_string(upload->row.id) });
}

/* ------------------------------------------------ taking turns ------------------------------------------------ */

int uploads_measure(struct upload *upload)
{
	CLEANUP_FD int fd = -1;
	struct stat stat;
	int r = store_open_incoming(ledger.writer, upload->row.id, false, &fd);
	if (r == 0 && fstat(fd, &stat) < 0)
		r = -SIS_ERR_IO;
	if (r == 0)
		upload->written = (uint64_t)stat.st_size;
	return r;
}

/* Nobody writes it now. */
static void uploads_grant(struct upload *upload, const struct waiting *waiting)
{
	CLEANUP_FD int fd = -1;
	int r = upload->row.item[0] != '\0' ? 0 : uploads_measure(upload);
	if (r == 0 && waiting->kind == WAITING_RESUME && upload->row.item[0] == '\0') {
		r = store_open_incoming(ledger.writer, upload->row.id, true, &fd);
		if (r == 0 && waiting->checked)
			r = uploads_begin_unchecked(upload);
		if (r == 0)
			upload->writer = waiting->request.peer;
	}
	uploads_answer(waiting->request, r, NULL, r == 0 ? upload : NULL, fd);
}

/* Serves those who wait, as far as possible. */
void uploads_serve(struct upload *upload)
{
	while (upload->waiting != NULL && upload->writer == 0 && !upload->committing) {
		struct waiting *waiting = upload->waiting;
		upload->waiting = waiting->next;
		uploads_grant(upload, waiting);
		free(waiting);
	}
	if (upload->waiting != NULL && upload->writer != 0)
		uploads_ask_release(upload);
}

void uploads_wait(struct upload *upload, enum waiting_kind kind, bool checked, struct request request)
{
	struct waiting *waiting = calloc(1, sizeof(*waiting)), **last = &upload->waiting;
	if (waiting == NULL) {
		uploads_answer(request, -SIS_ERR_NO_MEMORY, NULL, NULL, -1);
		return;
	}
	while (*last != NULL)
		last = &(*last)->next;
	*last = waiting;
	*waiting = (struct waiting){ kind, checked, request, time_now() + UPLOADS_WAIT_S, NULL };
	uploads_serve(upload);
}

void uploads_give_up_waiting(struct upload *upload, int64_t now)
{
	for (struct waiting **at = &upload->waiting; *at != NULL;) {
		struct waiting *waiting = *at;
		if (waiting->deadline > now) {
			at = &waiting->next;
			continue;
		}
		*at = waiting->next;
		uploads_answer(waiting->request, -SIS_ERR_BUSY, "another connection is still writing this upload: try again", NULL, -1);
		free(waiting);
	}
}

/* No honest worker writes beyond what was announced. One that was taken over can write as much as it likes into the files that it was given, quota or not;
 * it is not to stay for as long as uploads may. */
static bool uploads_is_overfull(const struct upload *upload)
{
	return upload->written > (upload->row.length != STORE_LENGTH_UNKNOWN ? upload->row.length : ledger.conf.max_item_bytes);
}

/* The writer has let go: on its own, because it was asked to, or because it died (counts 0: nothing was checked). */
void uploads_released(struct upload *upload, uint64_t counts)
{
	upload->writer = 0;
	uploads_end_unchecked(upload, counts);
	if (!upload->resumable || uploads_measure(upload) < 0 || uploads_is_overfull(upload)) {
		uploads_drop(upload);
		return;
	}
	uploads_serve(upload);
}

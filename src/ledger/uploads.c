/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Uploads under way. Each has at most one writer, a worker that holds the file's descriptor; whoever else asks waits until that one has let go. All of
 * them are held in memory; those that may be resumed have a row too, so that the next daemon knows them. */
#include "ledger/uploads.h"

#include "base/error.h"
#include "base/secret.h"
#include "base/util.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define UPLOADS_WAIT_S 5                /* for a writer to let go */
#define UPLOADS_KEEP_DONE_S 3600        /* a finished one can be asked about for so long */
#define UPLOADS_DONE_PER_USER 128       /* and the newest of them only: each costs memory and a row, though its item may be gone and no quota holds it */

struct upload *uploads_buckets[UPLOADS_BUCKETS];
static unsigned n_uploads;
static uint64_t n_finished;             /* ever */

static struct upload **uploads_bucket(const char *id)
{
	uint32_t hash = 2166136261u;
	for (; *id != '\0'; id++)
		hash = (hash ^ (uint8_t)*id) * 16777619u;
	return &uploads_buckets[hash % UPLOADS_BUCKETS];
}

static void uploads_insert(struct upload *upload)
{
	struct upload **bucket = uploads_bucket(upload->row.id);
	upload->next = *bucket;
	*bucket = upload;
	n_uploads++;
}

unsigned uploads_count(void)
{
	return n_uploads;
}

/* ------------------------------------------------ answers ------------------------------------------------ */

static void uploads_answer(struct request request, int error, const char *detail, const struct upload *upload, int fd)
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

static void uploads_answer_committed(struct request request, int error, const char *detail, const char *item, uint64_t sequence)
{
	struct channel *channel = peers_find(request.peer);
	if (channel != NULL)
		(void)CHANNEL_SEND(channel, request.id, upload_committed, UPLOAD_COMMITTED,
		                   &(struct message_upload_committed){ .status = (uint32_t)-error, .detail = span_from_string(detail),
		                                                       .item = span_from_string(item), .sequence = sequence });
}

static void uploads_ask_release(const struct upload *upload)
{
	struct channel *channel = peers_find(upload->writer);
	if (channel != NULL)
		(void)CHANNEL_SEND(channel, 0, upload_release, UPLOAD_RELEASE,
		                   &(struct message_upload_release){ .upload = span_from_string(upload->row.id) });
}

/* ------------------------------------------------ an upload's end ------------------------------------------------ */

static void uploads_forget(struct upload *upload)
{
	struct upload **at = uploads_bucket(upload->row.id);
	while (*at != upload)
		at = &(*at)->next;
	*at = upload->next;
	n_uploads--;
	while (upload->waiting != NULL) {
		struct waiting *waiting = upload->waiting;
		upload->waiting = waiting->next;
		uploads_answer(waiting->request, -SIS_ERR_NO_UPLOAD, NULL, NULL, -1);
		free(waiting);
	}
	free(upload);
}

/* File, row and memory. A writer that is still there writes into a file without a name until it hears of it. */
static void uploads_drop(struct upload *upload)
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

/* ------------------------------------------------ taking turns ------------------------------------------------ */

static int uploads_measure(struct upload *upload)
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
static void uploads_serve(struct upload *upload)
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

static void uploads_wait(struct upload *upload, enum waiting_kind kind, bool checked, struct request request)
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

static void uploads_give_up_waiting(struct upload *upload, int64_t now)
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

/* ------------------------------------------------ the requests ------------------------------------------------ */

static void uploads_refused(const struct store_caller *caller, struct span peer, int error, const char *detail)
{
	char peer_text[80] = "";
	span_to_string(peer, peer_text, sizeof(peer_text));
	audit_refusal(&LOG(UPLOAD_REFUSED, .user = caller->user, .device = caller->device, .peer = peer_text,
	                 .reason = detail != NULL && detail[0] != '\0' ? detail : error_text(error)));
	if (error == -SIS_ERR_IO || error == -SIS_ERR_NO_SPACE || error == -SIS_ERR_READ_ONLY)
		audit_store_failed(error, "an upload cannot be kept");
}

static int uploads_create(const struct store_caller *caller, const struct message_upload_create *message, struct upload **ret_upload, int *ret_fd)
{
	uint8_t id[ITEM_ID_BYTES];
	struct upload *upload = calloc(1, sizeof(*upload));
	int r = upload == NULL ? -SIS_ERR_NO_MEMORY : random_bytes(id, sizeof(id));
	if (r == 0) {
		upload->row = (struct store_upload){ .user_id = caller->user_id, .device_id = caller->device_id, .created = time_now(), .length = message->length };
		item_id_encode(id, upload->row.id);
		span_to_string(message->metadata, upload->row.metadata, sizeof(upload->row.metadata));
		upload->row.digest_size = message->digest.size;
		memcpy(upload->row.digest, message->digest.data, message->digest.size);
		r = store_create_incoming(ledger.writer, upload->row.id, ret_fd);
	}
	if (r < 0) {
		free(upload);
		return r;
	}
	upload->resumable = message->resumable != 0;
	if (message->checked)
		(void)uploads_begin_unchecked(upload);  /* nobody knows of this upload yet: at worst it is cut to nothing */
	*ret_upload = upload;
	return 0;
}

void uploads_handle_create(struct request request, const struct message_upload_create *message)
{
	struct store_caller caller = { 0 };
	CLEANUP_FD int fd = -1;
	struct upload *upload = NULL;
	const char *detail = NULL;
	int r = callers_find(message->caller, &caller);
	if (r == 0)
		r = uploads_check_facts(message);
	if (r == 0)
		r = uploads_check_limits(&caller, NULL, message->length, &detail);
	if (r == 0)
		r = uploads_create(&caller, message, &upload, &fd);
	if (r < 0) {
		uploads_refused(&caller, message->peer, r, detail);
		uploads_answer(request, r, detail, NULL, -1);
		return;
	}
	upload->writer = request.peer;
	uploads_insert(upload);
	uploads_note(upload, uploads_run_add);
	uploads_answer(request, 0, NULL, upload, fd);
}

/* The caller's upload, or NO_UPLOAD: whose it is, is nobody else's business. */
static int uploads_find(const uint8_t fingerprint[STORE_FINGERPRINT_BYTES], struct span id, struct store_caller *ret_caller, struct upload **ret_upload)
{
	char text[STORE_UPLOAD_ID_TEXT + 1];
	int r = callers_find(fingerprint, ret_caller);
	if (r < 0)
		return r;
	if (!span_to_string(id, text, sizeof(text)))
		return -SIS_ERR_NO_UPLOAD;
	struct upload *upload = *uploads_bucket(text);
	while (upload != NULL && strcmp(upload->row.id, text) != 0)
		upload = upload->next;
	if (upload == NULL || upload->doomed || upload->row.user_id != ret_caller->user_id)
		return -SIS_ERR_NO_UPLOAD;
	*ret_upload = upload;
	return 0;
}

static void uploads_handle_wish(struct request request, const uint8_t *fingerprint, struct span id, enum waiting_kind kind, bool checked)
{
	struct store_caller caller;
	struct upload *upload;
	const char *detail = NULL;
	int r = uploads_find(fingerprint, id, &caller, &upload);
	if (r == 0 && kind == WAITING_RESUME && upload->finished == 0 && upload->row.length == STORE_LENGTH_UNKNOWN)
		r = uploads_check_limits(&caller, upload, upload->written, &detail);
	if (r < 0)
		uploads_answer(request, r, detail, NULL, -1);
	else
		uploads_wait(upload, kind, checked, request);
}

void uploads_handle_resume(struct request request, const struct message_upload_resume *message)
{
	uploads_handle_wish(request, message->caller, message->upload, WAITING_RESUME, message->checked != 0);
}

void uploads_handle_query(struct request request, const struct message_upload_query *message)
{
	uploads_handle_wish(request, message->caller, message->upload, WAITING_QUERY, false);
}

/* The writer has let go: on its own, because it was asked to, or because it died (counts 0: nothing was checked). */
static void uploads_released(struct upload *upload, uint64_t counts)
{
	upload->writer = 0;
	uploads_end_unchecked(upload, counts);
	if (!upload->resumable || uploads_measure(upload) < 0) {
		uploads_drop(upload);
		return;
	}
	uploads_serve(upload);
}

void uploads_handle_close(struct request request, const struct message_upload_close *message)
{
	char id[STORE_UPLOAD_ID_TEXT + 1];
	if (!span_to_string(message->upload, id, sizeof(id)))
		return;
	struct upload *upload = *uploads_bucket(id);
	while (upload != NULL && strcmp(upload->row.id, id) != 0)
		upload = upload->next;
	if (upload == NULL || upload->writer != request.peer)
		return;
	if (upload->row.length == STORE_LENGTH_UNKNOWN && message->length <= ledger.conf.max_item_bytes) {
		upload->row.length = message->length;
		uploads_note(upload, uploads_run_update);
	}
	uploads_released(upload, message->offset);
}

/* Whether the same bytes may be tried again later: the fault was ours, or has not to do with them. */
static bool uploads_may_try_again(int error)
{
	return error == -SIS_ERR_NO_SPACE || error == -SIS_ERR_IO || error == -SIS_ERR_READ_ONLY || error == -SIS_ERR_NO_MEMORY ||
	       error == -SIS_ERR_BUSY || error == -SIS_ERR_QUOTA || error == -SIS_ERR_SYSTEM;
}

static void uploads_forget_oldest_done(const struct upload *newest)
{
	struct upload *oldest = NULL;
	unsigned n = 0;
	UPLOADS_EACH(upload) {
		if (upload == newest || upload->finished == 0 || upload->row.user_id != newest->row.user_id)
			continue;
		n++;
		if (oldest == NULL || upload->finished_as < oldest->finished_as)
			oldest = upload;
	}
	if (n >= UPLOADS_DONE_PER_USER)
		uploads_drop(oldest);
}

static void uploads_committed(struct upload *upload, int error, const char *detail, const uint8_t item[ITEM_ID_BYTES], uint64_t sequence)
{
	upload->committing = false;
	if (error == 0) {
		item_id_encode(item, upload->row.item);
		upload->finished = time_now();
		upload->finished_as = ++n_finished;
		sweep_incoming(upload->row.id);
	}
	uploads_answer_committed(upload->commit_request, error, detail, upload->row.item, sequence);
	if (upload->doomed || !upload->resumable || (error < 0 && !uploads_may_try_again(error))) {
		uploads_drop(upload);
		return;
	}
	uploads_serve(upload);
	if (upload->finished != 0)
		uploads_forget_oldest_done(upload);
}

static int uploads_check_commit(const struct upload *upload, struct request request, uint64_t length, const char **ret_detail)
{
	if (upload->committing || upload->finished != 0 || upload->writer != request.peer)
		return -SIS_ERR_CONFLICT;
	if (length > ledger.conf.max_item_bytes)
		return -SIS_ERR_TOO_LARGE;
	if (upload->row.length != STORE_LENGTH_UNKNOWN && upload->row.length != length) {
		*ret_detail = "the upload has another length than was announced";
		return -SIS_ERR_MISMATCH;
	}
	return 0;
}

void uploads_handle_commit(struct request request, const struct message_upload_commit *message)
{
	struct store_caller caller = { 0 };
	struct upload *upload = NULL;
	const char *detail = NULL;
	int r = uploads_find(message->caller, message->upload, &caller, &upload);
	if (r == 0)
		r = uploads_check_commit(upload, request, message->length, &detail);
	if (r < 0) {
		uploads_refused(&caller, message->peer, r, detail);
		uploads_answer_committed(request, r, detail, NULL, 0);
		if (upload != NULL && upload->writer == request.peer && (r == -SIS_ERR_TOO_LARGE || r == -SIS_ERR_MISMATCH))
			uploads_drop(upload);
		return;
	}
	char peer[80] = "";
	span_to_string(message->peer, peer, sizeof(peer));
	upload->writer = 0;
	uploads_end_unchecked(upload, message->length);
	upload->written = upload->row.length = message->length;
	upload->committing = true;
	upload->commit_request = request;
	commit_start(upload, &upload->row, upload->resumable, &caller, message->length, peer, peers_worker(request.peer),
	             uploads_committed);
}

void uploads_handle_cancel(struct request request, const struct message_upload_cancel *message)
{
	struct store_caller caller;
	struct upload *upload;
	int r = uploads_find(message->caller, message->upload, &caller, &upload);
	const char *detail = NULL;
	if (r == 0 && upload->committing) {
		detail = "the upload is being completed: delete the item instead";
		r = -SIS_ERR_CONFLICT;
	}
	if (r == 0)
		uploads_drop(upload);
	peers_answer_done(request, r, detail);
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
		if (old && upload->writer == 0 && !upload->committing)
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

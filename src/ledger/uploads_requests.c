/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What workers ask for in the name of their callers: to begin an upload, go on with it, complete it, give it up. */
#include "ledger/uploads.h"

#include "base/error.h"
#include "base/secret.h"
#include "base/util.h"

#include <stdlib.h>
#include <string.h>

#define UPLOADS_DONE_PER_USER 128       /* the newest finished ones only: each costs memory and a row, though its item may be gone and no quota holds it */

static uint64_t n_finished;             /* ever */

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
	int r = callers_find(fingerprint, ret_caller);
	if (r < 0)
		return r;
	struct upload *upload = uploads_get(id);
	if (upload == NULL || upload->doomed || upload->row.user_id != ret_caller->user_id)
		return -SIS_ERR_NO_UPLOAD;
	*ret_upload = upload;
	return 0;
}

static void uploads_handle_wish(struct request request, const uint8_t *fingerprint, struct span id, enum waiting_kind kind, bool checked, struct span peer)
{
	struct store_caller caller;
	struct upload *upload;
	const char *detail = NULL;
	int r = uploads_find(fingerprint, id, &caller, &upload);
	if (r == 0 && kind == WAITING_RESUME && upload->finished == 0 && upload->row.length == STORE_LENGTH_UNKNOWN &&
	    (r = uploads_check_limits(&caller, upload, upload->written, &detail)) < 0)
		uploads_refused(&caller, peer, r, detail);
	if (r < 0)
		uploads_answer(request, r, detail, NULL, -1);
	else
		uploads_wait(upload, kind, checked, request);
}

void uploads_handle_resume(struct request request, const struct message_upload_resume *message)
{
	uploads_handle_wish(request, message->caller, message->upload, WAITING_RESUME, message->checked != 0, message->peer);
}

void uploads_handle_query(struct request request, const struct message_upload_query *message)
{
	uploads_handle_wish(request, message->caller, message->upload, WAITING_QUERY, false, (struct span){ NULL, 0 });
}

void uploads_handle_close(struct request request, const struct message_upload_close *message)
{
	struct upload *upload = uploads_get(message->upload);
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

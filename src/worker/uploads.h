/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What uploads.c, upload_writing.c, upload_answers.c and tus.c share. */
#pragma once

#include "worker/worker.h"

/* upload_writing.c: the file that the ledger opened */
void upload_enter(struct exchange *exchange);           /* is writing from now on */
void upload_leave(struct exchange *exchange);           /* closes the file and tells nobody: for the commit */
void upload_close(struct exchange *exchange);           /* the writing ends here; what counts stays for a later request, when it is resumable */
void upload_abandon(struct exchange *exchange);         /* the same, and takes back what its client could never find again */

/* uploads.c */
bool upload_take_opened(struct exchange *exchange, struct channel_packet *packet, struct message_upload_opened *ret_message);
answer_fn uploads_on_created, uploads_on_resumed;
/* Digests that came with the request; false after the refusal. */
bool upload_begin_check(struct exchange *exchange);
/* ret_digest holds HASH_BYTES_MAX; the span is empty without a Repr-Digest of ours. False after the refusal. */
bool upload_take_digest(struct exchange *exchange, uint8_t *ret_digest, struct span *ret_span);

/* upload_answers.c: each of them ends the request */
void upload_refuse(struct exchange *exchange, int error, const char *detail);
bool upload_refuse_too_large(struct exchange *exchange);        /* false: it is not */
void upload_refuse_length(struct exchange *exchange);
void upload_refuse_completed(struct exchange *exchange);
void upload_refuse_offset(struct exchange *exchange);
void upload_refuse_digest(struct exchange *exchange, int error);        /* MISMATCH, or why the fields cannot be used */
void upload_commit(struct exchange *exchange);

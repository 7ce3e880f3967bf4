/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * An upload that a request writes: its file, its bytes, and how the writing ends before the commit. */
#include "worker/uploads.h"

#include "base/error.h"
#include "worker/upload_check.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* ------------------------------------------------ open uploads ------------------------------------------------ */

void upload_enter(struct exchange *exchange)
{
	struct worker *worker = exchange->worker;
	exchange->previous_uploading = &worker->uploading;
	exchange->next_uploading = worker->uploading;
	if (exchange->next_uploading != NULL)
		exchange->next_uploading->previous_uploading = &exchange->next_uploading;
	worker->uploading = exchange;
}

void upload_leave(struct exchange *exchange)
{
	if (exchange->previous_uploading == NULL)
		return;
	*exchange->previous_uploading = exchange->next_uploading;
	if (exchange->next_uploading != NULL)
		exchange->next_uploading->previous_uploading = exchange->previous_uploading;
	exchange->previous_uploading = NULL;
	exchange->upload.fd = fd_close(exchange->upload.fd);
}

void upload_close(struct exchange *exchange)
{
	struct upload *upload = &exchange->upload;
	if (upload->fd < 0)
		return;
	upload_leave(exchange);
	/* Bytes that came with a digest and were not compared with it do not count. */
	if (upload->check != NULL)
		upload->offset = upload->started_at;
	(void)CHANNEL_SEND(exchange->worker->ledger, 0, upload_close, UPLOAD_CLOSE, &(struct message_upload_close){
		.upload = span_from_string(upload->id), .offset = upload->offset, .length = upload->length });
}

/* A tus client learns of its upload's place with the answer to its creation alone: what it was not told of would only be in its way (uploads_per_user). */
void upload_abandon(struct exchange *exchange)
{
	struct upload *upload = &exchange->upload;
	upload_close(exchange);
	if (!upload->is_tus || upload->is_append || upload->is_query || *upload->id == '\0')
		return;
	struct message_upload_cancel message = { .upload = span_from_string(upload->id) };
	memcpy(message.caller, exchange->fingerprint, sizeof(message.caller));
	(void)CHANNEL_SEND(exchange->worker->ledger, 0, upload_cancel, UPLOAD_CANCEL, &message);
}

void uploads_gone(struct exchange *exchange)
{
	if (exchange->upload.fd >= 0)
		upload_abandon(exchange);
	upload_check_free(exchange->upload.check);
}

void uploads_release(struct worker *worker, struct channel_packet *packet)
{
	struct message_upload_release message;
	if (message_upload_release_decode(&packet->payload, &message) != 0)
		return;
	struct exchange *exchange = worker->uploading;
	while (exchange != NULL && !span_equals(message.upload, exchange->upload.id))
		exchange = exchange->next_uploading;
	if (exchange == NULL)
		return;
	upload_close(exchange);
	route_refuse(exchange, SIS_ERR_CONFLICT, "The upload was ended or is continued by another request.");
}

/* ------------------------------------------------ the body ------------------------------------------------ */

void uploads_body(struct exchange *exchange, const uint8_t *data, size_t size)
{
	struct upload *upload = &exchange->upload;
	uint64_t max = exchange->worker->max_item_bytes, limit = upload->length < max ? upload->length : max;
	if (upload->fd < 0 || upload->offset > limit || size > limit - upload->offset) {
		if (upload->length <= max)
			upload_refuse_length(exchange);
		else
			upload_refuse(exchange, SIS_ERR_TOO_LARGE, "The item is larger than this server takes.");
		return;
	}
	if (upload->check != NULL)
		upload_check_add(upload->check, data, size);
	while (size > 0) {
		ssize_t n = pwrite(upload->fd, data, size, (off_t)upload->offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			int error = n == 0 ? -SIS_ERR_IO : error_from_errno(errno);
			log_event(&LOG(STORE_FAILED, .reason = error_text(error)));
			upload_refuse(exchange, error, error == -SIS_ERR_NO_SPACE ? "The server's disk is full or has reached its limit." :
				error == -SIS_ERR_READ_ONLY ? "The server's store is read-only at the moment." : "The server could not write the upload.");
			return;
		}
		/* Counted piece by piece: what is in the file counts, also when the disk fills up in the middle. */
		upload->offset += (uint64_t)n;
		data += n;
		size -= (size_t)n;
	}
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Uploads: POST of a whole item, and draft-ietf-httpbis-resumable-upload (interop version 8). The ledger opens the file and keeps its state; the
 * worker writes what comes, in place, and says where it stopped. */
#include "worker/upload_fields.h"

#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PROBLEM_TYPES "https://iana.org/assignments/http-problem-types#"

/* ------------------------------------------------ open uploads ------------------------------------------------ */

static void upload_enter(struct exchange *exchange)
{
	struct worker *worker = exchange->worker;
	exchange->previous_uploading = &worker->uploading;
	exchange->next_uploading = worker->uploading;
	if (exchange->next_uploading != NULL)
		exchange->next_uploading->previous_uploading = &exchange->next_uploading;
	worker->uploading = exchange;
}

static void upload_leave(struct exchange *exchange)
{
	if (exchange->previous_uploading == NULL)
		return;
	*exchange->previous_uploading = exchange->next_uploading;
	if (exchange->next_uploading != NULL)
		exchange->next_uploading->previous_uploading = exchange->previous_uploading;
	exchange->previous_uploading = NULL;
	exchange->upload.fd = fd_close(exchange->upload.fd);
}

/* The writing ends here; what is in the file stays for a later request, when the upload is resumable. */
static void upload_close(struct exchange *exchange)
{
	struct upload *upload = &exchange->upload;
	if (upload->fd < 0)
		return;
	upload_leave(exchange);
	(void)CHANNEL_SEND(exchange->worker->ledger, 0, upload_close, UPLOAD_CLOSE, &(struct message_upload_close){
		.upload = span_from_string(upload->id), .offset = upload->offset, .length = upload->length });
}

void uploads_gone(struct exchange *exchange)
{
	upload_close(exchange);
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

/* ------------------------------------------------ refusing ------------------------------------------------ */

static void refuse_upload(struct exchange *exchange, int error, const char *detail)
{
	char limit[UPLOAD_LIMIT_TEXT];
	const struct http_header header = { "Upload-Limit", limit };
	upload_close(exchange);
	upload_limit_format(exchange->worker, limit);
	/* The draft (§4.1.4) asks for the limits with every 413. */
	route_refuse_with(exchange, &(struct http_problem){ .error = error, .detail = detail, .headers = &header,
		.n_headers = error_http_status(error) == 413 ? 1 : 0 });
}

/* By what this request says: also when an upload that began without a length now gets one. */
static bool refuse_too_large(struct exchange *exchange)
{
	if (exchange->upload.length == UINT64_MAX || exchange->upload.length <= exchange->worker->max_item_bytes)
		return false;
	refuse_upload(exchange, SIS_ERR_TOO_LARGE, "The item is larger than this server takes.");
	return true;
}

static void refuse_length(struct exchange *exchange)
{
	upload_close(exchange);
	route_refuse_with(exchange, &(struct http_problem){ .error = SIS_ERR_MISMATCH, .status = 400, .type = PROBLEM_TYPES "inconsistent-upload-length",
		.title = "inconsistent upload length", .detail = "The lengths that were given for this upload, or the bytes that were sent, do not agree." });
}

static void refuse_completed(struct exchange *exchange)
{
	const struct http_header header = { "Upload-Complete", "?1" };
	route_refuse_with(exchange, &(struct http_problem){ .error = SIS_ERR_CONFLICT, .status = 400, .type = PROBLEM_TYPES "completed-upload",
		.title = "upload is already complete", .detail = "The upload is complete: nothing can be added.", .headers = &header, .n_headers = 1 });
}

static void refuse_offset(struct exchange *exchange)
{
	struct upload *upload = &exchange->upload;
	char offset[24];
	snprintf(offset, sizeof(offset), "%llu", (unsigned long long)upload->offset);
	const struct http_header headers[] = { { "Upload-Offset", offset }, { "Upload-Complete", "?0" } };
	const struct http_problem_member members[] = { { "expected-offset", upload->offset }, { "provided-offset", upload->provided_offset } };
	upload_close(exchange);
	route_refuse_with(exchange, &(struct http_problem){ .error = SIS_ERR_CONFLICT, .type = PROBLEM_TYPES "mismatching-upload-offset",
		.title = "offset of the request is not the upload's", .members = members, .n_members = ARRAY_SIZE(members), .headers = headers,
		.n_headers = ARRAY_SIZE(headers), .detail = "Ask for the offset with HEAD, and go on from there." });
}

/* ------------------------------------------------ the end of a request's body ------------------------------------------------ */

static void on_committed(struct exchange *exchange, struct channel_packet *packet)
{
	struct message_upload_committed message;
	char detail[512], item[ITEM_ID_TEXT + 1], location[64], body[96];
	if (packet->type != MESSAGE_UPLOAD_COMMITTED || message_upload_committed_decode(&packet->payload, &message) != 0) {
		route_refuse(exchange, SIS_ERR_INTERNAL, NULL);
		return;
	}
	const struct http_header complete = { "Upload-Complete", "?1" };
	if (message.status != 0 || !span_to_string(message.item, item, sizeof(item))) {
		/* Complete and refused: sending it again would change nothing (§4.3.1). */
		bool final = exchange->upload.resumable && error_http_status((int)message.status) < 500;
		route_refuse_with(exchange, &(struct http_problem){ .error = (int)message.status, .headers = &complete, .n_headers = final ? 1 : 0,
			.detail = span_to_string(message.detail, detail, sizeof(detail)) ? detail : NULL });
		return;
	}
	snprintf(location, sizeof(location), "/v1/items/%s", item);
	snprintf(body, sizeof(body), "{\"item\":\"%s\",\"sequence\":%llu}", item, (unsigned long long)message.sequence);
	const struct http_header headers[] = { { "Location", location }, complete };
	exchange_respond_json(exchange, 201, body, headers, exchange->upload.resumable ? 2 : 1);
}

static void commit(struct exchange *exchange)
{
	struct upload *upload = &exchange->upload;
	struct message_upload_commit message = { .upload = span_from_string(upload->id), .length = upload->offset,
		.peer = span_from_string(http_request_peer(exchange->request)) };
	memcpy(message.caller, exchange->fingerprint, sizeof(message.caller));
	/* Closes the file first: the ledger commits nothing that anybody can still write to. */
	upload_leave(exchange);
	LEDGER_ASK(exchange, on_committed, upload_commit, UPLOAD_COMMIT, &message);
}

static void respond_incomplete(struct exchange *exchange)
{
	struct upload *upload = &exchange->upload;
	char location[UPLOAD_ID_MAX + 16], offset[24], limit[UPLOAD_LIMIT_TEXT];
	upload_close(exchange);
	snprintf(location, sizeof(location), "/v1/uploads/%s", upload->id);
	snprintf(offset, sizeof(offset), "%llu", (unsigned long long)upload->offset);
	upload_limit_format(exchange->worker, limit);
	const struct http_header headers[] = { { "Upload-Complete", "?0" }, { "Upload-Offset", offset }, { "Upload-Limit", limit }, { "Cache-Control", "no-store" },
		{ "Location", location } };
	http_respond(exchange->request, upload->is_append ? 204 : 201, headers, ARRAY_SIZE(headers) - (upload->is_append ? 1 : 0), NULL, 0);
}

void uploads_body_end(struct exchange *exchange)
{
	struct upload *upload = &exchange->upload;
	if (!upload->completes)
		respond_incomplete(exchange);
	else if (upload->length != UINT64_MAX && upload->offset != upload->length)
		refuse_length(exchange);
	else
		commit(exchange);
}

/* ------------------------------------------------ the body ------------------------------------------------ */

void uploads_body(struct exchange *exchange, const uint8_t *data, size_t size)
{
	struct upload *upload = &exchange->upload;
	uint64_t max = exchange->worker->max_item_bytes, limit = upload->length < max ? upload->length : max;
	if (upload->fd < 0 || upload->offset > limit || size > limit - upload->offset) {
		if (upload->length <= max)
			refuse_length(exchange);
		else
			refuse_upload(exchange, SIS_ERR_TOO_LARGE, "The item is larger than this server takes.");
		return;
	}
	while (size > 0) {
		ssize_t n = pwrite(upload->fd, data, size, (off_t)upload->offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			int error = n == 0 ? -SIS_ERR_IO : error_from_errno(errno);
			log_event(&LOG(STORE_FAILED, .reason = error_text(error)));
			refuse_upload(exchange, error, error == -SIS_ERR_NO_SPACE ? "The server's disk is full or has reached its limit: try again later." :
				error == -SIS_ERR_READ_ONLY ? "The server's store is read-only at the moment." : "The server could not write the upload.");
			return;
		}
		/* Counted piece by piece: what is in the file counts, also when the disk fills up in the middle. */
		upload->offset += (uint64_t)n;
		data += n;
		size -= (size_t)n;
	}
}

/* Tells a client that knows the draft where to go on should this request break off. */
static void announce(struct exchange *exchange)
{
	char location[UPLOAD_ID_MAX + 16], limit[UPLOAD_LIMIT_TEXT];
	const char *version = http_request_header(exchange->request, "Upload-Draft-Interop-Version");
	if (!exchange->upload.resumable || version == NULL || strcmp(version, UPLOAD_INTEROP_VERSION) != 0)
		return;
	snprintf(location, sizeof(location), "/v1/uploads/%s", exchange->upload.id);
	upload_limit_format(exchange->worker, limit);
	const struct http_header headers[] = {
		{ "Upload-Draft-Interop-Version", UPLOAD_INTEROP_VERSION }, { "Location", location }, { "Upload-Limit", limit },
	};
	(void)http_inform(exchange->request, 104, headers, ARRAY_SIZE(headers));
}

/* ------------------------------------------------ opened ------------------------------------------------ */

/* What the ledger says, taken over; false after a refusal. */
static bool take_opened(struct exchange *exchange, struct channel_packet *packet, struct message_upload_opened *message)
{
	char detail[512];
	if (packet->type != MESSAGE_UPLOAD_OPENED || message_upload_opened_decode(&packet->payload, message) != 0) {
		route_refuse(exchange, SIS_ERR_INTERNAL, NULL);
		return false;
	}
	if (message->status != 0) {
		refuse_upload(exchange, (int)message->status, span_to_string(message->detail, detail, sizeof(detail)) ? detail : NULL);
		return false;
	}
	struct upload *upload = &exchange->upload;
	upload->offset = message->offset;
	if (!span_to_string(message->upload, upload->id, sizeof(upload->id))) {
		route_refuse(exchange, SIS_ERR_INTERNAL, NULL);
		return false;
	}
	if (packet->n_fds > 0) {
		upload->fd = fd_take(&packet->fds[0]);
		upload_enter(exchange);
	}
	return true;
}

static void on_created(struct exchange *exchange, struct channel_packet *packet)
{
	struct message_upload_opened message;
	if (!take_opened(exchange, packet, &message))
		return;
	if (exchange->upload.fd < 0) {
		route_refuse(exchange, SIS_ERR_INTERNAL, NULL);
		return;
	}
	announce(exchange);
	http_request_stream(exchange->request);
}

static void on_resumed(struct exchange *exchange, struct channel_packet *packet)
{
	struct message_upload_opened message;
	struct upload *upload = &exchange->upload;
	uint64_t body = http_request_body_size(exchange->request);
	if (!take_opened(exchange, packet, &message))
		return;
	if (message.complete) {
		upload_close(exchange);
		refuse_completed(exchange);
	} else if (upload->fd < 0) {
		route_refuse(exchange, SIS_ERR_INTERNAL, NULL);
	} else if (upload->provided_offset != upload->offset) {
		upload->length = message.length;
		refuse_offset(exchange);
	} else if (message.length != UINT64_MAX && upload->length != UINT64_MAX && message.length != upload->length) {
		upload->length = message.length;
		refuse_length(exchange);
	} else {
		if (upload->length == UINT64_MAX)
			upload->length = message.length;
		if (body != UINT64_MAX && upload->length != UINT64_MAX && (upload->offset > upload->length || body > upload->length - upload->offset))
			refuse_length(exchange);
		else
			http_request_stream(exchange->request);
	}
}

/* ------------------------------------------------ requests ------------------------------------------------ */

void uploads_create(struct exchange *exchange)
{
	struct upload *upload = &exchange->upload;
	struct upload_fields fields;
	if (!upload_fields_parse(exchange->request, 0, &fields)) {
		refuse_length(exchange);
		return;
	}
	upload->resumable = fields.has_complete;
	upload->completes = fields.complete || !fields.has_complete;
	upload->length = fields.length;
	if (refuse_too_large(exchange))
		return;
	struct message_upload_create message = { .length = upload->length, .resumable = upload->resumable,
		.peer = span_from_string(http_request_peer(exchange->request)) };
	memcpy(message.caller, exchange->fingerprint, sizeof(message.caller));
	LEDGER_ASK(exchange, on_created, upload_create, UPLOAD_CREATE, &message);
}

void uploads_append(struct exchange *exchange)
{
	struct upload *upload = &exchange->upload;
	struct upload_fields fields;
	upload->resumable = upload->is_append = true;
	if (!upload_id_is_valid(exchange->argument)) {
		route_refuse(exchange, SIS_ERR_NO_UPLOAD, NULL);
		return;
	}
	if (!upload_fields_parse(exchange->request, UINT64_MAX, &fields)) {
		refuse_length(exchange);
		return;
	}
	if (!fields.has_offset || !fields.has_complete) {
		route_refuse(exchange, SIS_ERR_USAGE, "Appending needs the fields Upload-Offset and Upload-Complete.");
		return;
	}
	upload->completes = fields.complete;
	upload->length = fields.length;
	upload->provided_offset = fields.offset;
	if (refuse_too_large(exchange))
		return;
	struct message_upload_resume message = { .upload = span_from_string(exchange->argument), .peer = span_from_string(http_request_peer(exchange->request)) };
	memcpy(message.caller, exchange->fingerprint, sizeof(message.caller));
	LEDGER_ASK(exchange, on_resumed, upload_resume, UPLOAD_RESUME, &message);
}

static void on_queried(struct exchange *exchange, struct channel_packet *packet)
{
	struct message_upload_opened message;
	char offset[24], length[24], limit[UPLOAD_LIMIT_TEXT], item[ITEM_ID_TEXT + 1], location[64];
	if (!take_opened(exchange, packet, &message))
		return;
	struct http_header headers[6] = { { "Upload-Offset", offset }, { "Upload-Complete", message.complete ? "?1" : "?0" }, { "Upload-Limit", limit },
		{ "Cache-Control", "no-store" } };
	size_t n = 4;
	snprintf(offset, sizeof(offset), "%llu", (unsigned long long)message.offset);
	upload_limit_format(exchange->worker, limit);
	if (message.length != UINT64_MAX) {
		snprintf(length, sizeof(length), "%llu", (unsigned long long)message.length);
		headers[n++] = (struct http_header){ "Upload-Length", length };
	}
	/* A client that lost the answer learns here what became of its upload. */
	if (message.complete && message.item.size > 0 && span_to_string(message.item, item, sizeof(item))) {
		snprintf(location, sizeof(location), "/v1/items/%s", item);
		headers[n++] = (struct http_header){ "Location", location };
	}
	http_respond(exchange->request, 204, headers, n, NULL, 0);
}

void uploads_query(struct exchange *exchange)
{
	struct message_upload_query message = { .upload = span_from_string(exchange->argument) };
	if (!upload_id_is_valid(exchange->argument)) {
		route_refuse(exchange, SIS_ERR_NO_UPLOAD, NULL);
		return;
	}
	memcpy(message.caller, exchange->fingerprint, sizeof(message.caller));
	LEDGER_ASK(exchange, on_queried, upload_query, UPLOAD_QUERY, &message);
}

void uploads_cancel(struct exchange *exchange)
{
	struct message_upload_cancel message = { .upload = span_from_string(exchange->argument) };
	if (!upload_id_is_valid(exchange->argument)) {
		route_refuse(exchange, SIS_ERR_NO_UPLOAD, NULL);
		return;
	}
	memcpy(message.caller, exchange->fingerprint, sizeof(message.caller));
	LEDGER_ASK(exchange, ledger_answer_done, upload_cancel, UPLOAD_CANCEL, &message);
}

void uploads_options(struct exchange *exchange)
{
	char limit[UPLOAD_LIMIT_TEXT];
	upload_limit_format(exchange->worker, limit);
	const struct http_header headers[] = {
		{ "Upload-Limit", limit }, { "Accept-Patch", "application/partial-upload" }, { "Allow", "GET, HEAD, POST, OPTIONS" },
		{ "Upload-Draft-Interop-Version", UPLOAD_INTEROP_VERSION },
	};
	http_respond(exchange->request, 204, headers, ARRAY_SIZE(headers), NULL, 0);
}

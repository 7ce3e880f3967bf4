/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How an upload's request ends: refused, incomplete, or an item. */
#include "worker/uploads.h"

#include "base/error.h"
#include "worker/tus.h"
#include "worker/upload_check.h"
#include "worker/upload_fields.h"

#include <stdio.h>
#include <string.h>

#define PROBLEM_TYPES "https://iana.org/assignments/http-problem-types#"

/* ------------------------------------------------ refusing ------------------------------------------------ */

void upload_refuse(struct exchange *exchange, int error, const char *detail)
{
	char limit[UPLOAD_LIMIT_TEXT];
	const struct http_header header = { "Upload-Limit", limit };
	upload_abandon(exchange);
	upload_limit_format(exchange->worker, limit);
	/* The draft (§4.1.4) asks for the limits with every 413. */
	route_refuse_with(exchange, &(struct http_problem){ .error = error, .detail = detail, .headers = &header,
		.n_headers = error_http_status(error) == 413 ? 1 : 0 });
}

/* By what this request says: also when an upload that began without a length now gets one. */
bool upload_refuse_too_large(struct exchange *exchange)
{
	if (exchange->upload.length == UINT64_MAX || exchange->upload.length <= exchange->worker->max_item_bytes)
		return false;
	upload_refuse(exchange, SIS_ERR_TOO_LARGE, "The item is larger than this server takes.");
	return true;
}

void upload_refuse_length(struct exchange *exchange)
{
	upload_abandon(exchange);
	route_refuse_with(exchange, &(struct http_problem){ .error = SIS_ERR_MISMATCH, .status = 400, .type = PROBLEM_TYPES "inconsistent-upload-length",
		.title = "inconsistent upload length", .detail = "The lengths that were given for this upload, or the bytes that were sent, do not agree." });
}

void upload_refuse_completed(struct exchange *exchange)
{
	const struct http_header header = { "Upload-Complete", "?1" };
	route_refuse_with(exchange, &(struct http_problem){ .error = SIS_ERR_CONFLICT,
		.status = exchange->upload.is_tus ? 409 : 400, .type = PROBLEM_TYPES "completed-upload",
		.title = "upload is already complete", .detail = "The upload is complete: nothing can be added.", .headers = &header, .n_headers = 1 });
}

void upload_refuse_offset(struct exchange *exchange)
{
	struct upload *upload = &exchange->upload;
	char offset[24];
	snprintf(offset, sizeof(offset), "%llu", (unsigned long long)upload->offset);
	const struct http_header headers[] = { { "Upload-Offset", offset }, { "Upload-Complete", "?0" } };
	const struct http_problem_member members[] = { { "expected-offset", upload->offset }, { "provided-offset", upload->provided_offset } };
	upload_abandon(exchange);
	route_refuse_with(exchange, &(struct http_problem){ .error = SIS_ERR_CONFLICT, .type = PROBLEM_TYPES "mismatching-upload-offset",
		.title = "offset of the request is not the upload's", .members = members, .n_members = ARRAY_SIZE(members), .headers = headers,
		.n_headers = ARRAY_SIZE(headers), .detail = "Ask for the offset with HEAD, and go on from there." });
}

/* Where it stands is said once more: the bytes that came were not counted. */
void upload_refuse_digest(struct exchange *exchange, int error)
{
	struct upload *upload = &exchange->upload;
	char offset[24];
	const struct http_header header = { "Upload-Offset", offset };
	bool is_checksum = upload->is_tus && http_request_header(exchange->request, "Upload-Checksum") != NULL;
	upload_abandon(exchange);
	snprintf(offset, sizeof(offset), "%llu", (unsigned long long)upload->offset);
	if (error == -SIS_ERR_NO_MEMORY)
		route_refuse(exchange, error, NULL);
	else if (error != -SIS_ERR_MISMATCH)
		route_refuse_with(exchange, &(struct http_problem){ .error = SIS_ERR_BAD_FORMAT, .type = error == -SIS_ERR_NO_INPUT ?
			PROBLEM_TYPES "digest-unsupported-algorithms" : PROBLEM_TYPES "digest-invalid-values", .title = "digest cannot be used",
			.detail = error == -SIS_ERR_NO_INPUT ? "This checksum's algorithm is none of " TUS_CHECKSUMS "." : "A digest that came with the request is malformed." });
	else
		route_refuse_with(exchange, &(struct http_problem){ .error = SIS_ERR_MISMATCH, .status = is_checksum ? 460 : 400,
			.type = PROBLEM_TYPES "digest-mismatching-values", .title = "bytes do not match their digest", .headers = &header,
			.n_headers = upload->resumable ? 1 : 0, .detail = "What arrived is not what was sent, and does not count: send it again." });
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
		upload_abandon(exchange);
		bool final = exchange->upload.resumable && !exchange->upload.is_tus && error_http_status((int)message.status) < 500;
		route_refuse_with(exchange, &(struct http_problem){ .error = (int)message.status, .headers = &complete, .n_headers = final ? 1 : 0,
			.detail = span_to_string(message.detail, detail, sizeof(detail)) ? detail : NULL });
		return;
	}
	if (exchange->upload.is_tus) {
		tus_respond_committed(exchange, item);
		return;
	}
	snprintf(location, sizeof(location), "/v1/items/%s", item);
	snprintf(body, sizeof(body), "{\"item\":\"%s\",\"sequence\":%llu}", item, (unsigned long long)message.sequence);
	const struct http_header headers[] = { { "Location", location }, complete };
	exchange_respond_json(exchange, 201, body, headers, exchange->upload.resumable ? 2 : 1);
}

void upload_commit(struct exchange *exchange)
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
	if (upload->is_tus) {
		tus_respond_incomplete(exchange);
		return;
	}
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
	if (upload->check != NULL && !upload_check_holds(upload->check)) {
		upload_refuse_digest(exchange, -SIS_ERR_MISMATCH);
		return;
	}
	upload_check_free(upload->check);
	upload->check = NULL;
	/* tus has no word for "this was the last part": the length says it. */
	if (upload->is_tus)
		upload->completes = upload->offset == upload->length;
	if (!upload->completes)
		respond_incomplete(exchange);
	else if (upload->length != UINT64_MAX && upload->offset != upload->length)
		upload_refuse_length(exchange);
	else
		upload_commit(exchange);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Uploads: POST of a whole item, and draft-ietf-httpbis-resumable-upload (interop version 8). The ledger opens the file and keeps its state; the
 * worker writes what comes, in place, and says where it stopped. */
#include "worker/uploads.h"

#include "base/error.h"
#include "worker/digest_fields.h"
#include "worker/tus.h"
#include "worker/upload_check.h"
#include "worker/upload_fields.h"

#include <stdio.h>
#include <string.h>

/* ------------------------------------------------ digests ------------------------------------------------ */

bool upload_begin_check(struct exchange *exchange)
{
	int r = upload_check_new(exchange->request, exchange->upload.is_tus, &exchange->upload.check);
	if (r < 0)
		upload_refuse_digest(exchange, r);
	return r == 0;
}

bool upload_take_digest(struct exchange *exchange, uint8_t *ret_digest, struct span *ret_span)
{
	struct digest_fields fields;
	int r = digest_fields_parse(http_request_header(exchange->request, "Repr-Digest"), &fields);
	if (r < 0) {
		upload_refuse_digest(exchange, r);
		return false;
	}
	/* One of them is enough; the shorter one is the faster. */
	enum hash_algorithm algorithm = fields.has[HASH_SHA256] ? HASH_SHA256 : HASH_SHA512;
	size_t size = fields.has[algorithm] ? hash_bytes(algorithm) : 0;
	memcpy(ret_digest, fields.digest[algorithm], size);
	*ret_span = (struct span){ ret_digest, size };
	return true;
}

/* Tells a client that knows the draft where to go on should this request break off. */
static void announce(struct exchange *exchange)
{
	char location[UPLOAD_ID_MAX + 16], limit[UPLOAD_LIMIT_TEXT];
	const char *version = http_request_header(exchange->request, "Upload-Draft-Interop-Version");
	if (!exchange->upload.resumable || exchange->upload.is_tus || version == NULL || strcmp(version, UPLOAD_INTEROP_VERSION) != 0)
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
bool upload_take_opened(struct exchange *exchange, struct channel_packet *packet, struct message_upload_opened *message)
{
	char detail[512];
	if (packet->type != MESSAGE_UPLOAD_OPENED || message_upload_opened_decode(&packet->payload, message) != 0) {
		route_refuse(exchange, SIS_ERR_INTERNAL, NULL);
		return false;
	}
	if (message->status != 0) {
		upload_refuse(exchange, (int)message->status, span_to_string(message->detail, detail, sizeof(detail)) ? detail : NULL);
		return false;
	}
	struct upload *upload = &exchange->upload;
	upload->offset = upload->started_at = message->offset;
	upload->expires = message->expires;
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

void uploads_on_created(struct exchange *exchange, struct channel_packet *packet)
{
	struct message_upload_opened message;
	if (!upload_take_opened(exchange, packet, &message))
		return;
	if (exchange->upload.fd < 0) {
		route_refuse(exchange, SIS_ERR_INTERNAL, NULL);
		return;
	}
	announce(exchange);
	http_request_stream(exchange->request);
}

void uploads_on_resumed(struct exchange *exchange, struct channel_packet *packet)
{
	struct message_upload_opened message;
	struct upload *upload = &exchange->upload;
	uint64_t body = http_request_body_size(exchange->request);
	if (!upload_take_opened(exchange, packet, &message))
		return;
	if (message.complete) {
		upload_close(exchange);
		upload_refuse_completed(exchange);
	} else if (upload->fd < 0) {
		route_refuse(exchange, SIS_ERR_INTERNAL, NULL);
	} else if (upload->provided_offset != upload->offset) {
		upload->length = message.length;
		upload_refuse_offset(exchange);
	} else if (message.length != UINT64_MAX && upload->length != UINT64_MAX && message.length != upload->length) {
		upload->length = message.length;
		upload_refuse_length(exchange);
	} else {
		if (upload->length == UINT64_MAX)
			upload->length = message.length;
		if (body != UINT64_MAX && upload->length != UINT64_MAX && (upload->offset > upload->length || body > upload->length - upload->offset))
			upload_refuse_length(exchange);
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
		upload_refuse_length(exchange);
		return;
	}
	upload->resumable = fields.has_complete;
	upload->completes = fields.complete || !fields.has_complete;
	upload->length = fields.length;
	uint8_t digest[HASH_BYTES_MAX];
	struct span digest_span;
	if (upload_refuse_too_large(exchange) || !upload_begin_check(exchange) || !upload_take_digest(exchange, digest, &digest_span))
		return;
	struct message_upload_create message = { .length = upload->length, .resumable = upload->resumable, .checked = upload->check != NULL, .digest = digest_span,
		.peer = span_from_string(http_request_peer(exchange->request)) };
	memcpy(message.caller, exchange->fingerprint, sizeof(message.caller));
	LEDGER_ASK(exchange, uploads_on_created, upload_create, UPLOAD_CREATE, &message);
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
		upload_refuse_length(exchange);
		return;
	}
	if (!fields.has_offset || !fields.has_complete) {
		route_refuse(exchange, SIS_ERR_USAGE, "Appending needs the fields Upload-Offset and Upload-Complete.");
		return;
	}
	upload->completes = fields.complete;
	upload->length = fields.length;
	upload->provided_offset = fields.offset;
	if (upload_refuse_too_large(exchange) || !upload_begin_check(exchange))
		return;
	struct message_upload_resume message = { .upload = span_from_string(exchange->argument), .checked = upload->check != NULL, .peer = span_from_string(http_request_peer(exchange->request)) };
	memcpy(message.caller, exchange->fingerprint, sizeof(message.caller));
	LEDGER_ASK(exchange, uploads_on_resumed, upload_resume, UPLOAD_RESUME, &message);
}

static void on_queried(struct exchange *exchange, struct channel_packet *packet)
{
	struct message_upload_opened message;
	char offset[24], length[24], limit[UPLOAD_LIMIT_TEXT], item[ITEM_ID_TEXT + 1], location[64];
	if (!upload_take_opened(exchange, packet, &message))
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
	char limit[UPLOAD_LIMIT_TEXT], max[24];
	snprintf(max, sizeof(max), "%llu", (unsigned long long)exchange->worker->max_item_bytes);
	upload_limit_format(exchange->worker, limit);
	const struct http_header headers[] = {
		{ "Upload-Limit", limit }, { "Accept-Patch", "application/partial-upload, " TUS_MEDIA_TYPE }, { "Allow", "GET, HEAD, POST, OPTIONS" },
		{ "Upload-Draft-Interop-Version", UPLOAD_INTEROP_VERSION }, { "Tus-Resumable", TUS_VERSION }, { "Tus-Version", TUS_VERSION },
		{ "Tus-Extension", TUS_EXTENSIONS }, { "Tus-Checksum-Algorithm", TUS_CHECKSUMS }, { "Tus-Max-Size", max },
	};
	http_respond(exchange->request, 204, headers, ARRAY_SIZE(headers), NULL, 0);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tus 1.0.0: creation, creation-with-upload, checksum, expiration, termination; an upload's length is told at its creation. Behind it are the same uploads
 * as behind the draft (uploads.c).
 *
 * tus says that an upload is complete when its offset is its length. So whoever asks for the offset of one that has all its bytes and is no item yet,
 * because a connection or a daemon broke in between, must not be told that it is complete: it is completed first. */
#include "worker/tus.h"

#include "base/error.h"
#include "worker/upload_fields.h"
#include "worker/uploads.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* ------------------------------------------------ answers ------------------------------------------------ */

#define HEADERS_MAX 8
struct tus_headers {
	struct http_header one[HEADERS_MAX];
	size_t n;
	char offset[24], length[24], expires[40], location[UPLOAD_ID_MAX + 16], metadata[TUS_METADATA_MAX + 1];
};

static void put(struct tus_headers *headers, const char *name, const char *value)
{
	headers->one[headers->n++] = (struct http_header){ name, value };
}

static void put_number(struct tus_headers *headers, const char *name, char text[24], uint64_t number)
{
	snprintf(text, 24, "%llu", (unsigned long long)number);
	put(headers, name, text);
}

/* Upload-Expires is an HTTP date (RFC 9110 §5.6.7); the names are those of the C locale, in which every role runs. */
static void put_expires(struct tus_headers *headers, int64_t expires)
{
	time_t at = (time_t)expires;
	struct tm tm;
	if (expires > 0 && gmtime_r(&at, &tm) != NULL && strftime(headers->expires, sizeof(headers->expires), "%a, %d %b %Y %H:%M:%S GMT", &tm) > 0)
		put(headers, "Upload-Expires", headers->expires);
}

static void put_common(struct tus_headers *headers, const struct upload *upload)
{
	headers->n = 0;
	put(headers, "Tus-Resumable", TUS_VERSION);
	put_number(headers, "Upload-Offset", headers->offset, upload->offset);
	put(headers, "Cache-Control", "no-store");
	if (upload->is_append || upload->is_query)
		return;
	snprintf(headers->location, sizeof(headers->location), "/v1/uploads/%s", upload->id);
	put(headers, "Location", headers->location);
}

static void respond(struct exchange *exchange, const struct tus_headers *headers)
{
	const struct upload *upload = &exchange->upload;
	http_respond(exchange->request, upload->is_query ? 200 : upload->is_append ? 204 : 201, headers->one, headers->n, NULL, 0);
}

void tus_respond_incomplete(struct exchange *exchange)
{
	struct tus_headers headers;
	put_common(&headers, &exchange->upload);
	put_expires(&headers, exchange->upload.expires);
	respond(exchange, &headers);
}

static void ask(struct exchange *exchange);

void tus_respond_committed(struct exchange *exchange, const char *item)
{
	struct tus_headers headers;
	if (exchange->upload.is_query) {
		ask(exchange);
		return;
	}
	put_common(&headers, &exchange->upload);
	put(&headers, "Sis-Item", item);
	respond(exchange, &headers);
}

/* ------------------------------------------------ requests ------------------------------------------------ */

static bool check_version(struct exchange *exchange)
{
	const char *version = http_request_header(exchange->request, "Tus-Resumable");
	if (version != NULL && strcmp(version, TUS_VERSION) == 0)
		return true;
	const struct http_header header = { "Tus-Version", TUS_VERSION };
	route_refuse_with(exchange, &(struct http_problem){ .error = SIS_ERR_PROTOCOL, .status = 412, .title = "another version of tus is spoken here",
		.detail = "Every request of tus must say Tus-Resumable: " TUS_VERSION ".", .headers = &header, .n_headers = 1 });
	return false;
}

static bool check_upload_id(struct exchange *exchange)
{
	if (!check_version(exchange))
		return false;
	if (upload_id_is_valid(exchange->argument))
		return true;
	route_refuse(exchange, SIS_ERR_NO_UPLOAD, NULL);
	return false;
}

static bool take_length(struct exchange *exchange)
{
	struct upload *upload = &exchange->upload;
	uint64_t body = http_request_body_size(exchange->request);
	if (!tus_field_number(http_request_header(exchange->request, "Upload-Length"), &upload->length) || upload->length == 0) {
		route_refuse(exchange, SIS_ERR_USAGE, "An upload begins with its Upload-Length, a number above 0; it cannot be told later.");
		return false;
	}
	if (upload_refuse_too_large(exchange))
		return false;
	if (body != UINT64_MAX && body > upload->length) {
		upload_refuse_length(exchange);
		return false;
	}
	return true;
}

static bool check_creation(struct exchange *exchange, const char *metadata)
{
	const char *type = http_request_header(exchange->request, "Content-Type");
	if (http_request_has_body(exchange->request) && http_request_body_size(exchange->request) > 0 && (type == NULL || strcasecmp(type, TUS_MEDIA_TYPE) != 0)) {
		route_refuse_with(exchange, &(struct http_problem){ .error = SIS_ERR_BAD_FORMAT, .status = 415, .title = "unsupported media type",
			.detail = "The Content-Type of an upload in tus must be " TUS_MEDIA_TYPE "." });
		return false;
	}
	int r = tus_field_metadata(metadata);
	if (r < 0)
		route_refuse(exchange, r, "Upload-Metadata may hold 64 keys and 2048 characters: KEY BASE64, divided by commas, no key twice.");
	return r == 0;
}

void tus_create(struct exchange *exchange)
{
	struct upload *upload = &exchange->upload;
	const char *metadata = http_request_header(exchange->request, "Upload-Metadata");
	uint8_t digest[HASH_BYTES_MAX];
	struct span digest_span;
	upload->resumable = true;
	if (!check_version(exchange) || !take_length(exchange) || !check_creation(exchange, metadata != NULL ? metadata : "") ||
	    !upload_begin_check(exchange) || !upload_take_digest(exchange, digest, &digest_span))
		return;
	struct message_upload_create message = { .length = upload->length, .resumable = 1, .checked = upload->check != NULL, .digest = digest_span,
		.metadata = span_from_string(metadata), .peer = span_from_string(http_request_peer(exchange->request)) };
	memcpy(message.caller, exchange->fingerprint, sizeof(message.caller));
	LEDGER_ASK(exchange, uploads_on_created, upload_create, UPLOAD_CREATE, &message);
}

static void resume(struct exchange *exchange, answer_fn *on_answer)
{
	struct message_upload_resume message = { .upload = span_from_string(exchange->argument), .checked = exchange->upload.check != NULL,
		.peer = span_from_string(http_request_peer(exchange->request)) };
	memcpy(message.caller, exchange->fingerprint, sizeof(message.caller));
	LEDGER_ASK(exchange, on_answer, upload_resume, UPLOAD_RESUME, &message);
}

void tus_append(struct exchange *exchange)
{
	struct upload *upload = &exchange->upload;
	upload->resumable = upload->is_append = true;
	upload->length = UINT64_MAX;
	if (!check_upload_id(exchange))
		return;
	if (!tus_field_number(http_request_header(exchange->request, "Upload-Offset"), &upload->provided_offset)) {
		route_refuse(exchange, SIS_ERR_USAGE, "PATCH needs the field Upload-Offset.");
		return;
	}
	if (upload_begin_check(exchange))
		resume(exchange, uploads_on_resumed);
}

void tus_cancel(struct exchange *exchange)
{
	if (check_upload_id(exchange))
		uploads_cancel(exchange);
}

/* ------------------------------------------------ where an upload stands ------------------------------------------------ */

/* All bytes are there: the item is made now. Unless somebody else has done so, or goes on writing. */
static void on_reopened(struct exchange *exchange, struct channel_packet *packet)
{
	struct message_upload_opened message;
	if (!upload_take_opened(exchange, packet, &message))
		return;
	if (!message.complete && message.offset == message.length && exchange->upload.fd >= 0) {
		upload_commit(exchange);
		return;
	}
	upload_close(exchange);
	ask(exchange);
}

static void on_queried(struct exchange *exchange, struct channel_packet *packet)
{
	struct message_upload_opened message;
	struct tus_headers headers;
	char item[ITEM_ID_TEXT + 1];
	if (!upload_take_opened(exchange, packet, &message))
		return;
	if (!message.complete && message.offset == message.length) {
		resume(exchange, on_reopened);
		return;
	}
	put_common(&headers, &exchange->upload);
	put_expires(&headers, message.expires);
	if (message.length != UINT64_MAX)
		put_number(&headers, "Upload-Length", headers.length, message.length);
	else
		put(&headers, "Upload-Defer-Length", "1");
	if (message.metadata.size > 0 && span_to_string(message.metadata, headers.metadata, sizeof(headers.metadata)))
		put(&headers, "Upload-Metadata", headers.metadata);
	if (message.complete && span_to_string(message.item, item, sizeof(item)))
		put(&headers, "Sis-Item", item);
	respond(exchange, &headers);
}

static void ask(struct exchange *exchange)
{
	struct message_upload_query message = { .upload = span_from_string(exchange->argument) };
	memcpy(message.caller, exchange->fingerprint, sizeof(message.caller));
	LEDGER_ASK(exchange, on_queried, upload_query, UPLOAD_QUERY, &message);
}

void tus_query(struct exchange *exchange)
{
	exchange->upload.resumable = exchange->upload.is_query = true;
	if (check_upload_id(exchange))
		ask(exchange);
}

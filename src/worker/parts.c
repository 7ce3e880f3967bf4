/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Sealed parts of an item: whole or a range (RFC 9110 §14), with the digests that are wanted (RFC 9530). */
#include "base/error.h"
#include "crypto/seal.h"
#include "http/range.h"
#include "worker/digest_fields.h"
#include "worker/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGEST_PART_BYTES (1024 * 1024) /* below a millisecond of reading and reckoning */

static int take_item(const struct store_item *item, void *arg)
{
	struct store_item *taken = arg;
	*taken = *item;
	taken->statement = (struct span){ 0 };       /* borrowed for the call only */
	return 0;
}

static void refuse_range(struct exchange *exchange, uint64_t size)
{
	char range[48];
	snprintf(range, sizeof(range), "bytes */%llu", (unsigned long long)size);
	const struct http_header header = { "Content-Range", range };
	route_refuse_with(exchange, &(struct http_problem){ .error = SIS_ERR_USAGE, .status = 416, .title = "range not satisfiable",
		.detail = "The range begins after the end of this part.", .headers = &header, .n_headers = 1 });
}

/* RFC 9530 §4: what the client wants of digests. A part is read once more for it, at once, so only of small ones: an object's every chunk is under the
 * signed root in any case. "" when nothing is to be said. */
static void answer_wanted(const struct exchange *exchange, const char *field, int fd, uint64_t offset, uint64_t size, char ret_text[DIGEST_FIELD_TEXT])
{
	enum hash_algorithm algorithm;
	uint8_t digest[HASH_BYTES_MAX];
	*ret_text = '\0';
	if (size > DIGEST_PART_BYTES || !digest_fields_wanted(http_request_header(exchange->request, field), &algorithm))
		return;
	CLEANUP_FREE uint8_t *data = malloc((size_t)size + 1);
	CLEANUP_HASH struct hash *hash = hash_new(algorithm);
	if (data == NULL || hash == NULL || fd_pread_all(fd, data, (size_t)size, offset) < 0)
		return;
	hash_add(hash, data, (size_t)size);
	hash_end(hash, digest);
	digest_fields_format(algorithm, digest, ret_text);
}

static void respond_part(struct exchange *exchange, int fd, const struct store_part *part, const char *etag, struct range range)
{
	char content_range[80];
	bool whole = range.first == 0 && range.size == part->size && !range.asked;
	snprintf(content_range, sizeof(content_range), "bytes %llu-%llu/%llu", (unsigned long long)range.first,
		(unsigned long long)(range.first + range.size - 1), (unsigned long long)part->size);
	char content[DIGEST_FIELD_TEXT], repr[DIGEST_FIELD_TEXT];
	answer_wanted(exchange, "Want-Content-Digest", fd, part->offset + range.first, range.size, content);
	answer_wanted(exchange, "Want-Repr-Digest", fd, part->offset, part->size, repr);
	const struct http_header headers[] = {
		{ "Content-Digest", *content != '\0' ? content : NULL }, { "Repr-Digest", *repr != '\0' ? repr : NULL },
		{ "Content-Type", "application/octet-stream" }, { "ETag", etag }, { "Accept-Ranges", "bytes" }, { "Cache-Control", "private, no-cache" },
		{ "X-Content-Type-Options", "nosniff" }, { "Content-Range", content_range },
	};
	http_respond_file(exchange->request, whole ? 200 : 206, headers, ARRAY_SIZE(headers) - (whole ? 1 : 0), fd, part->offset + range.first, range.size);
}

/* The item, and its object's file; refused when it cannot be had. */
static bool open_part(struct exchange *exchange, enum seal_part which, struct store_item *ret_item, int *ret_fd)
{
	CLEANUP_FD int fd = -1;
	uint64_t file_size;
	int error = items_find(exchange, take_item, ret_item);
	const struct store_part *part = &ret_item->part[which];
	if (error == 0 && part->size == 0) {
		route_refuse(exchange, SIS_ERR_NO_INPUT, "This item has no such part.");
		return false;
	}
	if (error == 0)
		error = store_open_object(exchange->worker->store, ret_item->id, &fd, &file_size);
	if (error == 0 && (part->offset > file_size || part->size > file_size - part->offset))
		error = -SIS_ERR_IO;
	if (error < 0) {
		items_refuse_store(exchange, error);
		return false;
	}
	*ret_fd = fd_take(&fd);
	return true;
}

static void get_part(struct exchange *exchange, enum seal_part which)
{
	struct store_item item = { 0 };
	CLEANUP_FD int fd = -1;
	if (!open_part(exchange, which, &item, &fd))
		return;
	const struct store_part *part = &item.part[which];
	char etag[2 * DIGEST_BYTES + 3] = "\"";
	hex_encode(part->root, DIGEST_BYTES, etag + 1);
	strcat(etag, "\"");
	if (range_is_unchanged(http_request_header(exchange->request, "If-None-Match"), etag)) {
		const struct http_header header = { "ETag", etag };
		http_respond(exchange->request, 304, &header, 1, NULL, 0);
		return;
	}
	struct range range;
	if (range_parse(http_request_header(exchange->request, "Range"), http_request_header(exchange->request, "If-Range"), etag, part->size, &range) < 0) {
		refuse_range(exchange, part->size);
		return;
	}
	if (which == SEAL_OBJECT && range.first + range.size == part->size && strcmp(http_request_method(exchange->request), "GET") == 0)
		item_id_encode(item.id, exchange->fetched);
	respond_part(exchange, fd_take(&fd), part, etag, range);
}

void parts_get_manifest(struct exchange *exchange)
{
	get_part(exchange, SEAL_MANIFEST);
}

void parts_get_thumbnail(struct exchange *exchange)
{
	get_part(exchange, SEAL_THUMBNAIL);
}

void parts_get_object(struct exchange *exchange)
{
	get_part(exchange, SEAL_OBJECT);
}

void parts_sent(struct exchange *exchange, bool complete, uint64_t bytes)
{
	if (!complete || *exchange->fetched == '\0')
		return;
	log_event(&LOG(FETCHED, .user = exchange->caller.user, .device = exchange->caller.device, .item = exchange->fetched, .bytes = (int64_t)bytes,
		.peer = http_request_peer(exchange->request)));
}

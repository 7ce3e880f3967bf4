/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The small parts of an item: its manifest, and the words of a message, checked against the statement that was accepted before. */
#include "sis/item.h"

#include <string.h>

int item_accept_manifest(struct item *item, struct blob *sealed, struct why *why)
{
	const struct part_digest *digest = &item->opened.statement.part[SEAL_MANIFEST];
	uint64_t size;
	const char *words = NULL;
	int r = sealed->size == digest->size ? seal_plain_size(sealed->size, &size) : -SIS_ERR_BAD_ROOT;
	if (r == 0 && size > MANIFEST_MAX_BYTES)
		r = -SIS_ERR_TOO_LARGE;
	if (r < 0)
		return why_set(why, r, "its description is not the one that was signed");
	CLEANUP_FREE uint8_t *plain = xcalloc(1, (size_t)size + 1);
	r = seal_open_part(&item->opened.keys.part[SEAL_MANIFEST], sealed->data, sealed->size, digest->root, plain);
	if (r == 0)
		r = manifest_parse((struct span){ plain, (size_t)size }, &item->manifest, &words);
	if (r == 0)
		r = item_check_sizes(&item->opened.statement, &item->manifest);
	secret_wipe(plain, (size_t)size);
	if (r < 0)
		return why_set(why, r, "its description does not hold: %s", words != NULL ? words : error_text(r));
	item->has_manifest = true;
	blob_free(&item->sealed_manifest);
	item->sealed_manifest = *sealed;
	*sealed = (struct blob){ 0 };
	return 0;
}

/* The base64 of a part in a listing; what is the part in words. */
static int read_inline(const struct item *item, enum seal_part part, size_t max, const char *base64, const char *what, struct blob *ret_sealed,
                       struct why *why)
{
	size_t size = (size_t)item->opened.statement.part[part].size;
	if (item->opened.statement.part[part].size > max || strlen(base64) != BASE64_SIZE(size))
		return why_set(why, -SIS_ERR_BAD_ROOT, "%s not the one that was signed", what);
	CLEANUP_BLOB struct blob sealed = { xcalloc(1, size + 1), size };
	if (base64_decode(span_from_string(base64), sealed.data, size) < 0)
		return why_set(why, -SIS_ERR_PROTOCOL, "the server's description of the item is malformed");
	*ret_sealed = sealed;
	sealed = (struct blob){ 0 };
	return 0;
}

static int accept_inline_manifest(struct item *item, const char *base64, struct why *why)
{
	CLEANUP_BLOB struct blob sealed = { 0 };
	int r = read_inline(item, SEAL_MANIFEST, (size_t)seal_sealed_size(MANIFEST_MAX_BYTES), base64, "its description is", &sealed, why);
	return r == 0 ? item_accept_manifest(item, &sealed, why) : r;
}

/* The words are the object's plaintext: the manifest's size, then zeros. */
static int accept_inline_content(struct item *item, const char *base64, struct why *why)
{
	const struct part_digest *digest = &item->opened.statement.part[SEAL_OBJECT];
	CLEANUP_BLOB struct blob sealed = { 0 };
	int r = read_inline(item, SEAL_OBJECT, (size_t)seal_sealed_size(SEAL_CHUNK_BYTES), base64, "its words are", &sealed, why);
	if (r < 0)
		return r;
	CLEANUP_FREE uint8_t *plain = xcalloc(1, sealed.size + 1);
	size_t size = (size_t)item->manifest.size, padded = sealed.size - SEAL_TAG_BYTES;
	r = seal_open_part(&item->opened.keys.part[SEAL_OBJECT], sealed.data, sealed.size, digest->root, plain);
	for (size_t i = size; r == 0 && i < padded; i++)
		r = plain[i] == 0 ? 0 : -SIS_ERR_BAD_FORMAT;
	if (r < 0) {
		secret_wipe(plain, padded);
		return why_set(why, r, "its words do not hold: %s", error_text(r));
	}
	item->has_content = true;
	item->content = (struct blob){ plain, size };
	plain = NULL;
	return 0;
}

int item_accept_inline(struct item *item, const json_t *json, struct why *why)
{
	const char *manifest = json_member_string(json, "manifest"), *object = json_member_string(json, "object");
	int r = manifest != NULL ? accept_inline_manifest(item, manifest, why) : 0;
	/* Only with the description, which alone says where the words end. */
	if (r == 0 && object != NULL && item->has_manifest && item->opened.statement.kind == ITEM_MESSAGE)
		r = accept_inline_content(item, object, why);
	return r;
}

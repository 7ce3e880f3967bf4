/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * An item's thumbnail: fetched, held against what was signed, opened. */
#include "sis/pictures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int item_fetch_sealed_thumbnail(struct session *session, const struct item *item, struct blob *ret_sealed, struct why *why)
{
	const struct part_digest *digest = &item->opened.statement.part[SEAL_THUMBNAIL];
	CLEANUP_BLOB struct blob sealed = { 0 };
	uint8_t root[DIGEST_BYTES];
	char target[64];
	if (digest->size == 0)
		return -SIS_ERR_NO_INPUT;
	snprintf(target, sizeof(target), "/v1/items/%s/thumbnail", item->id);
	int r = session_get(session, target, (size_t)seal_sealed_size(THUMBNAIL_MAX_BYTES), &sealed, why);
	if (r < 0)
		return r;
	seal_root(sealed.data, sealed.size, root);
	if (sealed.size != digest->size || memcmp(root, digest->root, sizeof(root)) != 0)
		return why_set(why, -SIS_ERR_BAD_ROOT, "its thumbnail is not the one that was signed");
	*ret_sealed = sealed;
	sealed = (struct blob){ 0 };
	return 0;
}

int item_fetch_thumbnail(struct session *session, const struct item *item, struct blob *ret_jpeg, struct why *why)
{
	CLEANUP_BLOB struct blob sealed = { 0 }, plain = { 0 };
	uint64_t size = 0;
	int r = item_fetch_sealed_thumbnail(session, item, &sealed, why);
	if (r == 0)
		r = seal_plain_size(sealed.size, &size);
	if (r < 0)
		return r;
	plain = (struct blob){ xcalloc(1, (size_t)size + 1), (size_t)size };
	r = seal_open_part(&item->opened.keys.part[SEAL_THUMBNAIL], sealed.data, sealed.size, item->opened.statement.part[SEAL_THUMBNAIL].root, plain.data);
	if (r < 0)
		return why_set(why, r, "its thumbnail cannot be opened: %s", error_text(r));
	*ret_jpeg = plain;
	plain = (struct blob){ 0 };
	return 0;
}

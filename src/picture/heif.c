/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Reading boxes and items. */
#include "picture/heif.h"

#include "base/util.h"

#include <stdlib.h>
#include <string.h>

/* Coded images and what is put together from them. All else (Exif, mime, uri) describes. */
static const char image_types[][5] = { "hvc1", "hev1", "lhv1", "av01", "avc1", "vvc1", "j2k1", "grid", "iovl", "iden", "tmap" };

bool box_is(const struct box *box, const char *type)
{
	return memcmp(box->type, type, 4) == 0;
}

/* A box of size 0 goes on to the end of the file. Not within meta, whose children move: there it would mean something else afterwards. */
static bool may_be_endless(const struct heif *heif, const struct cursor *cursor, size_t at)
{
	const struct box *meta = &heif->meta;
	bool is_child = at > meta->at && at < meta->at + meta->size;
	return !is_child && cursor->end == heif->clean->file.data + heif->clean->file.size;
}

bool box_next(const struct heif *heif, struct cursor *cursor, struct box *ret_box)
{
	size_t left = cursor_left(cursor);
	if (cursor->failed || left == 0)
		return false;
	struct box box = { .at = (size_t)(cursor->at - heif->clean->file.data) };
	const uint8_t *start = cursor->at;
	uint64_t size = cursor_get_u32(cursor);
	struct span type = cursor_get_bytes(cursor, 4);
	if (size == 1)
		size = cursor_get_u64(cursor);
	else if (size == 0)
		size = may_be_endless(heif, cursor, box.at) ? left : 0;
	size_t header = (size_t)(cursor->at - start);
	if (cursor->failed || size < header || size > left) {
		cursor_fail(cursor);
		return false;
	}
	memcpy(box.type, type.data, 4);
	box.size = (size_t)size;
	box.payload = cursor_get_bytes(cursor, box.size - header);
	*ret_box = box;
	return true;
}

struct heif_item *heif_item_find(const struct heif *heif, uint32_t id)
{
	for (unsigned i = 0; i < heif->n_items; i++) {
		if (heif->items[i].id == id)
			return &heif->items[i];
	}
	return NULL;
}

uint32_t heif_get(struct cursor *cursor, bool wide)
{
	return wide ? cursor_get_u32(cursor) : cursor_get_u16(cursor);
}

static bool is_image(const char *type)
{
	for (size_t i = 0; i < ARRAY_SIZE(image_types); i++) {
		if (memcmp(image_types[i], type, 4) == 0)
			return true;
	}
	return false;
}

static unsigned kind_of(const char *type, struct span rest)
{
	if (memcmp(type, "Exif", 4) == 0)
		return CLEAN_EXIF;
	return memcmp(type, "mime", 4) == 0 && memmem(rest.data, rest.size, "rdf+xml", 7) != NULL ? CLEAN_XMP : CLEAN_PRIVATE;
}

/* infe of version 2 or 3; older ones do not tell what an item is. */
static int read_entry(struct heif *heif, const struct box *box)
{
	struct cursor cursor = cursor_from(box->payload.data, box->payload.size);
	struct heif_item item = { 0 };
	uint8_t version = cursor_get_u8(&cursor);
	cursor_get_bytes(&cursor, 3);
	item.id = heif_get(&cursor, version == 3);
	uint16_t protection = cursor_get_u16(&cursor);
	struct span type = cursor_get_bytes(&cursor, 4);
	if (cursor.failed || !box_is(box, "infe") || version < 2 || version > 3 || protection != 0 || heif->n_items == HEIF_MAX_ITEMS ||
	    heif_item_find(heif, item.id) != NULL)
		return clean_refuse(heif->clean, "its list of parts is not understood");
	memcpy(item.type, type.data, 4);
	item.is_dropped = !is_image(item.type);
	if (item.is_dropped && memcmp(item.type, "Exif", 4) != 0)       /* of Exif its content tells */
		heif->clean->removed |= kind_of(item.type, (struct span){ cursor.at, cursor_left(&cursor) });
	heif->items[heif->n_items++] = item;
	return 0;
}

static int read_infos(struct heif *heif)
{
	struct cursor cursor = cursor_from(heif->iinf.payload.data, heif->iinf.payload.size);
	uint8_t version = cursor_get_u8(&cursor);
	struct box box;
	cursor_get_bytes(&cursor, 3);
	uint32_t n = heif_get(&cursor, version > 0);
	while (box_next(heif, &cursor, &box)) {
		int r = read_entry(heif, &box);
		if (r < 0)
			return r;
	}
	return cursor.failed || version > 1 || n != heif->n_items ? clean_refuse(heif->clean, "its list of parts is not understood") : 0;
}

/* A thumbnail is an image that refers to the one that it is of. */
static int read_references(struct heif *heif, bool dropping)
{
	struct cursor cursor = cursor_from(heif->iref.payload.data, heif->iref.payload.size);
	struct box box;
	if (heif->iref.size == 0)
		return 0;
	bool wide = cursor_get_u8(&cursor) > 0;
	cursor_get_bytes(&cursor, 3);
	while (box_next(heif, &cursor, &box)) {
		struct cursor reference = cursor_from(box.payload.data, box.payload.size);
		struct heif_item *from = heif_item_find(heif, heif_get(&reference, wide));
		if (reference.failed || from == NULL)
			return clean_refuse(heif->clean, "its parts refer to what is not there");
		if (dropping && box_is(&box, "thmb") && from->id != heif->primary) {
			from->is_dropped = true;
			heif->clean->removed |= CLEAN_THUMBNAIL;
		}
		for (unsigned n = dropping || from->is_dropped ? 0 : cursor_get_u16(&reference); n > 0 && !reference.failed; n--) {
			struct heif_item *to = heif_item_find(heif, heif_get(&reference, wide));
			if (box_is(&box, "dimg") && (to == NULL || to->is_dropped))
				return clean_refuse(heif->clean, "its picture is put together from parts that are not understood");
		}
	}
	return cursor.failed ? clean_refuse(heif->clean, "its parts refer to what is not there") : 0;
}

int heif_read_items(struct heif *heif)
{
	int r = read_infos(heif);
	struct heif_item *primary = r == 0 ? heif_item_find(heif, heif->primary) : NULL;
	if (r == 0 && (primary == NULL || primary->is_dropped))
		r = clean_refuse(heif->clean, "its picture is of a kind that is not known here");
	if (r == 0)
		r = read_references(heif, true);
	return r == 0 ? read_references(heif, false) : r;
}

struct place_sizes { uint8_t version, offset, length, base, index; };

static uint64_t get_sized(struct cursor *cursor, uint8_t size)
{
	return size == 0 ? 0 : size == 4 ? cursor_get_u32(cursor) : cursor_get_u64(cursor);
}

static bool is_size(uint8_t size)
{
	return size == 0 || size == 4 || size == 8;
}

static struct place_sizes read_sizes(struct cursor *cursor)
{
	struct place_sizes sizes = { .version = cursor_get_u8(cursor) };
	cursor_get_bytes(cursor, 3);
	uint8_t first = cursor_get_u8(cursor), second = cursor_get_u8(cursor);
	sizes.offset = first >> 4;
	sizes.length = first & 15;
	sizes.base = second >> 4;
	sizes.index = sizes.version > 0 ? second & 15 : 0;
	if (sizes.version > 2 || !is_size(sizes.offset) || !is_size(sizes.length) || !is_size(sizes.base) || !is_size(sizes.index))
		cursor_fail(cursor);
	return sizes;
}

size_t heif_places_start(const struct heif *heif)
{
	return 6 + (heif->iloc.payload.data[0] == 2 ? 4 : 2);
}

/* A stretch of the file, which must lie in one of its mdat boxes, or of idat. */
static bool extent_find(const struct heif *heif, unsigned method, uint64_t offset, uint64_t length, struct span *ret_extent)
{
	struct span file = heif->clean->file;
	if (method == 1) {
		struct span idat = heif->idat.payload;
		if (heif->idat.size == 0 || offset > idat.size || length > idat.size - offset)
			return false;
		*ret_extent = (struct span){ idat.data + offset, (size_t)length };
		return true;
	}
	for (unsigned i = 0; method == 0 && i < heif->n_mdat; i++) {
		struct span mdat = heif->mdat[i].payload;
		uint64_t start = (uint64_t)(mdat.data - file.data);
		if (offset >= start && offset - start <= mdat.size && length <= mdat.size - (offset - start)) {
			*ret_extent = (struct span){ file.data + offset, (size_t)length };
			return true;
		}
	}
	return false;
}

static int walk_entry(struct heif *heif, struct cursor *cursor, const struct place_sizes *sizes, const struct heif_walk *walk)
{
	const uint8_t *start = cursor->at;
	struct heif_place place = { .id = heif_get(cursor, sizes->version == 2) };
	place.method = sizes->version > 0 ? cursor_get_u16(cursor) & 15 : 0;
	uint16_t elsewhere = cursor_get_u16(cursor);
	uint64_t base = get_sized(cursor, sizes->base);
	place.n_extents = cursor_get_u16(cursor);
	for (unsigned i = 0; i < place.n_extents && !cursor->failed; i++) {
		get_sized(cursor, sizes->index);
		uint64_t offset = get_sized(cursor, sizes->offset), length = get_sized(cursor, sizes->length);
		struct span extent;
		if (cursor->failed || elsewhere != 0 || length == 0 || offset > UINT64_MAX - base || !extent_find(heif, place.method, base + offset, length, &extent))
			return clean_refuse(heif->clean, "where its parts lie is not understood");
		int r = walk->extent_fn != NULL ? walk->extent_fn(heif, &place, extent, walk->arg) : 0;
		if (r < 0)
			return r;
	}
	if (cursor->failed)
		return clean_refuse(heif->clean, "where its parts lie is not understood");
	return walk->entry_fn != NULL ? walk->entry_fn(heif, &place, (struct span){ start, (size_t)(cursor->at - start) }, walk->arg) : 0;
}

int heif_walk_places(struct heif *heif, const struct heif_walk *walk)
{
	struct cursor cursor = cursor_from(heif->iloc.payload.data, heif->iloc.payload.size);
	struct place_sizes sizes = read_sizes(&cursor);
	uint32_t n = heif_get(&cursor, sizes.version == 2);
	int r = 0;
	if (cursor.failed || n > HEIF_MAX_ITEMS)
		return clean_refuse(heif->clean, "where its parts lie is not understood");
	for (uint32_t i = 0; r == 0 && i < n; i++)
		r = walk_entry(heif, &cursor, &sizes, walk);
	return r;
}

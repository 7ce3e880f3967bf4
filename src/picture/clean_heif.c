/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * HEIC and AVIF: of the items, the images stay, and of the file's bytes those that they name; the rest becomes zeros in place, so that nothing moves. Which
 * way is up (irot, imir) and colours are properties of the images, and stay. */
#include "picture/heif.h"

#include "base/error.h"
#include "base/util.h"

#include <stdlib.h>
#include <string.h>

#define NOT_UNDERSTOOD "its structure is not understood"

static const char kept_properties[][5] = {
	"ispe", "hvcC", "lhvC", "av1C", "avcC", "vvcC", "jpgC", "j2kH", "colr", "pixi", "irot", "imir", "clap", "pasp", "auxC", "clli", "mdcv", "cclv", "amve",
	"a1op", "a1lx", "lsel", "oinf", "tols", "rloc", "iscl", "ster", "free",
};

static uint8_t *out_at(const struct heif *heif, size_t at)
{
	return heif->clean->out.data + at;
}

static void put_bytes(const struct heif *heif, size_t at, struct span bytes)
{
	if (bytes.size > 0)
		memcpy(out_at(heif, at), bytes.data, bytes.size);
}

static void put_u32(const struct heif *heif, size_t at, uint32_t value)
{
	struct builder builder = builder_from(out_at(heif, at), 4);
	builder_put_u32(&builder, value);
}

/* The header of a box as it was, its payload zeros. */
static void put_header(const struct heif *heif, const struct box *box, size_t at)
{
	put_bytes(heif, at, (struct span){ heif->clean->file.data + box->at, box->size - box->payload.size });
}

static void put_blank(const struct heif *heif, const struct box *box, size_t at)
{
	put_header(heif, box, at);
	memcpy(out_at(heif, at + 4), "free", 4);
}

static void put_whole(const struct heif *heif, const struct box *box, size_t at)
{
	put_bytes(heif, at, (struct span){ heif->clean->file.data + box->at, box->size });
}

static bool is_dropped(const struct heif *heif, uint32_t id)
{
	const struct heif_item *item = heif_item_find(heif, id);
	return item == NULL || item->is_dropped;
}

/* Each of these writes a child of meta at `at` and returns the size that it has now. */

static size_t put_infos(struct heif *heif, size_t at)
{
	const struct box *iinf = &heif->iinf;
	struct cursor cursor = cursor_from(iinf->payload.data, iinf->payload.size);
	bool wide = cursor_get_u8(&cursor) > 0;
	size_t count = iinf->size - iinf->payload.size + 4, size = count + (wide ? 4 : 2);
	uint32_t n = 0;
	struct box box;
	put_bytes(heif, at, (struct span){ heif->clean->file.data + iinf->at, size });
	cursor_get_bytes(&cursor, wide ? 7 : 5);
	for (unsigned i = 0; box_next(heif, &cursor, &box); i++) {
		size_t fixed = (box.size - box.payload.size) + (box.payload.data[0] == 3 ? 14 : 12);
		if (heif->items[i].is_dropped)
			continue;
		/* The name is a text that somebody wrote: it stays zeros. */
		put_bytes(heif, at + size, (struct span){ heif->clean->file.data + box.at, fixed });
		size += box.size;
		n++;
	}
	if (wide)
		put_u32(heif, at + count, n);
	else
		memcpy(out_at(heif, at + count), (uint8_t[]){ (uint8_t)(n >> 8), (uint8_t)n }, 2);
	put_u32(heif, at, (uint32_t)size);
	return size;
}

struct placing { size_t at; uint32_t n; };

static int place_entry(struct heif *heif, const struct heif_place *place, struct span entry, void *arg)
{
	struct placing *placing = arg;
	if (is_dropped(heif, place->id))
		return 0;
	put_bytes(heif, placing->at, entry);
	placing->at += entry.size;
	placing->n++;
	return 0;
}

static size_t put_places(struct heif *heif, size_t at)
{
	const struct box *iloc = &heif->iloc;
	size_t header = iloc->size - iloc->payload.size, start = heif_places_start(heif);
	struct placing placing = { .at = at + header + start };
	put_bytes(heif, at, (struct span){ heif->clean->file.data + iloc->at, header + start });
	heif_walk_places(heif, &(struct heif_walk){ .entry_fn = place_entry, .arg = &placing });
	uint8_t count[] = { (uint8_t)(placing.n >> 24), (uint8_t)(placing.n >> 16), (uint8_t)(placing.n >> 8), (uint8_t)placing.n };
	size_t width = start - 6;
	memcpy(out_at(heif, at + header + 6), count + 4 - width, width);
	put_u32(heif, at, (uint32_t)(placing.at - at));
	return placing.at - at;
}

static size_t put_references(struct heif *heif, size_t at)
{
	const struct box *iref = &heif->iref;
	struct cursor cursor = cursor_from(iref->payload.data, iref->payload.size);
	size_t size = iref->size - iref->payload.size + 4;
	struct box box;
	put_bytes(heif, at, (struct span){ heif->clean->file.data + iref->at, size });
	bool wide = cursor_get_u8(&cursor) > 0;
	cursor_get_bytes(&cursor, 3);
	while (box_next(heif, &cursor, &box)) {
		struct cursor reference = cursor_from(box.payload.data, box.payload.size);
		bool drop = is_dropped(heif, heif_get(&reference, wide));
		for (unsigned n = cursor_get_u16(&reference); n > 0 && !reference.failed && !drop; n--)
			drop = is_dropped(heif, heif_get(&reference, wide));
		if (drop || reference.failed)
			continue;
		put_whole(heif, &box, at + size);
		size += box.size;
	}
	put_u32(heif, at, (uint32_t)size);
	return size;
}

static bool is_kept_property(const struct box *box)
{
	for (size_t i = 0; i < ARRAY_SIZE(kept_properties); i++) {
		if (box_is(box, kept_properties[i]))
			return true;
	}
	return false;
}

/* Properties are named by their place in the list, so those that go leave a blank. */
static int put_properties(struct heif *heif, const struct box *ipco, size_t at)
{
	struct cursor cursor = cursor_from(ipco->payload.data, ipco->payload.size);
	size_t child = at + ipco->size - ipco->payload.size;
	struct box box;
	put_header(heif, ipco, at);
	for (unsigned index = 1; box_next(heif, &cursor, &box); index++, child += box.size) {
		if (index > HEIF_MAX_PROPERTIES)
			return clean_refuse(heif->clean, NOT_UNDERSTOOD);
		heif->is_blank[index] = !is_kept_property(&box);
		heif->is_turn[index] = box_is(&box, "irot") && box.payload.size > 0 && box.payload.data[0] & 1;
		if (heif->is_blank[index]) {
			put_blank(heif, &box, child);
			heif->clean->removed |= CLEAN_PRIVATE;
		} else if (!box_is(&box, "free")) {
			put_whole(heif, &box, child);
		} else {
			put_blank(heif, &box, child);
		}
	}
	return cursor.failed ? clean_refuse(heif->clean, NOT_UNDERSTOOD) : 0;
}

/* A property that a viewer must know cannot be left out. */
static bool needs_blank(struct heif *heif, struct cursor *cursor, bool wide, bool is_primary)
{
	uint16_t association = wide ? cursor_get_u16(cursor) : cursor_get_u8(cursor);
	unsigned index = association & (wide ? 0x7fff : 0x7f);
	if (is_primary && index <= HEIF_MAX_PROPERTIES && heif->is_turn[index])
		heif->clean->orientation = 6;
	return association & (wide ? 0x8000 : 0x80) && index <= HEIF_MAX_PROPERTIES && heif->is_blank[index];
}

static int put_associations(struct heif *heif, const struct box *ipma, size_t at, size_t *ret_size)
{
	struct cursor cursor = cursor_from(ipma->payload.data, ipma->payload.size);
	bool wide_id = cursor_get_u8(&cursor) > 0;
	bool wide = (cursor_get_bytes(&cursor, 2), cursor_get_u8(&cursor)) & 1;
	size_t count = ipma->size - ipma->payload.size + 4, size = count + 4;
	uint32_t n = cursor_get_u32(&cursor), n_kept = 0;
	put_bytes(heif, at, (struct span){ heif->clean->file.data + ipma->at, cursor.failed ? 0 : size });
	for (uint32_t i = 0; i < n && !cursor.failed; i++) {
		const uint8_t *start = cursor.at;
		uint32_t id = heif_get(&cursor, wide_id);
		bool drop = is_dropped(heif, id), missing = false;
		for (unsigned j = cursor_get_u8(&cursor); j > 0 && !cursor.failed; j--)
			missing = needs_blank(heif, &cursor, wide, id == heif->primary) || missing;
		if (drop || cursor.failed)
			continue;
		if (missing)
			return clean_refuse(heif->clean, "its picture has a property that is not known here");
		put_bytes(heif, at + size, (struct span){ start, (size_t)(cursor.at - start) });
		size += (size_t)(cursor.at - start);
		n_kept++;
	}
	if (!cursor_done(&cursor))
		return clean_refuse(heif->clean, NOT_UNDERSTOOD);
	put_u32(heif, at, (uint32_t)size);
	put_u32(heif, at + count, n_kept);
	*ret_size = size;
	return 0;
}

static int put_item_properties(struct heif *heif, size_t at, size_t *ret_size)
{
	const struct box *iprp = &heif->iprp;
	struct cursor cursor = cursor_from(iprp->payload.data, iprp->payload.size);
	size_t size = iprp->size - iprp->payload.size;
	struct box box;
	bool has_list = false;
	int r = 0;
	put_header(heif, iprp, at);
	while (r == 0 && box_next(heif, &cursor, &box)) {
		size_t taken = box.size;
		/* The list comes first, and once: what follows is about it. */
		if (box_is(&box, "ipco") && !has_list)
			r = put_properties(heif, &box, at + size);
		else if (box_is(&box, "ipma") && has_list)
			r = put_associations(heif, &box, at + size, &taken);
		else
			r = -SIS_ERR_BAD_FORMAT;
		has_list = true;
		size += taken;
	}
	if (r < 0 || cursor.failed)
		return clean_refuse(heif->clean, r < 0 && heif->clean->why != NULL ? heif->clean->why : NOT_UNDERSTOOD);
	put_u32(heif, at, (uint32_t)size);
	*ret_size = size;
	return 0;
}

struct target { size_t idat_at; };

static int copy_extent(struct heif *heif, const struct heif_place *place, struct span extent, void *arg)
{
	const struct target *target = arg;
	if (is_dropped(heif, place->id))
		return 0;
	size_t at = place->method == 1 ? target->idat_at + (size_t)(extent.data - heif->idat.payload.data) : (size_t)(extent.data - heif->clean->file.data);
	put_bytes(heif, at, extent);
	return 0;
}

static int put_child(struct heif *heif, const struct box *box, size_t at, size_t *ret_size, struct target *target)
{
	*ret_size = box->size;
	if (box_is(box, "iinf")) {
		*ret_size = put_infos(heif, at);
	} else if (box_is(box, "iloc")) {
		*ret_size = put_places(heif, at);
	} else if (box_is(box, "iref")) {
		*ret_size = put_references(heif, at);
	} else if (box_is(box, "iprp")) {
		return put_item_properties(heif, at, ret_size);
	} else if (box_is(box, "idat")) {
		put_header(heif, box, at);
		target->idat_at = at + box->size - box->payload.size;
	} else if (box_is(box, "hdlr") || box_is(box, "pitm") || box_is(box, "dinf") || box_is(box, "grpl")) {
		put_whole(heif, box, at);
	} else {
		heif->clean->removed |= box_is(box, "free") ? 0 : CLEAN_PRIVATE;
		put_blank(heif, box, at);
	}
	return 0;
}

/* What the children no longer need becomes a free box, so that no byte after them moves. */
static int put_meta(struct heif *heif)
{
	const struct box *meta = &heif->meta;
	struct cursor cursor = cursor_from(meta->payload.data, meta->payload.size);
	struct target target = { 0 };
	size_t at = meta->at + meta->size - meta->payload.size + 4, end = meta->at + meta->size;
	struct box box;
	put_bytes(heif, meta->at, (struct span){ heif->clean->file.data + meta->at, at - meta->at });
	cursor_get_bytes(&cursor, 4);
	while (box_next(heif, &cursor, &box)) {
		size_t size;
		int r = put_child(heif, &box, at, &size, &target);
		if (r < 0)
			return r;
		at += size;
	}
	if (end - at > 0 && end - at < 8)
		return clean_refuse(heif->clean, NOT_UNDERSTOOD);
	if (end - at > 0) {
		put_u32(heif, at, (uint32_t)(end - at));
		memcpy(out_at(heif, at + 4), "free", 4);
	}
	return heif_walk_places(heif, &(struct heif_walk){ .extent_fn = copy_extent, .arg = &target });
}

/* One of each, with 32-bit sizes: they get new ones. */
static int take_child(struct heif *heif, const struct box *box)
{
	struct { const char *type; struct box *box; } children[] = {
		{ "iinf", &heif->iinf }, { "iloc", &heif->iloc }, { "iref", &heif->iref }, { "iprp", &heif->iprp }, { "idat", &heif->idat },
	};
	for (size_t i = 0; i < ARRAY_SIZE(children); i++) {
		if (!box_is(box, children[i].type))
			continue;
		if (children[i].box->size != 0 || box->size - box->payload.size != 8 || (heif->clean->file.data[box->at] | heif->clean->file.data[box->at + 1] |
		    heif->clean->file.data[box->at + 2] | heif->clean->file.data[box->at + 3]) == 0)
			return clean_refuse(heif->clean, NOT_UNDERSTOOD);
		*children[i].box = *box;
	}
	if (box_is(box, "pitm")) {
		struct cursor cursor = cursor_from(box->payload.data, box->payload.size);
		bool wide = cursor_get_u8(&cursor) > 0;
		cursor_get_bytes(&cursor, 3);
		heif->primary = heif_get(&cursor, wide);
	}
	return 0;
}

static int read_meta(struct heif *heif)
{
	struct cursor cursor = cursor_from(heif->meta.payload.data, heif->meta.payload.size);
	struct box box;
	int r = 0;
	cursor_get_bytes(&cursor, 4);
	while (r == 0 && box_next(heif, &cursor, &box))
		r = take_child(heif, &box);
	if (r < 0 || cursor.failed || heif->iinf.size == 0 || heif->iloc.payload.size < 8 || heif->iprp.size == 0)
		return clean_refuse(heif->clean, NOT_UNDERSTOOD);
	return heif_read_items(heif);
}

/* The outermost boxes, all but meta written at once. */
static int take_box(struct heif *heif, const struct box *box)
{
	if (box_is(box, "ftyp")) {
		put_whole(heif, box, box->at);
	} else if (box_is(box, "meta") && heif->meta.size == 0) {
		heif->meta = *box;
	} else if (box_is(box, "mdat") && heif->n_mdat < ARRAY_SIZE(heif->mdat)) {
		heif->mdat[heif->n_mdat++] = *box;
		put_header(heif, box, box->at);
	} else if (box_is(box, "moov") || box_is(box, "moof") || box_is(box, "meta") || box_is(box, "mdat")) {
		return clean_refuse(heif->clean, "it is an image sequence or a video");
	} else {
		heif->clean->removed |= box_is(box, "free") || box_is(box, "skip") ? 0 : CLEAN_PRIVATE;
		put_blank(heif, box, box->at);
	}
	return 0;
}

static int look_extent(struct heif *heif, const struct heif_place *place, struct span extent, void *arg)
{
	const struct heif_item *item = heif_item_find(heif, place->id);
	struct cursor cursor = cursor_from(extent.data, extent.size);
	if (item == NULL || memcmp(item->type, "Exif", 4) != 0)
		return 0;
	cursor_get_bytes(&cursor, cursor_get_u32(&cursor));
	exif_look(heif->clean, (struct span){ cursor.at, cursor_left(&cursor) });
	return 0;
}

static int clean_boxes(struct heif *heif)
{
	struct cursor cursor = heif->clean->in;
	struct box box;
	int r = 0;
	while (r == 0 && box_next(heif, &cursor, &box))
		r = take_box(heif, &box);
	if (r == 0 && (cursor.failed || heif->meta.size == 0))
		r = clean_refuse(heif->clean, NOT_UNDERSTOOD);
	if (r == 0)
		r = read_meta(heif);
	if (r == 0)
		r = heif_walk_places(heif, &(struct heif_walk){ .extent_fn = look_extent });
	heif->clean->orientation = 0;                   /* what its Exif says does not count */
	return r == 0 ? put_meta(heif) : r;
}

int clean_heif(struct clean *clean)
{
	CLEANUP_FREE struct heif *heif = calloc(1, sizeof(*heif));
	CLEANUP_FREE struct heif_item *items = calloc(HEIF_MAX_ITEMS, sizeof(*items));
	if (heif == NULL || items == NULL)
		return -SIS_ERR_NO_MEMORY;
	heif->clean = clean;
	heif->items = items;
	memset(clean->out.data, 0, clean->file.size);
	clean->out.size = clean->file.size;
	clean->why = NOT_UNDERSTOOD;
	return clean_boxes(heif);
}

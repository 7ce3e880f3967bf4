/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * HEIC and AVIF: of the items, the images stay, and of the file's bytes those that they name; the rest becomes zeros in place, so that nothing moves. Which
 * way is up (irot, imir) and colours are properties of the images, and stay. */
#include "picture/heif.h"

#include "base/error.h"
#include "base/util.h"

#include <stdlib.h>
#include <string.h>

struct target { size_t idat_at; };

static int copy_extent(struct heif *heif, const struct heif_place *place, struct span extent, void *arg)
{
	const struct target *target = arg;
	if (heif_is_dropped(heif, place->id))
		return 0;
	size_t at = place->method == 1 ? target->idat_at + (size_t)(extent.data - heif->idat.payload.data) : (size_t)(extent.data - heif->clean->file.data);
	heif_put_bytes(heif, at, extent);
	return 0;
}

static int put_child(struct heif *heif, const struct box *box, size_t at, size_t *ret_size, struct target *target)
{
	*ret_size = box->size;
	if (box_is(box, "iinf")) {
		*ret_size = heif_put_infos(heif, at);
	} else if (box_is(box, "iloc")) {
		*ret_size = heif_put_places(heif, at);
	} else if (box_is(box, "iref")) {
		*ret_size = heif_put_references(heif, at);
	} else if (box_is(box, "iprp")) {
		return heif_put_item_properties(heif, at, ret_size);
	} else if (box_is(box, "idat")) {
		heif_put_header(heif, box, at);
		target->idat_at = at + box->size - box->payload.size;
	} else if (box_is(box, "hdlr") || box_is(box, "pitm") || box_is(box, "dinf") || box_is(box, "grpl")) {
		heif_put_whole(heif, box, at);
	} else {
		heif->clean->removed |= box_is(box, "free") ? 0 : CLEAN_PRIVATE;
		heif_put_blank(heif, box, at);
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
	heif_put_bytes(heif, meta->at, (struct span){ heif->clean->file.data + meta->at, at - meta->at });
	cursor_get_bytes(&cursor, 4);
	while (box_next(heif, &cursor, &box)) {
		size_t size;
		int r = put_child(heif, &box, at, &size, &target);
		if (r < 0)
			return r;
		at += size;
	}
	if (end - at > 0 && end - at < 8)
		return clean_refuse(heif->clean, HEIF_NOT_UNDERSTOOD);
	if (end - at > 0) {
		heif_put_u32(heif, at, (uint32_t)(end - at));
		memcpy(heif_out_at(heif, at + 4), "free", 4);
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
		if (children[i].box->size != 0 || box->size - box->payload.size != 8)
			return clean_refuse(heif->clean, HEIF_NOT_UNDERSTOOD);
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
		return clean_refuse(heif->clean, HEIF_NOT_UNDERSTOOD);
	return heif_read_items(heif);
}

/* The outermost boxes, all but meta written at once. */
static int take_box(struct heif *heif, const struct box *box)
{
	if (box_is(box, "ftyp")) {
		heif_put_whole(heif, box, box->at);
	} else if (box_is(box, "meta") && heif->meta.size == 0) {
		heif->meta = *box;
	} else if (box_is(box, "mdat") && heif->n_mdat < ARRAY_SIZE(heif->mdat)) {
		heif->mdat[heif->n_mdat++] = *box;
		heif_put_header(heif, box, box->at);
	} else if (box_is(box, "moov") || box_is(box, "moof") || box_is(box, "meta") || box_is(box, "mdat")) {
		return clean_refuse(heif->clean, "it is an image sequence or a video");
	} else {
		heif->clean->removed |= box_is(box, "free") || box_is(box, "skip") ? 0 : CLEAN_PRIVATE;
		heif_put_blank(heif, box, box->at);
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
		r = clean_refuse(heif->clean, HEIF_NOT_UNDERSTOOD);
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
	clean->why = HEIF_NOT_UNDERSTOOD;
	return clean_boxes(heif);
}

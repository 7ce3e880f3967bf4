/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Writing the children of meta anew, without the items that go. */
#include "picture/heif.h"

#include "base/error.h"
#include "base/util.h"

#include <string.h>

static const char kept_properties[][5] = {
	"ispe", "hvcC", "lhvC", "av1C", "avcC", "vvcC", "jpgC", "j2kH", "colr", "pixi", "irot", "imir", "clap", "pasp", "auxC", "clli", "mdcv", "cclv", "amve",
	"a1op", "a1lx", "lsel", "oinf", "tols", "rloc", "iscl", "ster", "free",
};

uint8_t *heif_out_at(const struct heif *heif, size_t at)
{
	return heif->clean->out.data + at;
}

void heif_put_bytes(const struct heif *heif, size_t at, struct span bytes)
{
	if (bytes.size > 0)
		memcpy(heif_out_at(heif, at), bytes.data, bytes.size);
}

void heif_put_u32(const struct heif *heif, size_t at, uint32_t value)
{
	struct builder builder = builder_from(heif_out_at(heif, at), 4);
	builder_put_u32(&builder, value);
}

/* The header of a box as it was, its payload zeros. */
void heif_put_header(const struct heif *heif, const struct box *box, size_t at)
{
	heif_put_bytes(heif, at, (struct span){ heif->clean->file.data + box->at, box->size - box->payload.size });
}

void heif_put_blank(const struct heif *heif, const struct box *box, size_t at)
{
	heif_put_header(heif, box, at);
	memcpy(heif_out_at(heif, at + 4), "free", 4);
}

void heif_put_whole(const struct heif *heif, const struct box *box, size_t at)
{
	heif_put_bytes(heif, at, (struct span){ heif->clean->file.data + box->at, box->size });
}

bool heif_is_dropped(const struct heif *heif, uint32_t id)
{
	const struct heif_item *item = heif_item_find(heif, id);
	return item == NULL || item->is_dropped;
}

size_t heif_put_infos(struct heif *heif, size_t at)
{
	const struct box *iinf = &heif->iinf;
	struct cursor cursor = cursor_from(iinf->payload.data, iinf->payload.size);
	bool wide = cursor_get_u8(&cursor) > 0;
	size_t count = iinf->size - iinf->payload.size + 4, size = count + (wide ? 4 : 2);
	uint32_t n = 0;
	struct box box;
	heif_put_bytes(heif, at, (struct span){ heif->clean->file.data + iinf->at, size });
	cursor_get_bytes(&cursor, wide ? 7 : 5);
	for (unsigned i = 0; box_next(heif, &cursor, &box); i++) {
		size_t fixed = (box.size - box.payload.size) + (box.payload.data[0] == 3 ? 14 : 12);
		if (heif->items[i].is_dropped)
			continue;
		/* The name is a text that somebody wrote: it stays zeros. */
		heif_put_bytes(heif, at + size, (struct span){ heif->clean->file.data + box.at, fixed });
		size += box.size;
		n++;
	}
	if (wide)
		heif_put_u32(heif, at + count, n);
	else
		memcpy(heif_out_at(heif, at + count), (uint8_t[]){ (uint8_t)(n >> 8), (uint8_t)n }, 2);
	heif_put_u32(heif, at, (uint32_t)size);
	return size;
}

struct placing { size_t at; uint32_t n; };

static int place_entry(struct heif *heif, const struct heif_place *place, struct span entry, void *arg)
{
	struct placing *placing = arg;
	if (heif_is_dropped(heif, place->id))
		return 0;
	heif_put_bytes(heif, placing->at, entry);
	placing->at += entry.size;
	placing->n++;
	return 0;
}

size_t heif_put_places(struct heif *heif, size_t at)
{
	const struct box *iloc = &heif->iloc;
	size_t header = iloc->size - iloc->payload.size, start = heif_places_start(heif);
	struct placing placing = { .at = at + header + start };
	heif_put_bytes(heif, at, (struct span){ heif->clean->file.data + iloc->at, header + start });
	heif_walk_places(heif, &(struct heif_walk){ .entry_fn = place_entry, .arg = &placing });
	uint8_t count[] = { (uint8_t)(placing.n >> 24), (uint8_t)(placing.n >> 16), (uint8_t)(placing.n >> 8), (uint8_t)placing.n };
	size_t width = start - 6;
	memcpy(heif_out_at(heif, at + header + 6), count + 4 - width, width);
	heif_put_u32(heif, at, (uint32_t)(placing.at - at));
	return placing.at - at;
}

size_t heif_put_references(struct heif *heif, size_t at)
{
	const struct box *iref = &heif->iref;
	struct cursor cursor = cursor_from(iref->payload.data, iref->payload.size);
	size_t size = iref->size - iref->payload.size + 4;
	struct box box;
	heif_put_bytes(heif, at, (struct span){ heif->clean->file.data + iref->at, size });
	bool wide = cursor_get_u8(&cursor) > 0;
	cursor_get_bytes(&cursor, 3);
	while (box_next(heif, &cursor, &box)) {
		struct cursor reference = cursor_from(box.payload.data, box.payload.size);
		bool drop = heif_is_dropped(heif, heif_get(&reference, wide));
		for (unsigned n = cursor_get_u16(&reference); n > 0 && !reference.failed && !drop; n--)
			drop = heif_is_dropped(heif, heif_get(&reference, wide));
		if (drop || reference.failed)
			continue;
		heif_put_whole(heif, &box, at + size);
		size += box.size;
	}
	heif_put_u32(heif, at, (uint32_t)size);
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
	heif_put_header(heif, ipco, at);
	for (unsigned index = 1; box_next(heif, &cursor, &box); index++, child += box.size) {
		if (index > HEIF_MAX_PROPERTIES)
			return clean_refuse(heif->clean, HEIF_NOT_UNDERSTOOD);
		heif->is_blank[index] = !is_kept_property(&box);
		heif->is_turn[index] = box_is(&box, "irot") && box.payload.size > 0 && box.payload.data[0] & 1;
		if (heif->is_blank[index]) {
			heif_put_blank(heif, &box, child);
			heif->clean->removed |= CLEAN_PRIVATE;
		} else if (!box_is(&box, "free")) {
			heif_put_whole(heif, &box, child);
		} else {
			heif_put_blank(heif, &box, child);
		}
	}
	return cursor.failed ? clean_refuse(heif->clean, HEIF_NOT_UNDERSTOOD) : 0;
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
	heif_put_bytes(heif, at, (struct span){ heif->clean->file.data + ipma->at, cursor.failed ? 0 : size });
	for (uint32_t i = 0; i < n && !cursor.failed; i++) {
		const uint8_t *start = cursor.at;
		uint32_t id = heif_get(&cursor, wide_id);
		bool drop = heif_is_dropped(heif, id), missing = false;
		for (unsigned j = cursor_get_u8(&cursor); j > 0 && !cursor.failed; j--)
			missing = needs_blank(heif, &cursor, wide, id == heif->primary) || missing;
		if (drop || cursor.failed)
			continue;
		if (missing)
			return clean_refuse(heif->clean, "its picture has a property that is not known here");
		heif_put_bytes(heif, at + size, (struct span){ start, (size_t)(cursor.at - start) });
		size += (size_t)(cursor.at - start);
		n_kept++;
	}
	if (!cursor_done(&cursor))
		return clean_refuse(heif->clean, HEIF_NOT_UNDERSTOOD);
	heif_put_u32(heif, at, (uint32_t)size);
	heif_put_u32(heif, at + count, n_kept);
	*ret_size = size;
	return 0;
}

int heif_put_item_properties(struct heif *heif, size_t at, size_t *ret_size)
{
	const struct box *iprp = &heif->iprp;
	struct cursor cursor = cursor_from(iprp->payload.data, iprp->payload.size);
	size_t size = iprp->size - iprp->payload.size;
	struct box box;
	bool has_list = false;
	int r = 0;
	heif_put_header(heif, iprp, at);
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
		return clean_refuse(heif->clean, r < 0 && heif->clean->why != NULL ? heif->clean->why : HEIF_NOT_UNDERSTOOD);
	heif_put_u32(heif, at, (uint32_t)size);
	*ret_size = size;
	return 0;
}

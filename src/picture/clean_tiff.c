/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * TIFF 6.0: a new file of the same layout, into which only these come: directories reduced to the tags that say how to read the samples, the values of those
 * tags, and the strips or tiles that they name. All other bytes are zeros, whatever pointed to them. Raw pictures, which need their maker's tags, are refused. */
#include "picture/parts.h"

#include "base/error.h"
#include "base/util.h"

#include <stdlib.h>
#include <string.h>

#define ENTRY_BYTES 12u
#define MAX_DIRECTORIES 256u
#define MAX_RANGES 65536u

enum {
	TAG_SUBFILE = 254, TAG_COMPRESSION = 259, TAG_STRIPS = 273, TAG_STRIP_SIZES = 279, TAG_ORIENTATION = 274, TAG_TILES = 324, TAG_TILE_SIZES = 325, TAG_SUBDIRECTORIES = 330,
	TAG_DNG = 50706, OLD_JPEG = 6,
};

/* Ascending. */
static const uint16_t kept[] = {
	254, 255, 256, 257, 258, 259, 262, 263, 266, 273, 274, 277, 278, 279, 280, 281, 282, 283, 284, 290, 291, 292, 293, 296, 297, 301, 317, 318, 319, 320, 321,
	322, 323, 324, 325, 332, 334, 336, 338, 339, 340, 341, 347, 529, 530, 531, 532, 34675,
};
/* What the line says of those that go. */
static const struct { uint16_t tag; unsigned kind; } known[] = {
	{ 270, CLEAN_COMMENT }, { 269, CLEAN_COMMENT }, { 285, CLEAN_COMMENT }, { 271, CLEAN_CAMERA }, { 272, CLEAN_CAMERA }, { 305, CLEAN_CAMERA },
	{ 306, CLEAN_TIME }, { 315, CLEAN_CAMERA }, { 316, CLEAN_CAMERA }, { 700, CLEAN_XMP }, { 33723, CLEAN_IPTC }, { 34377, CLEAN_IPTC },
	{ 34665, CLEAN_CAMERA }, { 34853, CLEAN_GPS },
};

struct range { size_t start, end; bool is_directory; };

struct tiff {
	struct clean *clean;
	bool little;
	struct range *ranges;
	size_t n_ranges, max_ranges;
	uint64_t copied;
};

struct entry {
	uint16_t tag, type;
	uint32_t count;
	size_t at, value_at, value_size;        /* in the file */
};

static uint32_t get(const struct tiff *tiff, size_t at, unsigned size)
{
	struct cursor cursor = cursor_from(tiff->clean->file.data, tiff->clean->file.size);
	cursor_get_bytes(&cursor, at);
	uint32_t value = size == 1 ? cursor_get_u8(&cursor) : size == 2 ? (tiff->little ? cursor_get_le16(&cursor) : cursor_get_u16(&cursor))
	                                                               : (tiff->little ? cursor_get_le32(&cursor) : cursor_get_u32(&cursor));
	if (cursor.failed)
		cursor_fail(&tiff->clean->in);
	return value;
}

static void put(const struct tiff *tiff, size_t at, uint32_t value, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		tiff->clean->out.data[at + i] = (uint8_t)(value >> 8 * (tiff->little ? i : size - 1 - i));
}

/* The same bytes may be named twice, but not many times over. */
static int keep(struct tiff *tiff, size_t at, size_t size, bool is_directory)
{
	struct span file = tiff->clean->file;
	tiff->copied += size;
	if (at < 8 || at > file.size || size > file.size - at || tiff->n_ranges >= tiff->max_ranges || tiff->copied > 4 * (uint64_t)file.size)
		return clean_refuse(tiff->clean, "where its parts lie is not understood");
	tiff->ranges[tiff->n_ranges++] = (struct range){ at, at + size, is_directory };
	if (!is_directory)
		memcpy(tiff->clean->out.data + at, file.data + at, size);
	return 0;
}

static int get_entry(const struct tiff *tiff, size_t at, struct entry *ret_entry)
{
	static const uint8_t type_bytes[] = { 0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4 };
	struct entry entry = { (uint16_t)get(tiff, at, 2), (uint16_t)get(tiff, at + 2, 2), get(tiff, at + 4, 4), .at = at };
	if (entry.type == 0 || entry.type >= ARRAY_SIZE(type_bytes))
		return clean_refuse(tiff->clean, "it has values of a type that is not known here");
	uint64_t size = (uint64_t)entry.count * type_bytes[entry.type];
	if (size > tiff->clean->file.size)
		return clean_refuse(tiff->clean, "it is damaged or ends too early");
	entry.value_size = (size_t)size;
	entry.value_at = size <= 4 ? at + 8 : get(tiff, at + 8, 4);
	*ret_entry = entry;
	return 0;
}

static bool is_kept(uint16_t tag)
{
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
		if (kept[i] == tag)
			return true;
	}
	return false;
}

static uint32_t get_value(const struct tiff *tiff, const struct entry *entry, uint32_t index)
{
	unsigned size = entry->type == 3 ? 2 : entry->type == 4 ? 4 : 1;
	return index < entry->count ? get(tiff, entry->value_at + (size_t)index * size, size) : 0;
}

static int keep_strips(struct tiff *tiff, const struct entry *offsets, const struct entry *sizes)
{
	if (offsets->count != sizes->count || offsets->type < 3 || offsets->type > 4 || sizes->type < 3 || sizes->type > 4)
		return clean_refuse(tiff->clean, "where its strips or tiles lie is not understood");
	for (uint32_t i = 0; i < offsets->count; i++) {
		uint32_t size = get_value(tiff, sizes, i);
		int r = size > 0 ? keep(tiff, get_value(tiff, offsets, i), size, false) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

static void drop_entry(struct tiff *tiff, const struct entry *entry)
{
	unsigned kind = CLEAN_PRIVATE;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (known[i].tag == entry->tag)
			kind = known[i].kind;
	}
	tiff->clean->removed |= kind;
}

struct directory { struct entry strips, strip_sizes, tiles, tile_sizes; unsigned n_kept; };

static int take_entry(struct tiff *tiff, const struct entry *entry, size_t directory_at, struct directory *directory)
{
	struct { uint16_t tag; struct entry *entry; } special[] = {
		{ TAG_STRIPS, &directory->strips }, { TAG_STRIP_SIZES, &directory->strip_sizes }, { TAG_TILES, &directory->tiles },
		{ TAG_TILE_SIZES, &directory->tile_sizes },
	};
	if (entry->tag == TAG_SUBDIRECTORIES || entry->tag == TAG_DNG || (entry->tag == TAG_COMPRESSION && get_value(tiff, entry, 0) == OLD_JPEG))
		return clean_refuse(tiff->clean, "it is a camera's raw file or a TIFF of an old kind");
	if (!is_kept(entry->tag)) {
		drop_entry(tiff, entry);
		return 0;
	}
	uint32_t orientation = entry->tag == TAG_ORIENTATION ? get_value(tiff, entry, 0) : 0;
	if (tiff->clean->orientation == 0 && orientation <= 8)
		tiff->clean->orientation = orientation;
	for (size_t i = 0; i < ARRAY_SIZE(special); i++) {
		if (special[i].tag == entry->tag)
			*special[i].entry = *entry;
	}
	size_t at = directory_at + 2 + (size_t)directory->n_kept++ * ENTRY_BYTES;
	memcpy(tiff->clean->out.data + at, tiff->clean->file.data + entry->at, ENTRY_BYTES);
	/* What a value shorter than its place leaves over. */
	if (entry->value_size < 4)
		memset(tiff->clean->out.data + at + 8 + entry->value_size, 0, 4 - entry->value_size);
	return entry->value_size > 4 ? keep(tiff, entry->value_at, entry->value_size, false) : 0;
}

/* One directory; *at becomes the next one's place. */
static int take_directory(struct tiff *tiff, size_t *at)
{
	unsigned n = get(tiff, *at, 2);
	struct directory directory = { .n_kept = 0 };
	size_t next_at = *at + 2 + (size_t)n * ENTRY_BYTES;
	uint32_t next = get(tiff, next_at, 4);
	if (tiff->clean->in.failed)
		return clean_refuse(tiff->clean, "it is damaged or ends too early");
	for (unsigned i = 0; i < n; i++) {
		struct entry entry;
		int r = get_entry(tiff, *at + 2 + (size_t)i * ENTRY_BYTES, &entry);
		if (r == 0)
			r = take_entry(tiff, &entry, *at, &directory);
		if (r < 0)
			return r;
	}
	int r = keep_strips(tiff, &directory.strips, &directory.strip_sizes);
	if (r == 0 && directory.tiles.count > 0)
		r = keep_strips(tiff, &directory.tiles, directory.tile_sizes.count > 0 ? &directory.tile_sizes : &directory.strip_sizes);
	if (r < 0)
		return r;
	size_t end = *at + 2 + (size_t)directory.n_kept * ENTRY_BYTES;
	put(tiff, *at, directory.n_kept, 2);
	put(tiff, end, next, 4);
	r = keep(tiff, *at, end + 4 - *at, true);
	*at = next;
	return r;
}

static int range_compare(const void *a, const void *b)
{
	const struct range *left = a, *right = b;
	return left->start != right->start ? (left->start < right->start ? -1 : 1) : left->is_directory - right->is_directory;
}

/* No directory may lie in something else: it would not read the same twice. The file ends where the last thing does. */
static int check_ranges(struct tiff *tiff)
{
	size_t end = 8, directory_end = 8;
	qsort(tiff->ranges, tiff->n_ranges, sizeof(*tiff->ranges), range_compare);
	for (size_t i = 0; i < tiff->n_ranges; i++) {
		const struct range *range = &tiff->ranges[i];
		if (range->start < (range->is_directory ? end : directory_end))
			return clean_refuse(tiff->clean, "its parts overlap");
		if (range->is_directory)
			directory_end = range->end;
		if (range->end > end)
			end = range->end;
	}
	if (end < tiff->clean->file.size && tiff->clean->removed == 0)
		tiff->clean->removed |= CLEAN_TRAILER;
	tiff->clean->out.size = end;
	return 0;
}

static int clean_directories(struct tiff *tiff)
{
	size_t at = get(tiff, 4, 4);
	unsigned n = 0;
	int r = 0;
	for (; r == 0 && at != 0 && n < MAX_DIRECTORIES; n++)
		r = take_directory(tiff, &at);
	if (r == 0 && (at != 0 || n == 0 || tiff->clean->in.failed))
		r = clean_refuse(tiff->clean, "its list of pictures is not understood");
	return r == 0 ? check_ranges(tiff) : r;
}

int clean_tiff(struct clean *clean)
{
	/* Each is named by two bytes of the file at least. */
	size_t most = clean->file.size / 2 < MAX_RANGES ? clean->file.size / 2 : MAX_RANGES;
	CLEANUP_FREE struct range *ranges = calloc(most + 1, sizeof(*ranges));
	struct tiff tiff = { .clean = clean, .little = clean->file.data[0] == 'I', .ranges = ranges, .max_ranges = most };
	if (ranges == NULL)
		return -SIS_ERR_NO_MEMORY;
	if (clean->file.size < 16 || span_starts(span_after(clean->file, 8), "CR", 2))
		return clean_refuse(clean, "it is a camera's raw file or ends too early");
	memset(clean->out.data, 0, clean->file.size);
	memcpy(clean->out.data, clean->file.data, 8);
	return clean_directories(&tiff);
}

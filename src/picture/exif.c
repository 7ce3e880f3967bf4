/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Exif (CIPA DC-008, §4.6): looked at for which way is up and for the words that tell what was removed. Nothing of it is copied, so that a broken or
 * hostile one can at most be told of wrongly. */
#include "picture/parts.h"

#include <string.h>

#define ENTRY_BYTES 12u
enum { TAG_MAKE = 0x10f, TAG_MODEL = 0x110, TAG_ORIENTATION = 0x112, TAG_THUMBNAIL = 0x201, TAG_EXIF = 0x8769, TAG_GPS = 0x8825, TAG_MAKER_NOTE = 0x927c };

struct exif {
	struct clean *clean;
	struct span tiff;
	bool little;
};

static uint32_t get(const struct exif *exif, size_t at, unsigned size)
{
	struct cursor cursor = cursor_from(exif->tiff.data, exif->tiff.size);
	cursor_get_bytes(&cursor, at);
	if (size == 2)
		return exif->little ? cursor_get_le16(&cursor) : cursor_get_u16(&cursor);
	return exif->little ? cursor_get_le32(&cursor) : cursor_get_u32(&cursor);
}

static bool has_tag(const struct exif *exif, uint32_t directory, uint32_t tag, size_t *ret_entry)
{
	unsigned n = directory != 0 ? get(exif, directory, 2) : 0;
	for (unsigned i = 0; i < n; i++) {
		size_t entry = (size_t)directory + 2 + (size_t)i * ENTRY_BYTES;
		if (entry + ENTRY_BYTES > exif->tiff.size)
			return false;
		if (get(exif, entry, 2) == tag) {
			*ret_entry = entry;
			return true;
		}
	}
	return false;
}

/* The first block that tells wins, as in the libraries that show pictures. */
static void look_at_orientation(const struct exif *exif, uint32_t directory)
{
	size_t entry;
	if (!has_tag(exif, directory, TAG_ORIENTATION, &entry) || get(exif, entry + 2, 2) != 3)
		return;
	uint32_t orientation = get(exif, entry + 8, 2);
	if (exif->clean->orientation == 0 && orientation >= 1 && orientation <= 8)
		exif->clean->orientation = orientation;
}

static unsigned look_at_rest(const struct exif *exif, uint32_t directory)
{
	unsigned found = 0;
	size_t entry;
	uint32_t next = get(exif, (size_t)directory + 2 + (size_t)get(exif, directory, 2) * ENTRY_BYTES, 4);
	if (has_tag(exif, directory, TAG_MAKE, &entry) || has_tag(exif, directory, TAG_MODEL, &entry))
		found |= CLEAN_CAMERA;
	if (has_tag(exif, next, TAG_THUMBNAIL, &entry))
		found |= CLEAN_THUMBNAIL;
	if (has_tag(exif, directory, TAG_GPS, &entry))
		found |= CLEAN_GPS;
	if (has_tag(exif, directory, TAG_EXIF, &entry)) {
		found |= CLEAN_CAMERA;
		if (has_tag(exif, get(exif, entry + 8, 4), TAG_MAKER_NOTE, &entry))
			found |= CLEAN_MAKER;
	}
	return found != 0 ? found : CLEAN_EXIF;
}

void exif_look(struct clean *clean, struct span tiff)
{
	struct exif exif = { clean, tiff, span_starts(tiff, "II", 2) };
	uint8_t own[EXIF_ORIENTATION_BYTES];
	if (!exif.little && !span_starts(tiff, "MM", 2)) {
		clean->removed |= CLEAN_EXIF;
		return;
	}
	uint32_t directory = get(&exif, 4, 4);
	unsigned before = clean->orientation;
	look_at_orientation(&exif, directory);
	/* What we wrote ourselves is nothing to speak of. */
	if (before != 0 || exif_orientation(clean, own) != tiff.size || memcmp(own, tiff.data, tiff.size) != 0)
		clean->removed |= look_at_rest(&exif, directory);
}

size_t exif_orientation(const struct clean *clean, uint8_t ret_tiff[EXIF_ORIENTATION_BYTES])
{
	struct builder tiff = builder_from(ret_tiff, EXIF_ORIENTATION_BYTES);
	if (clean->orientation <= 1)
		return 0;
	builder_put_bytes(&tiff, "MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0", 19);
	builder_put_u8(&tiff, (uint8_t)clean->orientation);
	builder_put_bytes(&tiff, "\0\0\0\0\0\0", 6);
	return tiff.size;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What kind of image the first bytes of a file look like. The answer is a label for people, never a reason to trust the bytes. */
#include "format/manifest.h"

#include "base/util.h"

#include <string.h>

struct pixels { uint32_t width, height; };

static uint32_t get_le16(struct span data, size_t at)
{
	return at + 2 <= data.size ? (uint32_t)(data.data[at] | data.data[at + 1] << 8) : 0;
}

static uint32_t get_le32(struct span data, size_t at)
{
	return get_le16(data, at) | get_le16(data, at + 2) << 16;
}

static uint32_t get_be16(struct span data, size_t at)
{
	return at + 2 <= data.size ? (uint32_t)(data.data[at] << 8 | data.data[at + 1]) : 0;
}

static uint32_t get_be32(struct span data, size_t at)
{
	return get_be16(data, at) << 16 | get_be16(data, at + 2);
}

static bool has_bytes(struct span data, size_t at, const char *bytes, size_t size)
{
	return at <= data.size && size <= data.size - at && !memcmp(data.data + at, bytes, size);
}

/* SOF0 to SOF15 without DHT (C4), JPG (C8) and DAC (CC). */
static bool is_frame_marker(uint8_t marker)
{
	return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

static void measure_jpeg(struct span data, struct pixels *ret_pixels)
{
	for (size_t at = 2; at + 4 <= data.size;) {
		const uint8_t marker = data.data[at + 1];

		if (data.data[at] != 0xff)
			return;
		if (marker == 0xff) {                   /* fill byte */
			at++;
			continue;
		}
		if (is_frame_marker(marker)) {
			*ret_pixels = (struct pixels){ get_be16(data, at + 7), get_be16(data, at + 5) };
			return;
		}
		if (marker == 0xda || marker == 0xd9)   /* scan data, or the end, before any frame */
			return;
		at += 2 + (marker == 0x01 || (marker >= 0xd0 && marker <= 0xd7) ? 0 : get_be16(data, at + 2));
	}
}

static void measure_png(struct span data, struct pixels *ret_pixels)
{
	if (has_bytes(data, 12, "IHDR", 4))
		*ret_pixels = (struct pixels){ get_be32(data, 16), get_be32(data, 20) };
}

static void measure_gif(struct span data, struct pixels *ret_pixels)
{
	*ret_pixels = (struct pixels){ get_le16(data, 6), get_le16(data, 8) };
}

static void measure_bmp(struct span data, struct pixels *ret_pixels)
{
	const uint32_t height = get_le32(data, 22);

	if (get_le32(data, 14) < 40)                    /* the OS/2 header has 16-bit fields */
		*ret_pixels = (struct pixels){ get_le16(data, 18), get_le16(data, 20) };
	else                                            /* a negative height means top-down rows */
		*ret_pixels = (struct pixels){ get_le32(data, 18), height > INT32_MAX ? 0 - height : height };
}

static void measure_webp(struct span data, struct pixels *ret_pixels)
{
	if (has_bytes(data, 12, "VP8 ", 4) && has_bytes(data, 23, "\x9d\x01\x2a", 3)) {
		*ret_pixels = (struct pixels){ get_le16(data, 26) & 0x3fff, get_le16(data, 28) & 0x3fff };
	} else if (has_bytes(data, 12, "VP8L", 4) && data.size >= 25 && data.data[20] == 0x2f) {
		const uint32_t bits = get_le32(data, 21);

		*ret_pixels = (struct pixels){ (bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1 };
	} else if (has_bytes(data, 12, "VP8X", 4) && data.size >= 30) {
		*ret_pixels = (struct pixels){ (get_le32(data, 24) & 0xffffff) + 1, (get_le32(data, 26) >> 8 & 0xffffff) + 1 };
	}
}

/* The largest "ispe" box: an image's tiles and thumbnails have smaller ones. */
static void measure_heif(struct span data, struct pixels *ret_pixels)
{
	for (size_t at = 0; at + 16 <= data.size; at++) {
		const uint8_t *hit = memmem(data.data + at, data.size - at, "ispe\0\0\0\0", 8);
		struct pixels pixels;

		if (!hit)
			return;
		at = (size_t)(hit - data.data);
		pixels = (struct pixels){ get_be32(data, at + 8), get_be32(data, at + 12) };
		if ((uint64_t)pixels.width * pixels.height > (uint64_t)ret_pixels->width * ret_pixels->height)
			*ret_pixels = pixels;
	}
}

/* Tags 256 and 257 of the first directory, if it lies in what was read. */
static void measure_tiff(struct span data, struct pixels *ret_pixels)
{
	const bool little = data.data[0] == 'I';
	uint32_t (*const get16)(struct span, size_t) = little ? get_le16 : get_be16;
	uint32_t (*const get32)(struct span, size_t) = little ? get_le32 : get_be32;
	const size_t directory = get32(data, 4);
	const uint32_t n_entries = get16(data, directory);

	for (uint32_t i = 0; i < n_entries; i++) {
		const size_t entry = directory + 2 + (size_t)i * 12;
		const uint32_t tag = get16(data, entry);
		const uint32_t value = get16(data, entry + 2) == 3 ? get16(data, entry + 8) : get32(data, entry + 8);

		if (entry + 12 > data.size)
			return;
		if (tag == 256)
			ret_pixels->width = value;
		if (tag == 257)
			ret_pixels->height = value;
	}
}

#define BYTES(text) text, sizeof(text) - 1

static const struct kind {
	const char *media_type;
	size_t first_at;
	const char *first;
	size_t first_size;
	size_t then_at;
	const char *then;                       /* NULL: the first is enough */
	size_t then_size;
	void (*measure)(struct span data, struct pixels *ret_pixels);
} kinds[] = {
	{ "image/jpeg", 0, BYTES("\xff\xd8\xff"), 0, NULL, 0, measure_jpeg },
	{ "image/png",  0, BYTES("\x89PNG\r\n\x1a\n"), 0, NULL, 0, measure_png },
	{ "image/gif",  0, BYTES("GIF87a"), 0, NULL, 0, measure_gif },
	{ "image/gif",  0, BYTES("GIF89a"), 0, NULL, 0, measure_gif },
	{ "image/webp", 0, BYTES("RIFF"), 8, BYTES("WEBP"), measure_webp },
	{ "image/avif", 4, BYTES("ftypavif"), 0, NULL, 0, measure_heif },
	{ "image/avif", 4, BYTES("ftypavis"), 0, NULL, 0, measure_heif },
	{ "image/heic", 4, BYTES("ftyphei"), 0, NULL, 0, measure_heif },       /* heic, heix, heim, heis */
	{ "image/heic", 4, BYTES("ftyphev"), 0, NULL, 0, measure_heif },       /* hevc, hevx, hevm, hevs */
	{ "image/avif", 4, BYTES("ftypmif1"), 16, BYTES("avif"), measure_heif },
	{ "image/heif", 4, BYTES("ftypmif1"), 0, NULL, 0, measure_heif },
	{ "image/heif", 4, BYTES("ftypmsf1"), 0, NULL, 0, measure_heif },
	{ "image/tiff", 0, BYTES("II*\0"), 0, NULL, 0, measure_tiff },
	{ "image/tiff", 0, BYTES("MM\0*"), 0, NULL, 0, measure_tiff },
	{ "image/bmp",  0, BYTES("BM"), 6, BYTES("\0\0\0\0"), measure_bmp },
};

bool media_recognise(const void *data, size_t size, const char **ret_media_type, uint32_t *ret_width, uint32_t *ret_height)
{
	const struct span bytes = { data, size };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		const struct kind *kind = &kinds[i];
		struct pixels pixels = { 0 };

		if (!has_bytes(bytes, kind->first_at, kind->first, kind->first_size) ||
		    (kind->then && !has_bytes(bytes, kind->then_at, kind->then, kind->then_size)))
			continue;
		kind->measure(bytes, &pixels);
		*ret_media_type = kind->media_type;
		*ret_width = pixels.width;
		*ret_height = pixels.height;
		return true;
	}
	return false;
}

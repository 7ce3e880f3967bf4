/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * PNG (W3C PNG third edition, §5 and §11): the critical chunks, those that tell colours, transparency and pixel size, and an animation's. Each
 * stays with the check sum that it had. */
#include "picture/parts.h"

#include <string.h>

#define SIGNATURE_BYTES 8u
#define HEADER_END (SIGNATURE_BYTES + 12u + 13u)

static const char kept[][5] = {
	"IHDR", "PLTE", "IDAT", "tRNS", "gAMA", "cHRM", "sRGB", "iCCP", "cICP", "mDCV", "cLLI", "sBIT", "bKGD", "pHYs", "acTL", "fcTL", "fdAT",
};
static const struct { char type[5]; unsigned kind; } known[] = {
	{ "tEXt", CLEAN_COMMENT }, { "zTXt", CLEAN_COMMENT }, { "iTXt", CLEAN_COMMENT }, { "tIME", CLEAN_TIME },
};

static bool is_kept(struct span type)
{
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		if (memcmp(kept[i], type.data, 4) == 0)
			return true;
	}
	return false;
}

static void drop_chunk(struct clean *clean, struct span type, struct span data)
{
	if (memcmp(type.data, "eXIf", 4) == 0) {
		exif_look(clean, data);
		return;
	}
	if (span_starts(data, "XML:com.adobe.xmp", 17)) {
		clean->removed |= CLEAN_XMP;
		return;
	}
	unsigned kind = CLEAN_PRIVATE;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (memcmp(known[i].type, type.data, 4) == 0)
			kind = known[i].kind;
	}
	clean->removed |= kind;
}

static uint32_t crc32(const uint8_t *data, size_t size)
{
	uint32_t crc = 0xffffffff;
	for (size_t i = 0; i < size; i++) {
		crc ^= data[i];
		for (unsigned bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc;
}

static void insert_orientation(struct clean *clean)
{
	uint8_t tiff[EXIF_ORIENTATION_BYTES], chunk[12 + EXIF_ORIENTATION_BYTES];
	size_t size = exif_orientation(clean, tiff);
	struct builder builder = builder_from(chunk, sizeof(chunk));
	if (size == 0)
		return;
	builder_put_u32(&builder, (uint32_t)size);
	builder_put_bytes(&builder, "eXIf", 4);
	builder_put_bytes(&builder, tiff, size);
	builder_put_u32(&builder, crc32(chunk + 4, 4 + size));
	clean_insert(clean, HEADER_END, chunk, builder.size);
}

/* Returns whether it was the last. */
static int take_chunk(struct clean *clean, bool *ret_last)
{
	struct cursor whole = clean->in;
	uint32_t size = cursor_get_u32(&clean->in);
	struct span type = cursor_get_bytes(&clean->in, 4), data = cursor_get_bytes(&clean->in, size);
	cursor_get_bytes(&clean->in, 4);
	if (clean->in.failed)
		return clean_refuse(clean, "it is damaged or ends too early");
	*ret_last = memcmp(type.data, "IEND", 4) == 0;
	if (is_kept(type))
		clean_copy(clean, cursor_get_bytes(&whole, (size_t)size + 12));
	else if (!*ret_last && (type.data[0] & 0x20) == 0)
		return clean_refuse(clean, "it has a part that no PNG may have");
	else if (!*ret_last)
		drop_chunk(clean, type, data);
	return 0;
}

int clean_png(struct clean *clean)
{
	clean_copy(clean, cursor_get_bytes(&clean->in, SIGNATURE_BYTES));
	if (!span_starts((struct span){ clean->in.at, cursor_left(&clean->in) }, "\0\0\0\x0dIHDR", 8))
		return clean_refuse(clean, "it does not begin as a PNG must");
	for (bool last = false; !last;) {
		int r = take_chunk(clean, &last);
		if (r < 0)
			return r;
	}
	builder_put_bytes(&clean->out, "\0\0\0\0IEND\xae\x42\x60\x82", 12);
	if (cursor_left(&clean->in) > 0)
		clean->removed |= CLEAN_TRAILER;
	insert_orientation(clean);
	return 0;
}

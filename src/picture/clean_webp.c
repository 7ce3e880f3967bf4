/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * WebP (RFC 9649): the bitstreams, alpha, animation and colour profile; the flags of VP8X are made to tell what is left. */
#include "picture/parts.h"

#include <string.h>

enum { FLAG_ANIMATION = 0x02, FLAG_XMP = 0x04, FLAG_EXIF = 0x08, FLAG_ALPHA = 0x10, FLAG_ICC = 0x20 };
#define FRAME_HEADER_BYTES 16u

struct chunk { char type[5]; struct span data; };

static struct chunk get_chunk(struct cursor *cursor)
{
	struct chunk chunk = { "" };
	struct span type = cursor_get_bytes(cursor, 4);
	uint32_t size = cursor_get_le32(cursor);
	chunk.data = cursor_get_bytes(cursor, size);
	if (type.data != NULL)
		memcpy(chunk.type, type.data, 4);
	if (size % 2 == 1 && cursor_left(cursor) > 0)   /* some writers leave the last one's padding out */
		cursor_get_u8(cursor);
	return chunk;
}

static void put_le32(struct clean *clean, uint32_t value)
{
	builder_put_u32(&clean->out, __builtin_bswap32(value));
}

/* A size that is known only now. */
static void patch_le32(struct clean *clean, size_t at, size_t value)
{
	for (unsigned i = 0; i < 4 && !clean->out.failed; i++)
		clean->out.data[at + i] = (uint8_t)(value >> 8 * i);
}

static void put_chunk(struct clean *clean, const char *type, struct span data)
{
	builder_put_bytes(&clean->out, type, 4);
	put_le32(clean, (uint32_t)data.size);
	clean_copy(clean, data);
	if (data.size % 2 == 1)
		builder_put_u8(&clean->out, 0);
}

static bool is_one_of(const char *type, const char *list)
{
	for (; *list != '\0'; list += list[4] == '|' ? 5 : 4) {
		if (memcmp(list, type, 4) == 0)
			return true;
	}
	return false;
}

/* ANMF: a frame's place and its own chunks. */
static void take_frame(struct clean *clean, struct span data)
{
	struct cursor cursor = cursor_from(data.data, data.size);
	size_t start = clean->out.size;
	put_chunk(clean, "ANMF", cursor_get_bytes(&cursor, FRAME_HEADER_BYTES));
	while (!cursor.failed && cursor_left(&cursor) > 0) {
		struct chunk chunk = get_chunk(&cursor);
		if (is_one_of(chunk.type, "ALPH|VP8 |VP8L"))
			put_chunk(clean, chunk.type, chunk.data);
		else
			clean->removed |= CLEAN_PRIVATE;
	}
	if (cursor.failed)
		cursor_fail(&clean->in);
	patch_le32(clean, start + 4, clean->out.size - start - 8);
}

static void drop_chunk(struct clean *clean, const struct chunk *chunk)
{
	if (memcmp(chunk->type, "EXIF", 4) == 0)
		exif_look(clean, span_starts(chunk->data, "Exif\0\0", 6) ? span_after(chunk->data, 6) : chunk->data);
	else
		clean->removed |= memcmp(chunk->type, "XMP ", 4) == 0 ? CLEAN_XMP : CLEAN_PRIVATE;
}

/* Returns whether it was an image, or a part of one. The simple form has nothing but the image. */
static bool take_chunk(struct clean *clean, const struct chunk *chunk, bool extended)
{
	if (clean->in.failed)
		return false;
	if (is_one_of(chunk->type, extended ? "VP8 |VP8L|ALPH|ANIM|ICCP" : "VP8 |VP8L"))
		put_chunk(clean, chunk->type, chunk->data);
	else if (extended && is_one_of(chunk->type, "ANMF"))
		take_frame(clean, chunk->data);
	else
		drop_chunk(clean, chunk);
	return is_one_of(chunk->type, extended ? "VP8 |VP8L|ANMF" : "VP8 |VP8L");
}

/* Orientation needs the extended form: where Exif stands in the simple one, it does not count. */
static void finish(struct clean *clean, bool extended)
{
	uint8_t tiff[EXIF_ORIENTATION_BYTES];
	if (!extended)
		clean->orientation = 0;
	size_t size = exif_orientation(clean, tiff);
	if (size > 0)
		put_chunk(clean, "EXIF", (struct span){ tiff, size });
	if (clean->out.failed)
		return;
	if (extended) {
		uint8_t *flags = clean->out.data + 20;
		*flags = (uint8_t)((*flags & (FLAG_ICC | FLAG_ALPHA | FLAG_ANIMATION)) | (size > 0 ? FLAG_EXIF : 0));
		memset(flags + 1, 0, 3);
	}
	patch_le32(clean, 4, clean->out.size - 8);
}

int clean_webp(struct clean *clean)
{
	struct cursor in = clean->in;
	struct span head = cursor_get_bytes(&in, 4);
	uint32_t size = cursor_get_le32(&in);
	struct span riff = cursor_get_bytes(&in, size);
	if (in.failed || memcmp(head.data, "RIFF", 4) != 0 || size < 12)
		return clean_refuse(clean, "it is damaged or ends too early");
	clean_copy(clean, cursor_get_bytes(&clean->in, 12));
	if (cursor_left(&in) > 0)
		clean->removed |= CLEAN_TRAILER;
	clean->in = cursor_from(riff.data + 4, riff.size - 4);
	struct chunk first = get_chunk(&clean->in);
	bool extended = is_one_of(first.type, "VP8X") && first.data.size == 10, has_image = !extended;
	if (!extended && !is_one_of(first.type, "VP8 |VP8L"))
		return clean_refuse(clean, "it does not begin as a WebP must");
	put_chunk(clean, first.type, first.data);
	while (!clean->in.failed && cursor_left(&clean->in) > 0) {
		struct chunk chunk = get_chunk(&clean->in);
		has_image = take_chunk(clean, &chunk, extended) || has_image;
	}
	if (!has_image)
		return clean_refuse(clean, "there is no image in it");
	finish(clean, extended);
	return 0;
}

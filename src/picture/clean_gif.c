/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * GIF89a: the images with their controls, the number of loops, a colour profile. Comments, plain text, other programs' extensions and what follows the
 * trailer go. */
#include "picture/parts.h"

#include <string.h>

enum { IMAGE = 0x2c, EXTENSION = 0x21, TRAILER = 0x3b, CONTROL = 0xf9, COMMENT = 0xfe, APPLICATION = 0xff };
#define HEADER_BYTES 13u

static size_t table_bytes(uint8_t flags)
{
	return flags & 0x80 ? (size_t)3 << ((flags & 7) + 1) : 0;
}

static void skip_blocks(struct cursor *cursor)
{
	uint8_t size;
	while ((size = cursor_get_u8(cursor)) > 0)
		cursor_get_bytes(cursor, size);
}

static bool is_kept_application(struct span name)
{
	return name.size == 11 && (memcmp(name.data, "NETSCAPE2.0", 11) == 0 || memcmp(name.data, "ANIMEXTS1.0", 11) == 0 || memcmp(name.data, "ICCRGBG1012", 11) == 0);
}

/* From its introducer on, up to where the cursor is. */
static void keep_since(struct clean *clean, const uint8_t *start)
{
	if (!clean->in.failed)
		clean_copy(clean, (struct span){ start, (size_t)(clean->in.at - start) });
}

static void take_extension(struct clean *clean, const uint8_t *start)
{
	uint8_t label = cursor_get_u8(&clean->in);
	struct cursor body = clean->in;
	struct span name = cursor_get_bytes(&body, cursor_get_u8(&body));
	skip_blocks(&clean->in);
	if (clean->in.failed)
		return;
	if (label == CONTROL || (label == APPLICATION && is_kept_application(name)))
		keep_since(clean, start);
	else if (label == APPLICATION && span_starts(name, "XMP Data", 8))
		clean->removed |= CLEAN_XMP;
	else
		clean->removed |= label == APPLICATION ? CLEAN_PRIVATE : CLEAN_COMMENT;
}

static void take_image(struct clean *clean, const uint8_t *start)
{
	struct span descriptor = cursor_get_bytes(&clean->in, 9);
	if (descriptor.data == NULL)
		return;
	cursor_get_bytes(&clean->in, table_bytes(descriptor.data[8]));
	cursor_get_u8(&clean->in);
	skip_blocks(&clean->in);
	keep_since(clean, start);
}

int clean_gif(struct clean *clean)
{
	struct span header = cursor_get_bytes(&clean->in, HEADER_BYTES);
	clean_copy(clean, header);
	if (header.data != NULL)
		clean_copy(clean, cursor_get_bytes(&clean->in, table_bytes(header.data[10])));
	for (uint8_t introducer = 0; introducer != TRAILER;) {
		const uint8_t *start = clean->in.at;
		introducer = cursor_get_u8(&clean->in);
		if (introducer == EXTENSION)
			take_extension(clean, start);
		else if (introducer == IMAGE)
			take_image(clean, start);
		else if (introducer != TRAILER)
			cursor_fail(&clean->in);
		if (clean->in.failed)
			return clean_refuse(clean, "it is damaged or ends too early");
	}
	builder_put_u8(&clean->out, TRAILER);
	if (cursor_left(&clean->in) > 0)
		clean->removed |= CLEAN_TRAILER;
	return 0;
}

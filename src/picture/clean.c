/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Which format a file has, and what they have in common. */
#include "picture/parts.h"

#include "base/error.h"
#include "base/util.h"

#include <stdlib.h>
#include <string.h>

#define BYTES(text) text, sizeof(text) - 1

static const struct format {
	size_t at;
	const char *bytes;
	size_t size;
	int (*clean)(struct clean *clean);
} formats[] = {
	{ 0, BYTES("\xff\xd8\xff"), clean_jpeg },
	{ 0, BYTES("\x89PNG\r\n\x1a\n"), clean_png },
	{ 0, BYTES("GIF87a"), clean_gif },
	{ 0, BYTES("GIF89a"), clean_gif },
	{ 8, BYTES("WEBP"), clean_webp },
	{ 4, BYTES("ftyp"), clean_heif },
	{ 0, BYTES("II*\0"), clean_tiff },
	{ 0, BYTES("MM\0*"), clean_tiff },
	{ 0, BYTES("BM"), clean_bmp },
};

#define WORD(NAME, words) words,
static const char *const kinds[] = { CLEAN_KINDS(WORD) };

const char *clean_word(unsigned number)
{
	return kinds[number];
}

void clean_words(unsigned removed, char *ret_text, size_t capacity)
{
	struct builder text = builder_from(ret_text, capacity);
	for (unsigned i = 0; i < CLEAN_N_KINDS; i++) {
		if (removed & 1u << i)
			builder_printf(&text, "%s%s", text.size > 0 ? ", " : "", kinds[i]);
	}
	if (capacity > 0)
		ret_text[text.size] = '\0';
}

int clean_refuse(struct clean *clean, const char *why)
{
	clean->why = why;
	return -SIS_ERR_BAD_FORMAT;
}

void clean_copy(struct clean *clean, struct span bytes)
{
	builder_put_bytes(&clean->out, bytes.data, bytes.size);
}

void clean_insert(struct clean *clean, size_t at, const void *bytes, size_t size)
{
	struct builder *out = &clean->out;
	if (out->failed || size > out->capacity - out->size || at > out->size) {
		out->failed = true;
		return;
	}
	memmove(out->data + at + size, out->data + at, out->size - at);
	memcpy(out->data + at, bytes, size);
	out->size += size;
}

bool span_starts(struct span span, const char *bytes, size_t size)
{
	return span.size >= size && memcmp(span.data, bytes, size) == 0;
}

struct span span_after(struct span span, size_t size)
{
	return size <= span.size && span.data != NULL ? (struct span){ span.data + size, span.size - size } : (struct span){ 0 };
}

uint32_t cursor_get_le32(struct cursor *cursor)
{
	return __builtin_bswap32(cursor_get_u32(cursor));
}

uint16_t cursor_get_le16(struct cursor *cursor)
{
	return __builtin_bswap16(cursor_get_u16(cursor));
}

static const struct format *format_find(struct span file)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		if (span_starts(span_after(file, formats[i].at), formats[i].bytes, formats[i].size))
			return &formats[i];
	}
	return NULL;
}

int clean_picture(struct span file, struct cleaned *ret_cleaned, const char **ret_why)
{
	const struct format *format = format_find(file);
	if (format == NULL) {
		*ret_why = "its format is not one that can be cleaned";
		return -SIS_ERR_BAD_FORMAT;
	}
	struct clean clean = { .in = cursor_from(file.data, file.size), .file = file, .why = "it ends too early" };
	CLEANUP_FREE uint8_t *data = malloc(file.size + CLEAN_ROOM);
	if (data == NULL)
		return -SIS_ERR_NO_MEMORY;
	clean.out = builder_from(data, file.size + CLEAN_ROOM);
	int r = format->clean(&clean);
	if (r == 0 && (clean.in.failed || clean.out.failed))
		r = -SIS_ERR_BAD_FORMAT;
	if (r < 0) {
		*ret_why = clean.why;
		return r;
	}
	/* Bytes that nothing speaks of, between what is known. */
	if (clean.removed == 0 && (clean.out.size != file.size || memcmp(data, file.data, file.size) != 0))
		clean.removed = CLEAN_PRIVATE;
	*ret_cleaned = (struct cleaned){ data, clean.out.size, clean.removed, clean.orientation != 0 ? clean.orientation : 1 };
	data = NULL;
	return 0;
}

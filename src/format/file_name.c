/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * File names are data from a stranger: what may become one, and the nearest that may. */
#include "format/manifest.h"

#include "base/text.h"
#include "base/util.h"

#include <string.h>

#define NAME_MAX_BYTES 255
#define FALLBACK "picture"

/* Code points that reorder or hide what a terminal or file manager shows: C0, DEL, C1, and the format characters of Unicode that do so. */
static const struct { uint32_t first, last; } refused[] = {
	{ 0x00, 0x1f }, { 0x7f, 0x9f }, { 0x61c, 0x61c }, { 0x200b, 0x200f }, { 0x2028, 0x202e }, { 0x2060, 0x206f },
	{ 0xfeff, 0xfeff }, { 0xfff9, 0xfffb }, { 0xe0000, 0xe007f },
};

static bool is_refused(uint32_t code_point)
{
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		if (code_point >= refused[i].first && code_point <= refused[i].last)
			return true;
	return code_point == '/';
}

/* Bytes of the character that starts with this byte; 0 for a byte that starts none. */
static size_t character_size(uint8_t first)
{
	return first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
}

/* Takes one valid character off the front; a bad byte is taken alone and reads as U+0000, which is refused everywhere. */
static size_t take_character(struct span text, uint32_t *ret_code_point)
{
	static const uint8_t mask[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	const size_t size = character_size(text.data[0]);

	*ret_code_point = 0;
	if (!size || size > text.size || !utf8_is_valid((struct span){ text.data, size }))
		return 1;
	*ret_code_point = text.data[0] & mask[size];
	for (size_t i = 1; i < size; i++)
		*ret_code_point = *ret_code_point << 6 | (text.data[i] & 0x3f);
	return size;
}

bool file_name_is_safe(struct span name)
{
	if (!name.size || name.size > NAME_MAX_BYTES || name.data[0] == '.' || name.data[0] == '-')
		return false;
	while (name.size) {
		uint32_t code_point;
		const size_t size = take_character(name, &code_point);

		if (is_refused(code_point))
			return false;
		name = (struct span){ name.data + size, name.size - size };
	}
	return true;
}

void file_name_make_safe(struct span name, char ret_name[256])
{
	size_t used = 0;

	/* The base name only: what a path led to, not where. */
	for (size_t i = name.size; i-- > 0;)
		if (name.data[i] == '/' || name.data[i] == '\\') {
			name = (struct span){ name.data + i + 1, name.size - i - 1 };
			break;
		}
	while (name.size) {
		uint32_t code_point;
		const size_t size = take_character(name, &code_point);
		const bool leads_badly = !used && (code_point == '.' || code_point == '-' || code_point == ' ');

		if (used + size > NAME_MAX_BYTES)
			break;
		if (!is_refused(code_point) && !leads_badly) {
			memcpy(ret_name + used, name.data, size);
			used += size;
		}
		name = (struct span){ name.data + size, name.size - size };
	}
	ret_name[used] = '\0';
	if (!used)
		strcpy(ret_name, FALLBACK);
}

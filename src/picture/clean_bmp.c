/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * BMP has no place for metadata but a profile that may be a file's name, and the bytes around the pixels. Only the plain form is passed: nothing
 * between the header and the pixels but a palette, nothing after them. */
#include "picture/parts.h"

#define FILE_HEADER_BYTES 14u
#define INFO_HEADER_BYTES 40u

int clean_bmp(struct clean *clean)
{
	struct cursor *in = &clean->in;
	cursor_get_bytes(in, 10);
	uint32_t offset = cursor_get_le32(in), header = cursor_get_le32(in), width = cursor_get_le32(in), height = cursor_get_le32(in);
	cursor_get_le16(in);
	uint32_t bits = cursor_get_le16(in), compression = cursor_get_le32(in);
	cursor_get_bytes(in, 12);
	uint32_t colours = cursor_get_le32(in);
	if (in->failed || header != INFO_HEADER_BYTES || compression != 0 || width > 1u << 24 || bits > 32)
		return clean_refuse(clean, "it is a BMP of a kind that is not known here");
	if (height > INT32_MAX)                         /* rows from the top */
		height = 0 - height;
	uint64_t palette = bits <= 8 ? 4 * (uint64_t)(colours != 0 ? colours : 1u << bits) : 4 * (uint64_t)colours;
	uint64_t pixels = ((uint64_t)width * bits + 31) / 32 * 4 * height;
	if (offset != FILE_HEADER_BYTES + INFO_HEADER_BYTES + palette || height > 1u << 24 || offset > clean->file.size || pixels > clean->file.size - offset)
		return clean_refuse(clean, "it is a BMP of a kind that is not known here");
	if (offset + pixels < clean->file.size)
		clean->removed |= CLEAN_TRAILER;
	uint32_t size = (uint32_t)(offset + pixels);
	clean_copy(clean, (struct span){ clean->file.data, size });
	for (unsigned i = 0; i < 8 && !clean->out.failed; i++)  /* the file's size, and the reserved field */
		clean->out.data[2 + i] = i < 4 ? (uint8_t)(size >> 8 * i) : 0;
	return 0;
}

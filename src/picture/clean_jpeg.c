/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * JPEG (ITU-T T.81): tables, frames and scans stay, and of the application segments what says how to read the samples: JFIF, ICC profile, Adobe's
 * transform. What follows the first picture's end (further pictures of CIPA DC-007, videos) goes. */
#include "picture/parts.h"

#include <string.h>

#define BYTES(text) text, sizeof(text) - 1
enum { SOI = 0xd8, EOI = 0xd9, SOS = 0xda, APP0 = 0xe0, APP1 = 0xe1, APP2 = 0xe2, APP13 = 0xed, APP14 = 0xee, COM = 0xfe };
#define EXIF_MARK "Exif\0\0"
#define JFIF_BYTES 12u                          /* up to the thumbnail's size */
#define ADOBE_BYTES 12u

static bool is_kept(uint8_t marker)
{
	/* SOF0 to SOF15 with DHT and DAC; JPG (C8) is none. DQT, DNL, DRI. */
	return (marker >= 0xc0 && marker <= 0xcf && marker != 0xc8) || (marker >= 0xdb && marker <= 0xdd) || marker == SOS;
}

static void put_segment(struct clean *clean, uint8_t marker, struct span payload)
{
	builder_put_u8(&clean->out, 0xff);
	builder_put_u8(&clean->out, marker);
	builder_put_u16(&clean->out, (uint16_t)(payload.size + 2));
	clean_copy(clean, payload);
}

static void take_jfif(struct clean *clean, struct span payload)
{
	static const uint8_t no_thumbnail[2];
	uint8_t jfif[JFIF_BYTES + 2];
	memcpy(jfif, payload.data, JFIF_BYTES);
	memcpy(jfif + JFIF_BYTES, no_thumbnail, 2);
	put_segment(clean, APP0, (struct span){ jfif, sizeof(jfif) });
	if (payload.size > sizeof(jfif))
		clean->removed |= CLEAN_THUMBNAIL;
}

static const struct { uint8_t marker; const char *start; size_t size; unsigned kind; } known[] = {
	{ APP0, BYTES("JFXX"), CLEAN_THUMBNAIL },
	{ APP1, BYTES("http://ns.adobe.com/"), CLEAN_XMP },
	{ APP13, BYTES("Photoshop 3.0"), CLEAN_IPTC },
	{ COM, BYTES(""), CLEAN_COMMENT },
};

static void drop_segment(struct clean *clean, uint8_t marker, struct span payload)
{
	if (marker == APP1 && span_starts(payload, BYTES(EXIF_MARK))) {
		exif_look(clean, span_after(payload, sizeof(EXIF_MARK) - 1));
		return;
	}
	unsigned kind = CLEAN_PRIVATE;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (known[i].marker == marker && span_starts(payload, known[i].start, known[i].size))
			kind = known[i].kind;
	}
	clean->removed |= kind;
}

static void take_application(struct clean *clean, uint8_t marker, struct span payload)
{
	if (marker == APP0 && payload.size >= JFIF_BYTES + 2 && span_starts(payload, BYTES("JFIF\0")))
		take_jfif(clean, payload);
	else if (marker == APP2 && span_starts(payload, BYTES("ICC_PROFILE\0")))
		put_segment(clean, marker, payload);
	else if (marker == APP14 && payload.size >= ADOBE_BYTES && span_starts(payload, BYTES("Adobe")))
		put_segment(clean, marker, (struct span){ payload.data, ADOBE_BYTES });
	else
		drop_segment(clean, marker, payload);
}

/* Entropy-coded data, up to the next marker that is no restart. */
static void take_scan(struct clean *clean)
{
	const uint8_t *start = clean->in.at, *at = start;
	while ((at = memchr(at, 0xff, (size_t)(clean->in.end - at))) != NULL && clean->in.end - at >= 2) {
		if (at[1] != 0 && !(at[1] >= 0xd0 && at[1] <= 0xd7) && at[1] != 0xff) {
			clean_copy(clean, cursor_get_bytes(&clean->in, (size_t)(at - start)));
			return;
		}
		at += at[1] == 0xff ? 1 : 2;
	}
	cursor_fail(&clean->in);
}

static uint8_t next_marker(struct clean *clean)
{
	uint8_t byte = cursor_get_u8(&clean->in);
	if (byte != 0xff)
		cursor_fail(&clean->in);
	while (byte == 0xff)
		byte = cursor_get_u8(&clean->in);
	return byte;
}

static int take_segment(struct clean *clean, uint8_t marker)
{
	uint16_t size = cursor_get_u16(&clean->in);
	if (size < 2)
		cursor_fail(&clean->in);
	struct span payload = cursor_get_bytes(&clean->in, size >= 2 ? size - 2u : 0);
	if (clean->in.failed)
		return clean_refuse(clean, "it is damaged or ends too early");
	if ((marker >= APP0 && marker <= 0xef) || marker == COM) {
		take_application(clean, marker, payload);
		return 0;
	}
	if (!is_kept(marker))
		return clean_refuse(clean, "it is a JPEG of a kind that is not known here");
	put_segment(clean, marker, payload);
	if (marker == SOS)
		take_scan(clean);
	return 0;
}

/* After JFIF, which must be the first. */
static void insert_orientation(struct clean *clean)
{
	uint8_t tiff[EXIF_ORIENTATION_BYTES], segment[4 + 6 + EXIF_ORIENTATION_BYTES] = { 0xff, APP1, 0, 2 + 6 + EXIF_ORIENTATION_BYTES, 'E', 'x', 'i', 'f' };
	size_t size = exif_orientation(clean, tiff), at = 2;
	if (size == 0)
		return;
	memcpy(segment + 10, tiff, size);
	if (clean->out.size > 20 && memcmp(clean->out.data + 2, "\xff\xe0\0\x10JFIF", 8) == 0)
		at += 2 + 16;
	clean_insert(clean, at, segment, sizeof(segment));
}

int clean_jpeg(struct clean *clean)
{
	clean_copy(clean, cursor_get_bytes(&clean->in, 2));
	for (;;) {
		uint8_t marker = next_marker(clean);
		if (clean->in.failed)
			return clean_refuse(clean, "it is damaged or ends too early");
		if (marker == EOI)
			break;
		int r = take_segment(clean, marker);
		if (r < 0)
			return r;
	}
	builder_put_u16(&clean->out, 0xff00 | EOI);
	if (cursor_left(&clean->in) > 0)
		clean->removed |= CLEAN_TRAILER;
	insert_orientation(clean);
	return 0;
}

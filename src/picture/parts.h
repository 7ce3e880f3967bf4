/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the formats share: the file as it comes, what stays of it, and what was left out. */
#pragma once

#include "picture/clean.h"

struct clean {
	struct cursor in;                       /* at the file's first byte */
	struct span file;
	struct builder out;                     /* holds the file and CLEAN_ROOM bytes more */
	unsigned removed, orientation;          /* orientation: 0 until a file tells */
	const char *why;
};
#define CLEAN_ROOM 256u

/* BAD_FORMAT, with the clause for people. */
int clean_refuse(struct clean *clean, const char *why);
void clean_copy(struct clean *clean, struct span bytes);
/* Puts bytes between those that were written. */
void clean_insert(struct clean *clean, size_t at, const void *bytes, size_t size);
bool span_starts(struct span span, const char *bytes, size_t size);
struct span span_after(struct span span, size_t size);
uint32_t cursor_get_le32(struct cursor *cursor);
uint16_t cursor_get_le16(struct cursor *cursor);

/* exif.c: what a block of Exif (a TIFF file in small) holds. Never fails: a broken one tells less. */
void exif_look(struct clean *clean, struct span tiff);
#define EXIF_ORIENTATION_BYTES 26u
/* The smallest block that says which way is up; size 0 when that needs no words. */
size_t exif_orientation(const struct clean *clean, uint8_t ret_tiff[EXIF_ORIENTATION_BYTES]);

int clean_jpeg(struct clean *clean);
int clean_png(struct clean *clean);
int clean_webp(struct clean *clean);
int clean_gif(struct clean *clean);
int clean_heif(struct clean *clean);
int clean_tiff(struct clean *clean);
int clean_bmp(struct clean *clean);

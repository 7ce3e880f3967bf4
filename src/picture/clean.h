/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Removes what betrays people from a picture file, by rewriting its container and never its pixels. What a viewer needs to show the same pixels the
 * same way up in the same colours is on a list and stays; everything else goes, known or not. */
#pragma once

#include "base/cursor.h"

/* What was removed, as bits: for the line that tells. */
#define CLEAN_KINDS(X) \
	X(GPS,       "GPS position") \
	X(CAMERA,    "camera details") \
	X(MAKER,     "maker notes") \
	X(EXIF,      "Exif") \
	X(THUMBNAIL, "embedded thumbnail") \
	X(XMP,       "XMP") \
	X(IPTC,      "IPTC") \
	X(COMMENT,   "comments") \
	X(TIME,      "times") \
	X(PRIVATE,   "programs' private data") \
	X(TRAILER,   "data after the picture's end")
#define CLEAN_NUMBER(NAME, words) CLEAN_NUMBER_##NAME,
enum { CLEAN_KINDS(CLEAN_NUMBER) CLEAN_N_KINDS };
#define CLEAN_BIT(NAME, words) CLEAN_##NAME = 1u << CLEAN_NUMBER_##NAME,
enum { CLEAN_KINDS(CLEAN_BIT) };

struct cleaned {
	uint8_t *data;                          /* malloc'd */
	size_t size;
	unsigned removed;                       /* CLEAN_ bits */
	unsigned orientation;                   /* 1 to 8 as in Exif; of HEIF, where it is a property of the image: 1, or 6 when that is turned by a quarter */
};

/* BAD_FORMAT when the file is not understood in all that matters (*ret_why, a static clause, says why), NO_MEMORY. A file that needs no cleaning comes back
 * byte for byte; cleaning twice is cleaning once. */
int clean_picture(struct span file, struct cleaned *ret_cleaned, const char **ret_why);
/* "GPS position, camera details"; empty for 0. */
void clean_words(unsigned removed, char *ret_text, size_t capacity);
const char *clean_word(unsigned number);

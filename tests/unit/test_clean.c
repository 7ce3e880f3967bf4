/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What stays of a picture's container and what goes, byte by byte, where that can be written down. */
#include "picture/clean.h"

#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BYTES(text) { (const uint8_t *)(text), sizeof(text) - 1 }

#define SCAN "\xff\xda\0\x08\x01\x01\0\0\x3f\0\x12\xff\0\x34\xff\xd0\x56"
#define FRAME "\xff\xc0\0\x0b\x08\0\x08\0\x08\x01\x01\x11\0"
#define JFIF "\xff\xe0\0\x10JFIF\0\x01\x02\0\0\x01\0\x01\0\0"
#define ICC "\xff\xe2\0\x12ICC_PROFILE\0\x01\x01zz"
#define EXIF_6 "\xff\xe1\0\x22" "Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
#define GIF_START "GIF89a\x01\0\x01\0\x80\0\0aaabbb"
#define GIF_IMAGE ",\0\0\0\0\x01\0\x01\0\0\x02\x02L\x01\0"
#define PNG_START "\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0CCCC"
#define PNG_DATA "\0\0\0\x02IDATzzCCCC"
#define PNG_END "\0\0\0\0IEND\xae\x42\x60\x82"

static const struct { const char *what; struct span file, clean; unsigned removed, orientation; } cases[] = {
	{ "JPEG, nothing to remove", BYTES("\xff\xd8" JFIF ICC FRAME SCAN "\xff\xd9"), BYTES("\xff\xd8" JFIF ICC FRAME SCAN "\xff\xd9"), 0, 1 },
	{ "JPEG, our own orientation stays", BYTES("\xff\xd8" JFIF EXIF_6 FRAME SCAN "\xff\xd9"), BYTES("\xff\xd8" JFIF EXIF_6 FRAME SCAN "\xff\xd9"), 0, 6 },
	{ "JPEG, Exif goes to its place behind JFIF", BYTES("\xff\xd8" JFIF FRAME EXIF_6 SCAN "\xff\xd9"), BYTES("\xff\xd8" JFIF EXIF_6 FRAME SCAN "\xff\xd9"),
	  CLEAN_PRIVATE, 6 },
	{ "JPEG, comment, XMP, IPTC, unknown segment, what follows the end",
	  BYTES("\xff\xd8" JFIF "\xff\xfe\0\x06hide\xff\xe1\0\x1ahttp://ns.adobe.com/xap/\xff\xed\0\x10Photoshop 3.0\0\xff\xe9\0\x04zz" FRAME SCAN "\xff\xd9more"),
	  BYTES("\xff\xd8" JFIF FRAME SCAN "\xff\xd9"), CLEAN_COMMENT | CLEAN_XMP | CLEAN_IPTC | CLEAN_PRIVATE | CLEAN_TRAILER, 1 },
	{ "JPEG, a thumbnail in JFIF", BYTES("\xff\xd8\xff\xe0\0\x13JFIF\0\x01\x02\0\0\x01\0\x01\x01\x01RGB" FRAME SCAN "\xff\xd9"),
	  BYTES("\xff\xd8" JFIF FRAME SCAN "\xff\xd9"), CLEAN_THUMBNAIL, 1 },
	{ "JPEG, broken Exif", BYTES("\xff\xd8\xff\xe1\0\x10" "Exif\0\0MM\0*\xff\xff\xff\xff" FRAME SCAN "\xff\xd9"), BYTES("\xff\xd8" FRAME SCAN "\xff\xd9"), CLEAN_EXIF, 1 },
	{ "JPEG, a comment between scans", BYTES("\xff\xd8" FRAME SCAN "\xff\xfe\0\x04zz" SCAN "\xff\xd9"), BYTES("\xff\xd8" FRAME SCAN SCAN "\xff\xd9"), CLEAN_COMMENT, 1 },
	{ "PNG, text, time, private chunk, data after the end",
	  BYTES(PNG_START "\0\0\0\x04tEXta\0bbCCCC\0\0\0\x07tIME1234567CCCC\0\0\0\x01prVtzCCCC" PNG_DATA PNG_END "zz"), BYTES(PNG_START PNG_DATA PNG_END),
	  CLEAN_COMMENT | CLEAN_TIME | CLEAN_PRIVATE | CLEAN_TRAILER, 1 },
	{ "GIF, comment, XMP, another program's extension; loops stay",
	  BYTES(GIF_START "!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0!\xfe\x02hi\0!\xff\x0bXMP DataXMP\x01z\0!\xff\x0bPROGRAM 1.0\x01z\0" GIF_IMAGE ";zz"),
	  BYTES(GIF_START "!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0" GIF_IMAGE ";"), CLEAN_COMMENT | CLEAN_XMP | CLEAN_PRIVATE | CLEAN_TRAILER, 1 },
};

static void what_is_not_on_the_list_goes(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cleaned cleaned;
		const char *why = "";
		if (clean_picture(cases[i].file, &cleaned, &why) != 0)
			fail_msg("%s: refused: %s", cases[i].what, why);
		if (cleaned.size != cases[i].clean.size || memcmp(cleaned.data, cases[i].clean.data, cleaned.size) != 0)
			fail_msg("%s: other bytes (%zu instead of %zu)", cases[i].what, cleaned.size, cases[i].clean.size);
		if (cleaned.removed != cases[i].removed || cleaned.orientation != cases[i].orientation)
			fail_msg("%s: removed %x, orientation %u", cases[i].what, cleaned.removed, cleaned.orientation);
		free(cleaned.data);
	}
}

static const struct { const char *what; struct span file; } refused[] = {
	{ "nothing", BYTES("") },
	{ "text", BYTES("hello, world, how are you?") },
	{ "JPEG without an end", BYTES("\xff\xd8" JFIF FRAME SCAN) },
	{ "JPEG with a segment longer than the file", BYTES("\xff\xd8\xff\xdb\x40\0zz\xff\xd9") },
	{ "JPEG with a segment of no length", BYTES("\xff\xd8\xff\xdb\0\0\xff\xd9") },
	{ "hierarchical JPEG", BYTES("\xff\xd8\xff\xde\0\x04zz" FRAME SCAN "\xff\xd9") },
	{ "PNG with a chunk longer than the file", BYTES(PNG_START "\xff\xff\xff\xffIDAT") },
	{ "PNG without an end", BYTES(PNG_START PNG_DATA) },
	{ "PNG with an unknown critical chunk", BYTES(PNG_START "\0\0\0\x01ZZZZzCCCC" PNG_DATA PNG_END) },
	{ "GIF without a trailer", BYTES(GIF_START GIF_IMAGE) },
	{ "WebP that is longer than it is", BYTES("RIFF\xff\0\0\0WEBPVP8 \x04\0\0\0abcd") },
	{ "TIFF that goes round in circles", BYTES("II*\0\x08\0\0\0\0\0\x08\0\0\0zzzz") },
	{ "video", BYTES("\0\0\0\x10" "ftypheic\0\0\0\0\0\0\0\x08moov") },
};

static void what_is_not_understood_is_refused(void **state)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct cleaned cleaned;
		const char *why = NULL;
		if (clean_picture(refused[i].file, &cleaned, &why) != -SIS_ERR_BAD_FORMAT || why == NULL)
			fail_msg("%s: not refused", refused[i].what);
	}
}

static void words_are_cut_nowhere(void **state)
{
	char text[300], small[20];
	clean_words(CLEAN_GPS | CLEAN_XMP, text, sizeof(text));
	assert_string_equal(text, "GPS position, XMP");
	clean_words(0, text, sizeof(text));
	assert_string_equal(text, "");
	clean_words(~0u, text, sizeof(text));
	assert_non_null(strstr(text, "embedded thumbnail"));
	clean_words(~0u, small, sizeof(small));
	assert_true(strlen(small) < sizeof(small));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_on_the_list_goes),
		cmocka_unit_test(what_is_not_understood_is_refused),
		cmocka_unit_test(words_are_cut_nowhere),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

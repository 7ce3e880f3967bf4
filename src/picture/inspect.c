/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A second opinion on a cleaned picture, through gexiv2: what metadata does somebody else still find in it? */
#include "picture/child.h"

#include <gexiv2/gexiv2.h>
#include <string.h>

#define WORDS_MAX_BYTES 400u

bool inspect_start(void)
{
	gexiv2_log_set_level(GEXIV2_LOG_LEVEL_MUTE);
	return gexiv2_initialize();
}

/* Which way is up may stay; in TIFF, so may the tags that say how to read the samples, on every page. */
static bool may_stay(const char *tag, bool is_tiff)
{
	static const char *const kept[] = {
		"Orientation", "ImageWidth", "ImageLength", "BitsPerSample", "Compression", "PhotometricInterpretation", "StripOffsets", "SamplesPerPixel",
		"RowsPerStrip", "StripByteCounts", "XResolution", "YResolution", "PlanarConfiguration", "ResolutionUnit", "Predictor", "ExtraSamples", "SampleFormat",
		"TileWidth", "TileLength", "TileOffsets", "TileByteCounts", "NewSubfileType", "SubfileType", "FillOrder", "ColorMap", "InterColorProfile",
		"YCbCrSubSampling", "YCbCrPositioning", "YCbCrCoefficients", "ReferenceBlackWhite", "JPEGTables", "TransferFunction", "WhitePoint",
		"PrimaryChromaticities", "GrayResponseUnit", "GrayResponseCurve", "T4Options", "T6Options", "PageNumber", "InkSet", "NumberOfInks", "DotRange",
		"MinSampleValue", "MaxSampleValue", "SMinSampleValue", "SMaxSampleValue", "Thresholding", "HalftoneHints",
	};
	const char *name = strncmp(tag, "Exif.", 5) == 0 ? strchr(tag + 5, '.') : NULL;
	for (size_t i = 0; is_tiff && name != NULL && i < G_N_ELEMENTS(kept); i++) {
		if (strcmp(kept[i], name + 1) == 0)
			return true;
	}
	return strcmp(tag, "Exif.Image.Orientation") == 0;
}

static void add_tags(struct builder *words, char **tags, bool is_tiff)
{
	for (size_t i = 0; tags != NULL && tags[i] != NULL; i++) {
		if (!may_stay(tags[i], is_tiff) && words->size + strlen(tags[i]) + 3 < words->capacity)
			builder_printf(words, "%s%s", words->size > 0 ? ", " : "", tags[i]);
	}
	g_strfreev(tags);
}

void inspect_picture(struct span picture)
{
	char text[WORDS_MAX_BYTES];
	struct builder words = builder_from(text, sizeof(text));
	GExiv2Metadata *metadata = gexiv2_metadata_new();
	/* What cannot be read at all has nothing to tell: the first opinion stands. */
	if (gexiv2_metadata_open_buf(metadata, picture.data, (glong)picture.size, NULL)) {
		bool is_tiff = g_strcmp0(gexiv2_metadata_get_mime_type(metadata), "image/tiff") == 0;
		add_tags(&words, gexiv2_metadata_get_exif_tags(metadata), is_tiff);
		add_tags(&words, gexiv2_metadata_get_xmp_tags(metadata), false);
		add_tags(&words, gexiv2_metadata_get_iptc_tags(metadata), false);
		char *comment = gexiv2_metadata_try_get_comment(metadata, NULL);
		if (comment != NULL && *comment != '\0')
			builder_printf(&words, "%sa comment", words.size > 0 ? ", " : "");
		g_free(comment);
	}
	g_object_unref(metadata);
	child_send(JOB_TAGS, text, words.size);
}

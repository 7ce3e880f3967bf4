/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Images are recognised by their first bytes, with their pixels: the seeds of the fuzz target are 640 x 480 each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "format/manifest.h"

#include <stdio.h>
#include <string.h>

static size_t load(const char *name, uint8_t *ret_data, size_t capacity)
{
	char path[4096];
	size_t size;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", SIS_MEDIA, name);
	file = fopen(path, "re");
	assert_non_null(file);
	size = fread(ret_data, 1, capacity, file);
	fclose(file);
	return size;
}

static void each_kind_is_recognised_with_its_pixels(void **state)
{
	static const struct { const char *name, *media_type; } kinds[] = {
		{ "jpeg", "image/jpeg" }, { "png", "image/png" }, { "gif", "image/gif" }, { "webp-lossy", "image/webp" },
		{ "webp-lossless", "image/webp" }, { "webp-extended", "image/webp" }, { "heic", "image/heic" }, { "avif", "image/avif" },
		{ "tiff-little", "image/tiff" }, { "tiff-big", "image/tiff" }, { "bmp", "image/bmp" },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const char *media_type;
		uint32_t width, height;
		uint8_t data[256];
		const size_t size = load(kinds[i].name, data, sizeof(data));

		assert_true(media_recognise(data, size, &media_type, &width, &height));
		assert_string_equal(media_type, kinds[i].media_type);
		assert_int_equal(width, 640);
		assert_int_equal(height, 480);
	}
}

static void a_short_head_tells_the_kind_without_pixels(void **state)
{
	const char *media_type;
	uint32_t width = 1, height = 1;

	assert_true(media_recognise("\xff\xd8\xff", 3, &media_type, &width, &height));
	assert_string_equal(media_type, "image/jpeg");
	assert_int_equal(width, 0);
	assert_int_equal(height, 0);
}

static void other_files_are_no_images(void **state)
{
	const char *media_type;
	uint32_t width, height;

	assert_false(media_recognise("", 0, &media_type, &width, &height));
	assert_false(media_recognise("%PDF-1.7", 8, &media_type, &width, &height));
	assert_false(media_recognise("RIFF\0\0\0\0WAVE", 12, &media_type, &width, &height));
	assert_false(media_recognise("BMW is a car", 12, &media_type, &width, &height));
	assert_false(media_recognise("<svg>", 5, &media_type, &width, &height));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_is_recognised_with_its_pixels),
		cmocka_unit_test(a_short_head_tells_the_kind_without_pixels),
		cmocka_unit_test(other_files_are_no_images),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("media", tests, NULL, NULL);
}

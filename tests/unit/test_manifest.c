/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Manifests: what is written parses, padded. What is malformed: tests/vectors (manifest-*). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/error.h"
#include "format/manifest.h"

#include <stdlib.h>
#include <string.h>

static void written_manifests_are_padded_and_parse(void **state)
{
	struct manifest m = { .name = "h\xc3\xa4nde \"1\".jpg", .media_type = "image/jpeg", .size = 12345, .width = 640, .height = 480,
	                      .modified = 1795262400, .caption = "two\nlines" }, parsed;
	uint8_t *plain;
	size_t size;

	assert_int_equal(manifest_write(&m, &plain, &size), 0);
	assert_int_equal(size, 512);
	assert_int_equal(plain[0], '{');
	assert_int_equal(plain[511], ' ');
	assert_int_equal(manifest_parse((struct span){ plain, size }, &parsed, NULL), 0);
	assert_memory_equal(&parsed, &m, sizeof(m));
	free(plain);
}

static void a_message_keeps_its_place_in_the_conversation(void **state)
{
	struct manifest m = { .media_type = "text/plain", .size = 5, .is_reply = true, .reply_to = { 1, 2, 3 },
	                      .conversation = { .number = 8, .previous = { 0xab }, .n_seen = 2,
	                                        .seen = { { "bob", "phone", 3 }, { "carol", "desk", MESSAGE_NUMBER_MAX } } } }, parsed;
	uint8_t *plain;
	size_t size;

	assert_int_equal(manifest_write(&m, &plain, &size), 0);
	assert_int_equal(manifest_parse((struct span){ plain, size }, &parsed, NULL), 0);
	assert_memory_equal(&parsed, &m, sizeof(m));
	free(plain);
	m.conversation = (struct manifest_conversation){ .number = 1 };
	assert_int_equal(manifest_write(&m, &plain, &size), 0);
	assert_non_null(memmem(plain, size, "\"previous\":null", 15));
	assert_int_equal(manifest_parse((struct span){ plain, size }, &parsed, NULL), 0);
	assert_memory_equal(&parsed, &m, sizeof(m));
	free(plain);
}

static void the_longest_manifest_still_fits(void **state)
{
	static struct manifest m = { .media_type = "a/b" }, parsed;
	uint8_t *plain;
	size_t size;

	memset(m.name, 1, sizeof(m.name) - 1);          /* escaped, six bytes each */
	memset(m.caption, 1, sizeof(m.caption) - 1);
	assert_int_equal(manifest_write(&m, &plain, &size), 0);
	assert_int_equal(size % 512, 0);
	assert_int_equal(manifest_parse((struct span){ plain, size }, &parsed, NULL), 0);
	assert_string_equal(parsed.caption, m.caption);
	free(plain);
}

static void what_a_reader_would_refuse_is_not_written(void **state)
{
	static const char *const types[] = { "", "image", "image/", "/jpeg", "Image/jpeg", "image/a/b", "image/jp eg" };
	struct manifest m = { .name = "x" };
	uint8_t *plain;
	size_t size;

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		strcpy(m.media_type, types[i]);
		assert_int_equal(manifest_write(&m, &plain, &size), -SIS_ERR_BAD_FORMAT);
	}
	strcpy(m.media_type, "a/b");
	strcpy(m.name, "\xff");
	assert_int_equal(manifest_write(&m, &plain, &size), -SIS_ERR_BAD_FORMAT);
	strcpy(m.name, "x");
	m.size = UINT64_MAX;
	assert_int_equal(manifest_write(&m, &plain, &size), -SIS_ERR_BAD_FORMAT);
}

static void a_refused_manifest_leaves_the_output(void **state)
{
	struct manifest m = { .name = "before" };
	const char *why = NULL;
	uint8_t plain[512];

	memset(plain, ' ', sizeof(plain));
	memcpy(plain, "{\"name\":\"after\"}", 16);
	assert_int_equal(manifest_parse((struct span){ plain, sizeof(plain) }, &m, &why), -SIS_ERR_BAD_FORMAT);
	assert_string_equal(m.name, "before");
	assert_non_null(why);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(written_manifests_are_padded_and_parse),
		cmocka_unit_test(a_message_keeps_its_place_in_the_conversation),
		cmocka_unit_test(the_longest_manifest_still_fits),
		cmocka_unit_test(what_a_reader_would_refuse_is_not_written),
		cmocka_unit_test(a_refused_manifest_leaves_the_output),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("manifest", tests, NULL, NULL);
}

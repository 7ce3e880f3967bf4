/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Parts as streams: the same bytes whatever the pieces, and an end only when everything held. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/error.h"
#include "format/reader.h"

#include <stdlib.h>
#include <string.h>

struct bytes { uint8_t *data; size_t size; };

static const struct secret32 key = { { 5 } };

static int append(const uint8_t *data, size_t size, void *arg)
{
	struct bytes *bytes = arg;

	bytes->data = realloc(bytes->data, bytes->size + size + 1);
	assert_non_null(bytes->data);
	memcpy(bytes->data + bytes->size, data, size);
	bytes->size += size;
	return 0;
}

static int refuse(const uint8_t *data, size_t size, void *arg)
{
	return -SIS_ERR_NO_SPACE;
}

static struct bytes make_content(size_t size)
{
	struct bytes bytes = { malloc(size + 1), size };

	for (size_t i = 0; i < size; i++)
		bytes.data[i] = (uint8_t)(i * 31 + i / 255);
	return bytes;
}

static struct bytes seal_in_pieces(const struct bytes *content, size_t piece, bool pad, struct part_digest *ret_digest)
{
	struct bytes sealed = { 0 };
	struct part_writer *writer;

	assert_int_equal(part_writer_new(&key, append, &sealed, &writer), 0);
	for (size_t at = 0; at < content->size; at += piece)
		assert_int_equal(part_writer_feed(writer, content->data + at, piece < content->size - at ? piece : content->size - at), 0);
	if (pad)
		assert_int_equal(part_writer_pad(writer), 0);
	assert_int_equal(part_writer_finish(writer, ret_digest), 0);
	assert_int_not_equal(part_writer_feed(writer, "x", 1), 0);
	part_writer_free(writer);
	return sealed;
}

static int open_in_pieces(const struct bytes *sealed, const struct part_digest *digest, uint64_t content_size, size_t piece, struct bytes *ret_content)
{
	struct part_reader *reader;
	int r = part_reader_new(&key, digest, content_size, append, ret_content, &reader);

	if (r < 0)
		return r;
	for (size_t at = 0; r == 0 && at < sealed->size; at += piece)
		r = part_reader_feed(reader, sealed->data + at, piece < sealed->size - at ? piece : sealed->size - at);
	r = r ? r : part_reader_finish(reader);
	part_reader_free(reader);
	return r;
}

static void pieces_do_not_matter(void **state)
{
	static const size_t sizes[] = { 0, 1, 65535, 65536, 65537, 200000 };
	static const size_t pieces[] = { 997, 65536, 65552, 1000000 };

	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++)
		for (size_t p = 0; p < sizeof(pieces) / sizeof(pieces[0]); p++) {
			struct bytes content = make_content(sizes[s]), opened = { 0 }, sealed;
			uint8_t *whole = malloc(seal_sealed_size(sizes[s])), root[DIGEST_BYTES];
			struct part_digest digest;

			sealed = seal_in_pieces(&content, pieces[p], false, &digest);
			assert_int_equal(seal_part(&key, content.data, content.size, whole, root), 0);
			assert_int_equal(sealed.size, seal_sealed_size(sizes[s]));
			assert_memory_equal(sealed.data, whole, sealed.size);
			assert_memory_equal(digest.root, root, DIGEST_BYTES);
			assert_int_equal(open_in_pieces(&sealed, &digest, UINT64_MAX, pieces[p], &opened), 0);
			assert_int_equal(opened.size, sizes[s]);
			if (sizes[s])
				assert_memory_equal(opened.data, content.data, sizes[s]);
			free(content.data);
			free(opened.data);
			free(sealed.data);
			free(whole);
		}
}

static void padding_is_made_checked_and_cut_off(void **state)
{
	struct bytes content = make_content(70000), opened = { 0 }, cut = { 0 }, sealed;
	struct part_digest digest;

	sealed = seal_in_pieces(&content, 5000, true, &digest);
	assert_int_equal(digest.size, seal_sealed_size(seal_padded_size(70000)));
	assert_int_equal(open_in_pieces(&sealed, &digest, 70000, 10000, &opened), 0);
	assert_int_equal(opened.size, 70000);
	assert_memory_equal(opened.data, content.data, 70000);
	assert_int_equal(open_in_pieces(&sealed, &digest, 69990, 10000, &cut), -SIS_ERR_BAD_FORMAT);
	free(content.data);
	free(opened.data);
	free(cut.data);
	free(sealed.data);
}

static void early_late_and_altered_ends_are_refused(void **state)
{
	struct bytes content = make_content(140000), opened = { 0 }, sealed, other;
	struct part_digest digest, wrong;

	sealed = seal_in_pieces(&content, 140000, false, &digest);
	other = (struct bytes){ sealed.data, sealed.size - 1 };
	assert_int_equal(open_in_pieces(&other, &digest, UINT64_MAX, 65552, &opened), -SIS_ERR_BAD_FORMAT);
	other.size = 65552;
	assert_int_equal(open_in_pieces(&other, &digest, UINT64_MAX, 65552, &opened), -SIS_ERR_BAD_FORMAT);
	append((const uint8_t *)"x", 1, &sealed);
	assert_int_equal(open_in_pieces(&sealed, &digest, UINT64_MAX, 65552, &opened), -SIS_ERR_BAD_FORMAT);
	sealed.size--;
	wrong = digest;
	wrong.root[0] ^= 1;
	assert_int_equal(open_in_pieces(&sealed, &wrong, UINT64_MAX, 1000, &opened), -SIS_ERR_BAD_ROOT);
	wrong = digest;
	wrong.size = 2 * 65552;                         /* another chunk would be the last */
	assert_int_equal(open_in_pieces(&sealed, &wrong, UINT64_MAX, 1000, &opened), -SIS_ERR_BAD_SEAL);
	wrong.size = 65552 + 16;
	assert_int_equal(open_in_pieces(&sealed, &wrong, UINT64_MAX, 1000, &opened), -SIS_ERR_BAD_FORMAT);
	sealed.data[70000] ^= 1;
	assert_int_equal(open_in_pieces(&sealed, &digest, UINT64_MAX, 1000, &opened), -SIS_ERR_BAD_SEAL);
	free(content.data);
	free(opened.data);
	free(sealed.data);
}

static void an_error_of_the_callback_ends_the_stream_and_stays(void **state)
{
	struct bytes content = make_content(10), sealed;
	struct part_digest digest;
	struct part_reader *reader;

	sealed = seal_in_pieces(&content, 10, false, &digest);
	assert_int_equal(part_reader_new(&key, &digest, UINT64_MAX, refuse, NULL, &reader), 0);
	assert_int_equal(part_reader_feed(reader, sealed.data, sealed.size), -SIS_ERR_NO_SPACE);
	assert_int_equal(part_reader_finish(reader), -SIS_ERR_NO_SPACE);
	part_reader_free(reader);
	free(content.data);
	free(sealed.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_do_not_matter),
		cmocka_unit_test(padding_is_made_checked_and_cut_off),
		cmocka_unit_test(early_late_and_altered_ends_are_refused),
		cmocka_unit_test(an_error_of_the_callback_ends_the_stream_and_stays),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("part", tests, NULL, NULL);
}

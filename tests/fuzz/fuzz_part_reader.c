/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A part in transit: the input says what is sealed, how it is altered, and in which pieces it comes. Unaltered it opens to the same bytes;
 * altered it never finishes, and what is released before is a prefix of what was sealed. */
#include "format/reader.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct bytes { uint8_t *data; size_t size; };

static int append(const uint8_t *data, size_t size, void *arg)
{
	struct bytes *bytes = arg;

	bytes->data = realloc(bytes->data, bytes->size + size + 1);
	if (!bytes->data)
		abort();
	if (size)
		memcpy(bytes->data + bytes->size, data, size);
	bytes->size += size;
	return 0;
}

static void seal(const struct secret32 *key, const uint8_t *plain, size_t size, struct bytes *ret_sealed, struct part_digest *ret_digest)
{
	struct part_writer *writer;

	if (part_writer_new(key, append, ret_sealed, &writer) < 0 || part_writer_feed(writer, plain, size) < 0 || part_writer_pad(writer) < 0 ||
	    part_writer_finish(writer, ret_digest) < 0)
		abort();
	part_writer_free(writer);
}

/* Three bytes an edit: where (in 1/65536 of the size), and what is exclusive-ored. Returns whether anything changed. */
static bool alter(struct bytes *sealed, const struct bytes *before, const uint8_t *edits, size_t n_edits)
{
	for (size_t i = 0; i < n_edits; i++) {
		const uint8_t *edit = edits + 3 * i;

		sealed->data[(uint64_t)sealed->size * (unsigned)(edit[0] << 8 | edit[1]) >> 16] ^= edit[2];
	}
	return memcmp(sealed->data, before->data, before->size) != 0;
}

static int read_part(const struct secret32 *key, const struct part_digest *digest, size_t content_size, const struct bytes *sealed, size_t piece,
                     struct bytes *ret_content)
{
	struct part_reader *reader;
	int r = part_reader_new(key, digest, content_size, append, ret_content, &reader);

	if (r < 0)
		abort();
	for (size_t at = 0; r == 0 && at < sealed->size; at += piece)
		r = part_reader_feed(reader, sealed->data + at, piece < sealed->size - at ? piece : sealed->size - at);
	r = r ? r : part_reader_finish(reader);
	part_reader_free(reader);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct secret32 key = { { 3 } };
	static uint8_t content[3 * SEAL_CHUNK_BYTES];
	struct bytes before = { 0 }, sealed = { 0 }, released = { 0 };
	struct part_digest digest;
	size_t content_size, piece, n_edits;
	bool altered;
	int r;

	if (size < 5)
		return 0;
	content_size = (size_t)(data[0] << 16 | data[1] << 8 | data[2]) % sizeof(content);
	piece = 1 + (size_t)(data[3] << 8 | data[4]) * 2;
	n_edits = (size - 5) / 3;
	for (size_t i = 0; i < content_size; i += 4096)
		content[i] = (uint8_t)(i >> 12);
	seal(&key, content, content_size, &before, &digest);
	append(before.data, before.size, &sealed);
	altered = alter(&sealed, &before, data + 5, n_edits);
	r = read_part(&key, &digest, content_size, &sealed, piece < 64 ? 64 : piece, &released);
	if ((r == 0) == altered || released.size > content_size || (released.size && memcmp(released.data, content, released.size)))
		abort();
	if (!altered && released.size != content_size)
		abort();
	free(before.data);
	free(sealed.data);
	free(released.data);
	return 0;
}

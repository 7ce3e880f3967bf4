/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A part as a stream: opening and sealing chunk by chunk, one chunk of memory each. */
#include "format/reader.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

struct part_reader {
	struct seal_cipher *cipher;
	struct merkle merkle;
	struct part_digest digest;              /* what was signed */
	uint64_t n_taken;                       /* sealed bytes so far */
	uint64_t content_left;                  /* plaintext still to be emitted; the rest is padding */
	part_emit_fn *emit;
	void *arg;
	int error;                              /* sticky */
	size_t held;                            /* sealed bytes of an unfinished chunk */
	uint8_t sealed[SEAL_SEALED_CHUNK_BYTES], plain[SEAL_CHUNK_BYTES];
};

struct part_writer {
	struct seal_cipher *cipher;
	struct merkle merkle;
	uint64_t n_fed;                         /* plaintext bytes so far */
	uint64_t n_sealed;
	part_emit_fn *emit;
	void *arg;
	int error;
	size_t held;                            /* a full chunk is held back until it is known whether it is the last */
	uint8_t plain[SEAL_CHUNK_BYTES], sealed[SEAL_SEALED_CHUNK_BYTES];
};

int part_reader_new(const struct secret32 *key, const struct part_digest *digest, uint64_t content_size, part_emit_fn *emit, void *arg,
                    struct part_reader **ret_reader)
{
	__attribute__((cleanup(part_reader_freep))) struct part_reader *reader = NULL;
	uint64_t plain_size;
	int r = seal_plain_size(digest->size, &plain_size);

	if (r < 0)
		return r;
	reader = calloc(1, sizeof(*reader));
	if (!reader)
		return -SIS_ERR_NO_MEMORY;
	r = seal_cipher_new(key, &reader->cipher);
	if (r < 0)
		return r;
	merkle_init(&reader->merkle);
	reader->digest = *digest;
	reader->content_left = content_size;
	reader->emit = emit;
	reader->arg = arg;
	*ret_reader = reader;
	reader = NULL;
	return 0;
}

static bool is_zeros(const uint8_t *data, size_t size)
{
	return !size || (!data[0] && !memcmp(data, data + 1, size - 1));
}

/* Emits what is content and refuses padding that could carry something else. */
static int emit_plain(struct part_reader *reader, size_t plain_size)
{
	const size_t content = plain_size < reader->content_left ? plain_size : (size_t)reader->content_left;
	int r = content ? reader->emit(reader->plain, content, reader->arg) : 0;

	if (r)
		return r;
	reader->content_left -= content;
	return is_zeros(reader->plain + content, plain_size - content) ? 0 : -SIS_ERR_BAD_FORMAT;
}

static int open_chunk(struct part_reader *reader, const uint8_t *sealed, size_t size)
{
	const uint64_t index = reader->merkle.n_leaves;
	const bool last = reader->n_taken + size == reader->digest.size;
	uint8_t leaf[DIGEST_BYTES];
	int r = seal_open_chunk(reader->cipher, index, last, sealed, size, reader->plain);

	if (r < 0)
		return r;
	merkle_hash_leaf(sealed, size, leaf);
	merkle_add_leaf(&reader->merkle, leaf);
	reader->n_taken += size;
	return emit_plain(reader, size - SEAL_TAG_BYTES);
}

/* Sealed size of the chunk that is due. */
static size_t due_chunk_size(const struct part_reader *reader)
{
	const uint64_t left = reader->digest.size - reader->n_taken;

	return left < SEAL_SEALED_CHUNK_BYTES ? (size_t)left : SEAL_SEALED_CHUNK_BYTES;
}

/* Gathers a chunk that comes in several pieces: moves data and size on, opens the chunk when it is whole. */
static int gather(struct part_reader *reader, const uint8_t **data, size_t *size)
{
	const size_t due = due_chunk_size(reader);
	const size_t take = *size < due - reader->held ? *size : due - reader->held;

	memcpy(reader->sealed + reader->held, *data, take);
	reader->held += take;
	*data += take;
	*size -= take;
	if (reader->held < due)
		return 0;
	reader->held = 0;
	return open_chunk(reader, reader->sealed, due);
}

int part_reader_feed(struct part_reader *reader, const void *data, size_t size)
{
	const uint8_t *from = data;

	while (size && !reader->error) {
		const size_t due = due_chunk_size(reader);

		if (!due) {
			reader->error = -SIS_ERR_BAD_FORMAT;
		} else if (!reader->held && size >= due) {      /* whole chunks need no copy */
			reader->error = open_chunk(reader, from, due);
			from += due;
			size -= due;
		} else {
			reader->error = gather(reader, &from, &size);
		}
	}
	return reader->error;
}

int part_reader_finish(struct part_reader *reader)
{
	uint8_t root[DIGEST_BYTES];

	if (!reader->error && reader->n_taken != reader->digest.size)
		reader->error = -SIS_ERR_BAD_FORMAT;
	merkle_root(&reader->merkle, root);
	if (!reader->error && memcmp(root, reader->digest.root, DIGEST_BYTES))
		reader->error = -SIS_ERR_BAD_ROOT;
	return reader->error;
}

void part_reader_free(struct part_reader *reader)
{
	if (!reader)
		return;
	seal_cipher_free(reader->cipher);
	secret_wipe(reader->plain, sizeof(reader->plain));
	free(reader);
}

void part_reader_freep(struct part_reader **reader)
{
	part_reader_free(*reader);
	*reader = NULL;
}

int part_writer_new(const struct secret32 *key, part_emit_fn *emit, void *arg, struct part_writer **ret_writer)
{
	struct part_writer *writer = calloc(1, sizeof(*writer));
	int r = writer ? seal_cipher_new(key, &writer->cipher) : -SIS_ERR_NO_MEMORY;

	if (r < 0) {
		free(writer);
		return r;
	}
	merkle_init(&writer->merkle);
	writer->emit = emit;
	writer->arg = arg;
	*ret_writer = writer;
	return 0;
}

/* Seals what is held as one chunk. */
static int seal_held(struct part_writer *writer, bool last)
{
	const size_t sealed_size = writer->held + SEAL_TAG_BYTES;
	uint8_t leaf[DIGEST_BYTES];
	int r = seal_chunk(writer->cipher, writer->merkle.n_leaves, last, writer->plain, writer->held, writer->sealed);

	if (r < 0)
		return r;
	merkle_hash_leaf(writer->sealed, sealed_size, leaf);
	merkle_add_leaf(&writer->merkle, leaf);
	writer->n_sealed += sealed_size;
	writer->held = 0;
	return writer->emit(writer->sealed, sealed_size, writer->arg);
}

int part_writer_feed(struct part_writer *writer, const void *data, size_t size)
{
	const uint8_t *from = data;

	while (size && !writer->error) {
		size_t take;

		if (writer->held == SEAL_CHUNK_BYTES) {
			writer->error = seal_held(writer, false);
			continue;
		}
		take = size < SEAL_CHUNK_BYTES - writer->held ? size : SEAL_CHUNK_BYTES - writer->held;
		memcpy(writer->plain + writer->held, from, take);
		writer->held += take;
		writer->n_fed += take;
		from += take;
		size -= take;
	}
	return writer->error;
}

int part_writer_pad(struct part_writer *writer)
{
	static const uint8_t zeros[4096];
	const uint64_t padded_size = seal_padded_size(writer->n_fed);

	while (writer->n_fed < padded_size && !writer->error) {
		const uint64_t left = padded_size - writer->n_fed;

		part_writer_feed(writer, zeros, left < sizeof(zeros) ? (size_t)left : sizeof(zeros));
	}
	return writer->error;
}

int part_writer_finish(struct part_writer *writer, struct part_digest *ret_digest)
{
	if (!writer->error)
		writer->error = seal_held(writer, true);
	if (writer->error)
		return writer->error;
	ret_digest->size = writer->n_sealed;
	merkle_root(&writer->merkle, ret_digest->root);
	writer->error = -SIS_ERR_INTERNAL;      /* a finished part takes nothing more */
	return 0;
}

void part_writer_free(struct part_writer *writer)
{
	if (!writer)
		return;
	seal_cipher_free(writer->cipher);
	secret_wipe(writer->plain, sizeof(writer->plain));
	free(writer);
}

void part_writer_freep(struct part_writer **writer)
{
	part_writer_free(*writer);
	*writer = NULL;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Vector files (see README here): loading, writing, and what this implementation makes of one. */
#pragma once

#include "format/reader.h"

struct vector {                         /* free with vector_free */
	char kind[16], expected[32], released[2 * DIGEST_BYTES + 1];
	int64_t now;
	char user[NAME_MAX_TEXT + 1], device[NAME_MAX_TEXT + 1], owner_name[NAME_MAX_TEXT + 1], granter_name[NAME_MAX_TEXT + 1];
	struct secret32 private_key;
	struct item_signer owner, granter;
	uint8_t *data;
	size_t size;
};
/* Returns false, with a line on standard error, when the file is no vector. */
bool vector_load(const char *path, struct vector *ret_vector);
void vector_free(struct vector *vector);
bool vector_write(const char *path, const char *comment, const struct vector *vector);
/* "OK" or the error's name, and the SHA-256 of the content that was released, in hexadecimal. */
const char *vector_outcome(const struct vector *vector, char ret_released[2 * DIGEST_BYTES + 1]);

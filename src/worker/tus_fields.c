/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Upload-Length, Upload-Offset, Upload-Metadata, Upload-Checksum as tus 1.0.0 writes them. */
#include "worker/tus_fields.h"

#include "base/error.h"
#include "base/text.h"
#include "base/util.h"

#include <string.h>

#define NUMBER_MAX 999999999999999u     /* as in structured fields, so that every upload can be gone on with in either protocol */
#define KEYS_MAX 64
#define BASE64 "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

static const struct { const char *name; enum hash_algorithm algorithm; } checksums[] = {
	{ "sha1", HASH_SHA1 }, { "sha256", HASH_SHA256 }, { "sha512", HASH_SHA512 },
};

bool tus_field_number(const char *field, uint64_t *ret_number)
{
	return field != NULL && span_to_u64(span_from_string(field), NUMBER_MAX, ret_number);
}

static size_t key_size(const char *text)
{
	size_t n = 0;
	while (text[n] > 0x20 && text[n] < 0x7f && text[n] != ',')
		n++;
	return n;
}

/* Characters of padded base64, which may be none; SIZE_MAX when it is malformed. */
static size_t base64_size(const char *text)
{
	size_t n = strspn(text, BASE64), n_padding = strspn(text + n, "=");
	return (n + n_padding) % 4 == 0 && n_padding <= 2 ? n + n_padding : SIZE_MAX;
}

static bool has_key(const struct span *keys, unsigned n_keys, struct span key)
{
	for (unsigned i = 0; i < n_keys; i++) {
		if (keys[i].size == key.size && memcmp(keys[i].data, key.data, key.size) == 0)
			return true;
	}
	return false;
}

/* "KEY" or "KEY BASE64", of which *field is moved to the end. */
static int take_pair(const char **field, struct span *ret_key)
{
	size_t size = key_size(*field), value_size = 0;
	if (size == 0)
		return -SIS_ERR_BAD_FORMAT;
	*ret_key = (struct span){ (const uint8_t *)*field, size };
	*field += size;
	if (**field == ' ' && (value_size = base64_size(++*field)) == SIZE_MAX)
		return -SIS_ERR_BAD_FORMAT;
	*field += value_size;
	return 0;
}

int tus_field_metadata(const char *field)
{
	struct span keys[KEYS_MAX], key;
	if (strlen(field) > TUS_METADATA_MAX)
		return -SIS_ERR_TOO_LARGE;
	for (unsigned n_keys = 0; *field != '\0'; n_keys++) {
		if (take_pair(&field, &key) < 0)
			return -SIS_ERR_BAD_FORMAT;
		if (n_keys == KEYS_MAX)
			return -SIS_ERR_TOO_LARGE;
		if (has_key(keys, n_keys, key))
			return -SIS_ERR_BAD_FORMAT;
		keys[n_keys] = key;
		if (*field == '\0')
			return 0;
		if (*field++ != ',')
			return -SIS_ERR_BAD_FORMAT;
		field += strspn(field, " ");
		if (*field == '\0')
			return -SIS_ERR_BAD_FORMAT;
	}
	return 0;
}

int tus_field_checksum(const char *field, enum hash_algorithm *ret_algorithm, uint8_t ret_digest[HASH_BYTES_MAX])
{
	const char *space = strchr(field, ' ');
	if (space == NULL)
		return -SIS_ERR_BAD_FORMAT;
	for (size_t i = 0; i < ARRAY_SIZE(checksums); i++) {
		if (!span_equals((struct span){ (const uint8_t *)field, (size_t)(space - field) }, checksums[i].name))
			continue;
		struct span text = span_from_string(space + 1);
		size_t size = hash_bytes(checksums[i].algorithm);
		if (text.size != 4 * ((size + 2) / 3))
			return -SIS_ERR_BAD_FORMAT;
		while (text.size > 0 && text.data[text.size - 1] == '=')
			text.size--;
		int r = base64_decode(text, ret_digest, size);
		if (r == 0)
			*ret_algorithm = checksums[i].algorithm;
		return r;
	}
	return -SIS_ERR_NO_INPUT;
}

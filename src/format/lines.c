/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Reading of line texts. */
#include "format/lines.h"

#include "base/error.h"
#include "base/util.h"

#include <string.h>

#define SUITE "sis-1"

void lines_fail(struct lines *lines, int error, const char *why)
{
	if (lines->error)
		return;
	lines->error = error;
	lines->why = why;
	cursor_fail(&lines->cursor);
}

struct lines lines_open(struct span text, size_t max)
{
	struct lines lines = { .cursor = cursor_from(text.data, text.size) };

	if (text.size > max)
		lines_fail(&lines, -SIS_ERR_TOO_LARGE, "the text is longer than is allowed");
	return lines;
}

int lines_close(struct lines *lines, const char **ret_why)
{
	if (!lines->error && !cursor_done(&lines->cursor))
		lines_fail(lines, -SIS_ERR_BAD_FORMAT, "there is more after the last line");
	if (lines->error && ret_why)
		*ret_why = lines->why;
	return lines->error;
}

/* True for "2" or "17": a later version's number. */
static bool is_other_version(struct span digits)
{
	if (digits.size < 1 || digits.size > 9 || digits.data[0] == '0' || span_equals(digits, "1"))
		return false;
	for (size_t i = 0; i < digits.size; i++)
		if (digits.data[i] < '0' || digits.data[i] > '9')
			return false;
	return true;
}

void lines_version(struct lines *lines, const char *name)
{
	const size_t name_size = strlen(name);
	struct span line = cursor_get_line(&lines->cursor), number;

	if (lines->cursor.failed || line.size <= name_size || memcmp(line.data, name, name_size) || line.data[name_size] != '/') {
		lines_fail(lines, -SIS_ERR_BAD_FORMAT, "the first line does not name the text's kind and version");
		return;
	}
	number = (struct span){ line.data + name_size + 1, line.size - name_size - 1 };
	if (is_other_version(number))
		lines_fail(lines, -SIS_ERR_UNKNOWN_SUITE, "the text is of a later version");
	else if (!span_equals(number, "1"))
		lines_fail(lines, -SIS_ERR_BAD_FORMAT, "the first line's version is malformed");
}

static bool is_suite_name(struct span value)
{
	if (value.size < 1 || value.size > 32)
		return false;
	for (size_t i = 0; i < value.size; i++) {
		const uint8_t c = value.data[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-')
			return false;
	}
	return true;
}

void lines_suite(struct lines *lines)
{
	struct span value = lines_value(lines, "suite");

	if (lines->error || span_equals(value, SUITE))
		return;
	if (is_suite_name(value))
		lines_fail(lines, -SIS_ERR_UNKNOWN_SUITE, "it is made with a suite that this version does not know");
	else
		lines_fail(lines, -SIS_ERR_BAD_FORMAT, "the suite line is malformed");
}

struct span lines_value(struct lines *lines, const char *keyword)
{
	struct span value = cursor_get_field(&lines->cursor, keyword);

	if (lines->cursor.failed) {
		lines_fail(lines, -SIS_ERR_BAD_FORMAT, "a line is missing, repeated, out of order or malformed");
		return (struct span){ 0 };
	}
	return value;
}

void lines_item(struct lines *lines, const char *keyword, uint8_t ret_id[ITEM_ID_BYTES])
{
	struct span value = lines_value(lines, keyword);

	if (!lines->error && item_id_decode(value, ret_id) < 0)
		lines_fail(lines, -SIS_ERR_BAD_FORMAT, "the item id is not 26 characters of canonical base32");
}

void lines_name(struct lines *lines, const char *keyword, char ret_name[NAME_MAX_TEXT + 1])
{
	struct span value = lines_value(lines, keyword);

	if (!lines->error && (!name_is_valid(value) || !span_to_string(value, ret_name, NAME_MAX_TEXT + 1)))
		lines_fail(lines, -SIS_ERR_BAD_FORMAT, "a user's or device's name is not a valid name");
}

void lines_hex(struct lines *lines, const char *keyword, uint8_t ret_digest[DIGEST_BYTES])
{
	struct span value = lines_value(lines, keyword);

	if (!lines->error && hex_decode(value, ret_digest, DIGEST_BYTES) < 0)
		lines_fail(lines, -SIS_ERR_BAD_FORMAT, "a digest is not 64 lower-case hexadecimal digits");
}

void lines_base64(struct lines *lines, const char *keyword, uint8_t *ret_data, size_t size)
{
	struct span value = lines_value(lines, keyword);

	if (!lines->error && base64_decode(value, ret_data, size) < 0)
		lines_fail(lines, -SIS_ERR_BAD_FORMAT, "a key or wrapped key is not canonical base64 of the right length");
}

void lines_time(struct lines *lines, const char *keyword, int64_t *ret_seconds)
{
	struct span value = lines_value(lines, keyword);

	if (!lines->error && time_decode(value, ret_seconds) < 0)
		lines_fail(lines, -SIS_ERR_BAD_FORMAT, "a time is not of the form 2026-11-21T11:30:00Z");
}

void lines_number(struct lines *lines, const char *keyword, uint64_t max, uint64_t *ret_value)
{
	struct span value = lines_value(lines, keyword);

	if (!lines->error && !span_to_u64(value, max, ret_value))
		lines_fail(lines, -SIS_ERR_BAD_FORMAT, "a number is not a canonical decimal within its range");
}

bool span_take_word(struct span *value, char separator, struct span *ret_word)
{
	const uint8_t *end;

	if (!value->data)
		return false;
	end = value->size ? memchr(value->data, separator, value->size) : NULL;
	if (!end) {
		*ret_word = *value;
		*value = (struct span){ 0 };
		return true;
	}
	*ret_word = (struct span){ value->data, (size_t)(end - value->data) };
	*value = (struct span){ end + 1, value->size - ret_word->size - 1 };
	return true;
}

void lines_names(struct lines *lines, struct span value, char ret_names[AUDIENCE_MAX][NAME_MAX_TEXT + 1], unsigned *ret_n, const char *why)
{
	unsigned n = 0;
	struct span name;

	while (!lines->error && span_take_word(&value, ',', &name)) {
		if (n == AUDIENCE_MAX || !name_is_valid(name) || !span_to_string(name, ret_names[n], NAME_MAX_TEXT + 1) ||
		    (n && strcmp(ret_names[n - 1], ret_names[n]) >= 0))
			lines_fail(lines, -SIS_ERR_BAD_FORMAT, why);
		n++;
	}
	*ret_n = lines->error ? 0 : n;
}

/* "ALGORITHM REST": the rest, or an empty span after lines_fail. */
static struct span take_algorithm(struct lines *lines, const char *keyword, enum key_algorithm *ret_algorithm, const char *why)
{
	static const enum key_algorithm known[] = { KEY_ED25519, KEY_ECDSA_P256 };
	struct span value = lines_value(lines, keyword), algorithm;

	if (lines->error || !span_take_word(&value, ' ', &algorithm))
		return (struct span){ 0 };
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (span_equals(algorithm, key_algorithm_name(known[i]))) {
			*ret_algorithm = known[i];
			return value;
		}
	lines_fail(lines, -SIS_ERR_BAD_FORMAT, why);
	return (struct span){ 0 };
}

void lines_public_key(struct lines *lines, const char *keyword, struct public_key *ret_key)
{
	struct public_key key = { 0 };
	struct span value = take_algorithm(lines, keyword, &key.algorithm, "a key's algorithm is unknown");

	if (lines->error)
		return;
	if (base64_decode(value, key.bytes, public_key_size(key.algorithm)) < 0)
		lines_fail(lines, -SIS_ERR_BAD_FORMAT, "a public key is not canonical base64 of the right length");
	else
		*ret_key = key;
}

void lines_signature(struct lines *lines, struct signature_line *ret_signature)
{
	struct span value = take_algorithm(lines, "signature", &ret_signature->algorithm, "the signature's algorithm is unknown");

	if (!lines->error && base64_decode(value, ret_signature->bytes, SIGNATURE_BYTES) < 0)
		lines_fail(lines, -SIS_ERR_BAD_FORMAT, "the signature is not 86 characters of canonical base64");
}

bool sealed_size_is_possible(uint64_t sealed_size, enum seal_part part)
{
	static const uint64_t max_plain[] = {
		[SEAL_OBJECT] = OBJECT_MAX_BYTES, [SEAL_MANIFEST] = MANIFEST_MAX_BYTES, [SEAL_THUMBNAIL] = THUMBNAIL_MAX_BYTES,
	};
	uint64_t plain_size;

	if (!sealed_size)
		return part == SEAL_THUMBNAIL;
	return seal_plain_size(sealed_size, &plain_size) == 0 && plain_size <= max_plain[part];
}

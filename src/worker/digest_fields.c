/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * RFC 9530 §2, §3, §4. */
#include "worker/digest_fields.h"

#include "base/error.h"
#include "base/text.h"
#include "base/util.h"
#include "worker/structured.h"

#include <stdio.h>

#define WANT_MAX 10                     /* §4: 0 is not at all, 10 the most */

static const struct { const char *name; enum hash_algorithm algorithm; } algorithms[] = { { "sha-256", HASH_SHA256 }, { "sha-512", HASH_SHA512 } };

static int algorithm_find(struct span key)
{
	for (size_t i = 0; i < ARRAY_SIZE(algorithms); i++)
		if (span_equals(key, algorithms[i].name))
			return (int)algorithms[i].algorithm;
	return -1;
}

static int take_digest(struct span key, const struct structured_value *value, void *arg)
{
	struct digest_fields *fields = arg;
	int algorithm = algorithm_find(key);
	if (algorithm < 0)
		return 0;
	fields->has[algorithm] = true;
	return value->type != STRUCTURED_BYTES ? -SIS_ERR_BAD_FORMAT :
		base64_decode(value->base64, fields->digest[algorithm], hash_bytes((enum hash_algorithm)algorithm));
}

int digest_fields_parse(const char *field, struct digest_fields *ret_fields)
{
	struct digest_fields fields = { 0 };
	int r = field != NULL ? structured_dictionary(field, take_digest, &fields) : 0;
	if (r == 0)
		*ret_fields = fields;
	return r;
}

struct wanted { int64_t most[HASH_ALGORITHMS]; };

static int take_wanted(struct span key, const struct structured_value *value, void *arg)
{
	int algorithm = algorithm_find(key);
	if (value->type != STRUCTURED_INTEGER || value->integer < 0 || value->integer > WANT_MAX)
		return -SIS_ERR_BAD_FORMAT;
	if (algorithm >= 0)
		((struct wanted *)arg)->most[algorithm] = value->integer;
	return 0;
}

bool digest_fields_wanted(const char *field, enum hash_algorithm *ret_algorithm)
{
	struct wanted wanted = { 0 };
	if (field == NULL || structured_dictionary(field, take_wanted, &wanted) < 0)
		return false;
	enum hash_algorithm best = wanted.most[HASH_SHA512] > wanted.most[HASH_SHA256] ? HASH_SHA512 : HASH_SHA256;
	if (wanted.most[best] == 0)
		return false;
	*ret_algorithm = best;
	return true;
}

void digest_fields_format(enum hash_algorithm algorithm, const uint8_t *digest, char ret_text[DIGEST_FIELD_TEXT])
{
	char base64[4 * ((HASH_BYTES_MAX + 2) / 3) + 1];
	base64_encode_padded(digest, hash_bytes(algorithm), base64);
	snprintf(ret_text, DIGEST_FIELD_TEXT, "%s=:%s:", algorithm == HASH_SHA512 ? "sha-512" : "sha-256", base64);
}

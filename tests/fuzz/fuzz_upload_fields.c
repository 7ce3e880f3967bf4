/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What strangers write into the fields of an upload: digests as structured fields (RFC 9651), and the fields of tus. */
#include "base/error.h"
#include "worker/digest_fields.h"
#include "worker/structured.h"
#include "worker/tus_fields.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *whole;

/* What is told lies within the field. */
static int look(struct span key, const struct structured_value *value, void *arg)
{
	const uint8_t *start = (const uint8_t *)whole, *end = start + strlen(whole);
	if (key.size == 0 || key.data < start || key.data + key.size > end)
		abort();
	if (value->type == STRUCTURED_BYTES && (value->base64.data < start || value->base64.data + value->base64.size >= end))
		abort();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct digest_fields fields;
	enum hash_algorithm algorithm;
	uint8_t digest[HASH_BYTES_MAX];
	char text[DIGEST_FIELD_TEXT];
	uint64_t number;
	char *field = malloc(size + 1);         /* of its own size: the sanitizers see a byte too far */
	if (field == NULL)
		return 0;
	memcpy(field, data, size);
	field[size] = '\0';
	whole = field;
	(void)structured_dictionary(field, look, NULL);
	if (digest_fields_parse(field, &fields) == 0 && fields.has[HASH_SHA256]) {
		struct digest_fields again;
		digest_fields_format(HASH_SHA256, fields.digest[HASH_SHA256], text);
		if (digest_fields_parse(text, &again) < 0 || memcmp(again.digest[HASH_SHA256], fields.digest[HASH_SHA256], 32) != 0)
			abort();
	}
	(void)digest_fields_wanted(field, &algorithm);
	(void)tus_field_number(field, &number);
	if (tus_field_metadata(field) == 0)
		for (const char *at = field; *at != '\0'; at++)
			if (*at < 0x20 || *at > 0x7e)
				abort();
	(void)tus_field_checksum(field, &algorithm, digest);
	free(field);
	return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Writing of line texts: one line at a time into a builder, which fails for good when one does not fit. */
#include "format/lines.h"

#include "base/error.h"

#include <assert.h>
#include <string.h>

void put_hex(struct builder *builder, const char *keyword, const uint8_t digest[DIGEST_BYTES])
{
	char text[2 * DIGEST_BYTES + 1];

	hex_encode(digest, DIGEST_BYTES, text);
	builder_printf(builder, "%s %s\n", keyword, text);
}

void put_base64(struct builder *builder, const char *keyword, const uint8_t *data, size_t size)
{
	char text[BASE64_SIZE(SIGNATURE_BYTES) + 1];

	assert(size <= SIGNATURE_BYTES);
	base64_encode(data, size, text);
	builder_printf(builder, "%s %s\n", keyword, text);
}

void put_public_key(struct builder *builder, const char *keyword, const struct public_key *key)
{
	char text[BASE64_SIZE(KEY_PUBLIC_MAX) + 1];

	base64_encode(key->bytes, public_key_size(key->algorithm), text);
	builder_printf(builder, "%s %s %s\n", keyword, key_algorithm_name(key->algorithm), text);
}

void put_names(struct builder *builder, const char *keyword, const char names[AUDIENCE_MAX][NAME_MAX_TEXT + 1], unsigned n)
{
	builder_printf(builder, "%s", keyword);
	for (unsigned i = 0; i < n && i < AUDIENCE_MAX; i++)
		builder_printf(builder, "%c%s", i ? ',' : ' ', names[i]);
	builder_printf(builder, "\n");
}

void put_item(struct builder *builder, const uint8_t id[ITEM_ID_BYTES])
{
	char text[ITEM_ID_TEXT + 1];

	item_id_encode(id, text);
	builder_printf(builder, "item %s\n", text);
}

void put_time(struct builder *builder, const char *keyword, int64_t seconds)
{
	char text[TIME_TEXT + 1];

	if (time_encode(seconds, text) < 0)
		builder->failed = true;
	else
		builder_printf(builder, "%s %s\n", keyword, text);
}

int put_done(const struct builder *builder, char *ret_text, size_t *ret_size)
{
	if (builder->failed)
		return -SIS_ERR_BAD_FORMAT;
	memcpy(ret_text, builder->data, builder->size);
	ret_text[builder->size] = '\0';
	*ret_size = builder->size;
	return 0;
}

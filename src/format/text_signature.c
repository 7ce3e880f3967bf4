/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The signature under a line text: made, and verified. */
#include "format/lines.h"

#include "base/error.h"

#include <string.h>

#define LONGEST_TEXT STATEMENT_MAX_BYTES
#define LONGEST_CONTEXT 64

struct span text_before_last(struct span text, unsigned n_lines)
{
	for (; n_lines && text.size; n_lines--)
		do
			text.size--;
		while (text.size && text.data[text.size - 1] != '\n');
	return text;
}

/* What is signed: context, a NUL so that no context is another's prefix, and the text above the signature line. */
static struct span signed_bytes(const char *context, struct span text, uint8_t buffer[LONGEST_CONTEXT + LONGEST_TEXT])
{
	struct builder builder = builder_from(buffer, LONGEST_CONTEXT + LONGEST_TEXT);

	builder_put_bytes(&builder, context, strlen(context) + 1);
	builder_put_bytes(&builder, text.data, text.size);
	return builder.failed ? (struct span){ 0 } : (struct span){ buffer, builder.size };
}

void put_signature(struct builder *builder, const char *context, const struct signing_key *key)
{
	uint8_t buffer[LONGEST_CONTEXT + LONGEST_TEXT], signature[SIGNATURE_BYTES];
	char text[BASE64_SIZE(SIGNATURE_BYTES) + 1];
	struct span message = signed_bytes(context, (struct span){ builder->data, builder->size }, buffer);

	if (builder->failed || !message.size || signature_make(key, message, signature) < 0) {
		builder->failed = true;
		return;
	}
	base64_encode(signature, SIGNATURE_BYTES, text);
	builder_printf(builder, "signature %s %s\n", key_algorithm_name(key->public_key.algorithm), text);
}

int text_verify(struct span text, const char *context, const struct signature_line *signature, const struct public_key *key)
{
	uint8_t buffer[LONGEST_CONTEXT + LONGEST_TEXT];
	struct span message = signed_bytes(context, text_before_last(text, 1), buffer);

	if (!message.size || signature->algorithm != key->algorithm)
		return -SIS_ERR_BAD_SIGNATURE;
	return signature_verify(key, message, signature->bytes);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Endorsements from strangers: what parses is exactly what the writer makes of the same facts. */
#include "format/lines.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct signing_key key = { .public_key.algorithm = KEY_ED25519 };
	char text[ENDORSEMENT_MAX_BYTES + 1];
	const struct span span = { data, size };
	struct endorsement endorsement;
	const char *why = NULL;
	size_t text_size;
	struct span mine, theirs;

	if (endorsement_parse(span, &endorsement, &why) < 0) {
		if (!why)
			abort();
		return 0;
	}
	/* Only a device that vouches for itself is not written. */
	if (endorsement_write(&endorsement, &key, text, &text_size) < 0) {
		if (endorsement.key.algorithm != KEY_ED25519 || memcmp(endorsement.key.bytes, key.public_key.bytes, 32))
			abort();
		return 0;
	}
	/* The endorser is the writer's own key. */
	theirs = text_before_last(span, 3);
	mine = text_before_last((struct span){ (const uint8_t *)text, text_size }, 3);
	if (mine.size != theirs.size || memcmp(mine.data, theirs.data, mine.size))
		abort();
	endorsement_verify(span, &endorsement);
	return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Groups from strangers: what parses is exactly what the writer makes of the same facts. */
#include "format/lines.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct signing_key key = { .public_key.algorithm = KEY_ED25519 };
	char text[GROUP_MAX_BYTES + 1];
	const struct span span = { data, size };
	struct group group;
	const char *why = NULL;
	size_t text_size;
	struct span mine, theirs;

	if (group_parse(span, &group, &why) < 0) {
		if (!why)
			abort();
		return 0;
	}
	if (group_write(&group, &key, text, &text_size) < 0)
		abort();
	theirs = text_before_last(span, 1);
	mine = text_before_last((struct span){ (const uint8_t *)text, text_size }, 1);
	if (mine.size != theirs.size || memcmp(mine.data, theirs.data, mine.size))
		abort();
	group_verify(span, &group, &key.public_key);
	return 0;
}

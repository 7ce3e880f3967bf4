/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Key statements from strangers: what parses is exactly what the writer makes of the same facts. */
#include "format/lines.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct signing_key key = { .public_key.algorithm = KEY_ED25519 };
	char text[KEY_STATEMENT_MAX_BYTES + 1];
	const struct span span = { data, size };
	struct key_statement statement;
	const char *why = NULL;
	size_t text_size;
	struct span mine, theirs;

	if (key_statement_parse(span, &statement, &why) < 0) {
		if (!why)
			abort();
		return 0;
	}
	if (key_statement_write(&statement, &key, text, &text_size) < 0)
		abort();
	theirs = text_before_last(span, 1);
	mine = text_before_last((struct span){ (const uint8_t *)text, text_size }, 1);
	if (mine.size != theirs.size || memcmp(mine.data, theirs.data, mine.size))
		abort();
	key_statement_verify(span, &statement, &key.public_key);
	return 0;
}

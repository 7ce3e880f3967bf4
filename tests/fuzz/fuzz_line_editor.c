/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Bytes of a terminal, or of what is pasted into it: the line stays text, the cursor stays on a character of it, and a row stays within its columns. */
#include "sis/line_editor.h"

#include "base/text.h"
#include "sis/wrap.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct line_editor *line)
{
	char row[1000];
	unsigned column;
	if (line->size > LINE_MAX_BYTES || line->cursor > line->size || line->text[line->size] != '\0' ||
	    !utf8_is_valid((struct span){ (const uint8_t *)line->text, line->cursor }) || !utf8_is_valid((struct span){ (const uint8_t *)line->text, line->size }))
		abort();
	line_render(line, "bob> ", 40, row, sizeof(row), &column);
	if (column >= 40 || wrap_width(span_from_string(row)) >= 40)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct line_editor line;
	wrap_begin();
	memset(&line, 0, sizeof(line));
	for (size_t i = 0; i < size && i < 4096; i++) {
		if (line_feed(&line, data[i]) == LINE_DONE)
			line_clear(&line);
		if (i % 16 == 0)
			check(&line);
	}
	check(&line);
	free(wrap_words("bob: ", (struct span){ data, size }, 2, 40));
	return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Range, If-Range and If-None-Match: one on each line, behind the size of what is asked for. Whatever they say, what is answered lies within it. */
#include "http/range.h"

#include <stdlib.h>
#include <string.h>

#define ETAG "\"0123456789abcdef\""

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *next_line(char **rest)
{
	char *line = strsep(rest, "\n");
	return line == NULL || *line == '\0' ? NULL : line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t whole = 0;
	struct range range = { 0 };
	if (size < sizeof(whole))
		return 0;
	for (size_t i = 0; i < sizeof(whole); i++)
		whole = whole << 8 | data[i];
	whole >>= 1 + whole % 63;
	char *text = calloc(1, size - sizeof(whole) + 1), *rest = text;
	if (text == NULL)
		abort();
	memcpy(text, data + sizeof(whole), size - sizeof(whole));
	char *wanted = next_line(&rest), *if_range = next_line(&rest), *if_none_match = next_line(&rest);
	int r = range_parse(wanted, if_range, ETAG, whole, &range);
	if (r == 0 && range.asked && (range.size == 0 || range.first >= whole || range.size > whole - range.first))
		abort();
	if (r == 0 && !range.asked && (range.first != 0 || range.size != whole))
		abort();
	if (wanted == NULL && (r != 0 || range.asked))
		abort();
	if (range_is_unchanged(if_none_match, ETAG) && if_none_match == NULL)
		abort();
	free(text);
	return 0;
}

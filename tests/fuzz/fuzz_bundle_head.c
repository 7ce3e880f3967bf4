/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The start of an upload: the head has one encoding, its offsets never overflow, and the grants divide or are refused. */
#include "format/reader.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct span span = { data, size };
	struct span found, rest;
	struct bundle_head head;
	char text[BUNDLE_HEAD_MAX_BYTES + 1];
	size_t text_size;
	const char *why = NULL;
	int r = bundle_head_parse(span, &head, &why);

	if (r < 0) {
		if (!why != (r == -SIS_ERR_AGAIN))
			abort();
		return 0;
	}
	if (bundle_head_write(&head, text, sizeof(text), &text_size) < 0 || text_size > size || memcmp(text, data, text_size))
		abort();
	if (bundle_part_offset(&head, SEAL_OBJECT) > bundle_size(&head) || head.head_size > size)
		abort();
	rest = (struct span){ data + head.head_size, size - head.head_size };
	grants_find(rest, head.n_grants, "bob", "laptop", &found, NULL);
	return 0;
}

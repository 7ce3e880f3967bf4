/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Cleaning a picture: one target and one corpus for each format. What comes out is clean: cleaned again, it comes out the same, and nothing is found to
 * remove. */
#include "picture/clean.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cleaned once, twice;
	const char *why = NULL;
	int r = clean_picture((struct span){ data, size }, &once, &why);
	if (r < 0) {
		if (r != -SIS_ERR_BAD_FORMAT || why == NULL)
			abort();
		return 0;
	}
	if (clean_picture((struct span){ once.data, once.size }, &twice, &why) < 0)
		abort();
	if (twice.size != once.size || memcmp(twice.data, once.data, once.size) != 0 || twice.removed != 0 || twice.orientation != once.orientation)
		abort();
	free(once.data);
	free(twice.data);
	return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The first bytes of any file: nothing is read beyond them. */
#include "format/manifest.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *media_type = NULL;
	uint32_t width = 7, height = 7;
	const bool known = media_recognise(data, size, &media_type, &width, &height);

	if (known != (media_type != NULL) || (!known && (width != 7 || height != 7)))
		abort();
	return 0;
}

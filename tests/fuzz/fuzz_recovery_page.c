/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A recovery page that somebody typed, or made up: read, or refused with a sentence; what is read is written and read again as the same. */
#include "sis/recovery_page.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP_BLOB struct blob sealed = { 0 }, page = { 0 }, again = { 0 };
	char subject[RECOVERY_FOR_TEXT], other[RECOVERY_FOR_TEXT];
	struct why why = { "" };
	int r = recovery_page_read((struct span){ data, size }, &sealed, subject, &why);
	if (r < 0) {
		if (why.text[0] == '\0')
			abort();
		return 0;
	}
	if (recovery_page_write("for the fuzzer", (struct span){ sealed.data, sealed.size }, &page) < 0 ||
	    recovery_page_read((struct span){ page.data, page.size }, &again, other, &why) < 0 || again.size != sealed.size ||
	    memcmp(again.data, sealed.data, sealed.size) != 0)
		abort();
	return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * EST answers: base64 of PKCS#7, from a server that may be hostile. */
#include "pki/pki.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct blob ders[4];
	size_t n = 0;
	if (est_decode_certificates((struct span){ data, size }, ders, 4, &n) == 0)
		for (size_t i = 0; i < n; i++)
			blob_free(&ders[i]);
	return 0;
}

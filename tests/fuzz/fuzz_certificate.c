/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Certificates: what a TLS client shows, what a server tells of others, and what lies on the disk as PEM. */
#include "pki/pki.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct certificate certificate;
	struct span input = { data, size };
	CLEANUP_BLOB struct blob der = { NULL, 0 };
	(void)certificate_parse(input, &certificate);
	(void)certificate_is_ca(input);
	(void)certificate_verify(input, input, 1700000000);
	if (certificate_from_pem(input, &der) == 0)
		(void)certificate_parse((struct span){ der.data, der.size }, &certificate);
	return 0;
}

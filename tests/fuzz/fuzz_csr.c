/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Certificate signing requests: what whoever enrolls sends first. */
#include "pki/pki.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct csr csr;
	/* Whatever is taken has valid names or none. */
	if (csr_parse((struct span){ data, size }, &csr) == 0 &&
	    ((csr.user[0] != '\0' && !name_is_valid(span_from_string(csr.user))) || (csr.device[0] != '\0' && !name_is_valid(span_from_string(csr.device)))))
		__builtin_trap();
	return 0;
}

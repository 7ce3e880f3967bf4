/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Revocation lists, as if their signature held. */
#include "pki/crl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t serial[] = { 0x41, 2, 3 };
	struct span needle = { serial, sizeof(serial) };
	struct crl crl;
	int64_t time;
	uint8_t reason;
	if (crl_parse((struct span){ data, size }, &crl) == 0)
		(void)crl_find(crl.entries, needle, &time, &reason);
	(void)crl_find((struct span){ data, size }, needle, &time, &reason);
	return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Certificates of authorities as a server sends them: the first is the one that is known. */
#include "pki/pki.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = { data, size }, known, offered[AUTHORITIES_OFFERED_MAX];
	struct blob set = { NULL, 0 };
	static const uint8_t nobody[FINGERPRINT_BYTES];
	size_t n = 0;
	(void)authorities_check(rest);
	(void)authorities_newest(rest);
	if (!authorities_next(&rest, &known))
		return 0;
	while (n < AUTHORITIES_OFFERED_MAX && authorities_next(&rest, &offered[n]))
		n++;
	if (authorities_extend(known, offered, n, 1800000000, &set) >= 0)
		(void)authorities_check((struct span){ set.data, set.size });
	blob_free(&set);
	(void)authorities_lead_to(known, offered, n, 2600000000, nobody);
	return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The request header that carries the proof for a new key. */
#include "pki/pki.h"

#include <stdio.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t proof[REKEY_PROOF_BYTES];
	char base64[BASE64_SIZE(SIGNATURE_BYTES) + 1], again[REKEY_PROOF_TEXT + 1];
	if (rekey_proof_parse((struct span){ data, size }, proof) < 0)
		return 0;
	/* One form only: what is taken is what would be written. */
	base64_encode(proof + 1, SIGNATURE_BYTES, base64);
	snprintf(again, sizeof(again), "%s %s", key_algorithm_name((enum key_algorithm)proof[0]), base64);
	if (strlen(again) != size || memcmp(again, data, size) != 0)
		__builtin_trap();
	return 0;
}

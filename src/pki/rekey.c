/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The proof that a device itself wants its new key. The worker alone sees the TLS handshake and the CSR, and may have been taken over: what the ledger
 * can verify is only what the device has signed. */
#include "pki/pki.h"

#include "base/error.h"
#include "base/util.h"

#include <stdio.h>
#include <string.h>

static const char context[] = "sis/1 rekey";            /* its NUL is signed, too */
#define SIGNED_MAX (sizeof(context) + FINGERPRINT_BYTES + 1 + KEY_PUBLIC_MAX)

static struct span rekey_signed(const uint8_t fingerprint[FINGERPRINT_BYTES], const struct public_key *new_key, uint8_t buffer[SIGNED_MAX])
{
	struct builder builder = builder_from(buffer, SIGNED_MAX);
	builder_put_bytes(&builder, context, sizeof(context));
	builder_put_bytes(&builder, fingerprint, FINGERPRINT_BYTES);
	builder_put_u8(&builder, (uint8_t)new_key->algorithm);
	builder_put_bytes(&builder, new_key->bytes, public_key_size(new_key->algorithm));
	return (struct span){ buffer, builder.size };
}

int rekey_proof_make(const struct signing_key *old_key, const uint8_t fingerprint[FINGERPRINT_BYTES], const struct public_key *new_key,
                     char ret_text[REKEY_PROOF_TEXT + 1])
{
	uint8_t buffer[SIGNED_MAX], signature[SIGNATURE_BYTES];
	char base64[BASE64_SIZE(SIGNATURE_BYTES) + 1];
	int r = signature_make(old_key, rekey_signed(fingerprint, new_key, buffer), signature);
	if (r < 0)
		return r;
	base64_encode(signature, sizeof(signature), base64);
	snprintf(ret_text, REKEY_PROOF_TEXT + 1, "%s %s", key_algorithm_name(old_key->public_key.algorithm), base64);
	return 0;
}

int rekey_proof_parse(struct span text, uint8_t ret_proof[REKEY_PROOF_BYTES])
{
	static const enum key_algorithm known[] = { KEY_ED25519, KEY_ECDSA_P256 };
	uint8_t signature[SIGNATURE_BYTES];
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		const char *name = key_algorithm_name(known[i]);
		size_t size = strlen(name);
		if (text.size <= size || memcmp(text.data, name, size) != 0 || text.data[size] != ' ')
			continue;
		int r = base64_decode((struct span){ text.data + size + 1, text.size - size - 1 }, signature, sizeof(signature));
		if (r < 0)
			return r;
		ret_proof[0] = (uint8_t)known[i];
		memcpy(ret_proof + 1, signature, sizeof(signature));
		return 0;
	}
	return -SIS_ERR_BAD_FORMAT;
}

int rekey_proof_verify(struct span proof, const struct public_key *old_key, const uint8_t fingerprint[FINGERPRINT_BYTES],
                       const struct public_key *new_key)
{
	uint8_t buffer[SIGNED_MAX];
	if (proof.size != REKEY_PROOF_BYTES || proof.data[0] != (uint8_t)old_key->algorithm)
		return -SIS_ERR_BAD_SIGNATURE;
	return signature_verify(old_key, rekey_signed(fingerprint, new_key, buffer), proof.data + 1);
}

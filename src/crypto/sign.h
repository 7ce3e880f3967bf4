/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Signatures over statements, grants and key statements: Ed25519 (RFC 8032) and ECDSA P-256 with SHA-256 (FIPS 186-5; r || s, 32 bytes each).
 * Keys are raw: Ed25519 public 32, P-256 public X || Y 64 bytes; private seed or scalar 32 bytes. */
#pragma once

#include "base/cursor.h"
#include "base/secret.h"

enum key_algorithm { KEY_ED25519 = 1, KEY_ECDSA_P256 = 2 };
#define KEY_PUBLIC_MAX 64
#define SIGNATURE_BYTES 64

struct public_key {
	enum key_algorithm algorithm;
	uint8_t bytes[KEY_PUBLIC_MAX];
};
struct signing_key {                    /* wipe with signing_key_wipe */
	struct public_key public_key;
	struct secret32 secret;
};

size_t public_key_size(enum key_algorithm algorithm);                   /* bytes; 0 for an algorithm that is none */
const char *key_algorithm_name(enum key_algorithm algorithm);           /* "ed25519", "ecdsa-p256" : as in the signature lines */
/* UNKNOWN_SUITE for an algorithm that is none, or the error of random_bytes. */
int signing_key_generate(enum key_algorithm algorithm, struct signing_key *ret_key);
void signing_key_from_secret(const struct secret32 *secret, struct signing_key *ret_key);          /* Ed25519 */
void signing_key_wipe(struct signing_key *key);
int signature_make(const struct signing_key *key, struct span message, uint8_t ret_signature[SIGNATURE_BYTES]);
int signature_verify(const struct public_key *key, struct span message, const uint8_t signature[SIGNATURE_BYTES]);   /* BAD_SIGNATURE */

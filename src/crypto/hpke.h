/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * RFC 9180 HPKE, base mode, single shot: DHKEM(X25519, HKDF-SHA256) 0x0020, HKDF-SHA256 0x0001, AES-256-GCM 0x0002. */
#pragma once

#include "base/cursor.h"
#include "base/secret.h"

#define HPKE_KEY_BYTES 32
#define HPKE_TAG_BYTES 16

/* X25519, from getrandom(2): its error. */
int  hpke_generate_key(struct secret32 *ret_private_key, uint8_t ret_public_key[HPKE_KEY_BYTES]);
void hpke_public_key(const struct secret32 *private_key, uint8_t ret_public_key[HPKE_KEY_BYTES]);
/* ret_sealed holds plain.size + 16. */
int hpke_seal(const uint8_t public_key[HPKE_KEY_BYTES], struct span info, struct span aad, struct span plain,
              uint8_t ret_encapsulation[HPKE_KEY_BYTES], uint8_t *ret_sealed);
/* The same with a given ephemeral key: for the published vectors only. */
int hpke_seal_with(const struct secret32 *ephemeral, const uint8_t public_key[HPKE_KEY_BYTES], struct span info, struct span aad,
                   struct span plain, uint8_t ret_encapsulation[HPKE_KEY_BYTES], uint8_t *ret_sealed);
/* BAD_SEAL when it was not sealed to this key with this info and aad, or the encapsulation is a small-order point. */
int hpke_open(const struct secret32 *private_key, const uint8_t encapsulation[HPKE_KEY_BYTES], struct span info, struct span aad,
              struct span sealed, uint8_t *ret_plain);
/* The same for who has worked out the public key of private_key already. */
int hpke_open_as(const struct secret32 *private_key, const uint8_t public_key[HPKE_KEY_BYTES], const uint8_t encapsulation[HPKE_KEY_BYTES],
                 struct span info, struct span aad, struct span sealed, uint8_t *ret_plain);

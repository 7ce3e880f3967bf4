/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * AES-256-GCM. The one place of this room that names GnuTLS: its GCM runs at more than twice the speed of nettle's. Used inside this room. */
#pragma once

#include "base/cursor.h"
#include "base/secret.h"

#define AEAD_NONCE_BYTES 12
#define AEAD_TAG_BYTES 16

struct aead;                            /* one per thread */
int aead_new(const struct secret32 *key, struct aead **ret_aead);
void aead_free(struct aead *aead);                      /* accepts NULL */
void aead_freep(struct aead **aead);
#define CLEANUP_AEAD __attribute__((cleanup(aead_freep)))
/* ret_sealed holds plain.size + 16 and must not overlap plain. */
int aead_seal(struct aead *aead, const uint8_t nonce[AEAD_NONCE_BYTES], struct span aad, struct span plain, uint8_t *ret_sealed);
/* BAD_SEAL when the tag does not hold: then ret_plain (sealed.size - 16 bytes) is wiped. */
int aead_open(struct aead *aead, const uint8_t nonce[AEAD_NONCE_BYTES], struct span aad, struct span sealed, uint8_t *ret_plain);

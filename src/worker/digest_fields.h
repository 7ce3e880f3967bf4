/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * RFC 9530: Content-Digest, Repr-Digest, and what a client wants of them. sha-256 and sha-512; what else is named is passed over (§5). */
#pragma once

#include "crypto/hash.h"

#include <stdbool.h>
#include <stdint.h>

struct digest_fields {
	bool has[HASH_ALGORITHMS];
	uint8_t digest[HASH_ALGORITHMS][HASH_BYTES_MAX];
};

#define DIGEST_FIELD_TEXT 112           /* sha-512=:...: */

/* field NULL: none. BAD_FORMAT when it is malformed, or a digest has not its algorithm's length: RFC 9651 §4.2 leaves the choice between passing over
 * such a field and refusing the message, and who sends a digest wants the bytes checked. */
int digest_fields_parse(const char *field, struct digest_fields *ret_fields);
/* Want-Content-Digest, Want-Repr-Digest (§4): the algorithm that is liked best. False when none of ours is wanted, or the field is malformed. */
bool digest_fields_wanted(const char *field, enum hash_algorithm *ret_algorithm);
void digest_fields_format(enum hash_algorithm algorithm, const uint8_t *digest, char ret_text[DIGEST_FIELD_TEXT]);

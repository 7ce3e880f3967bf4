/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The header fields of tus 1.0.0 (https://tus.io/protocols/resumable-upload): numbers, Upload-Metadata, Upload-Checksum. */
#pragma once

#include "crypto/hash.h"

#include <stdbool.h>
#include <stdint.h>

#define TUS_VERSION "1.0.0"
#define TUS_EXTENSIONS "creation,creation-with-upload,checksum,expiration,termination"
#define TUS_CHECKSUMS "sha256,sha512,sha1"
#define TUS_METADATA_MAX 2048           /* characters of the whole field */

/* Digits only, at most 15 of them. NULL: not there. */
bool tus_field_number(const char *field, uint64_t *ret_number);
/* Pairs of a key (printable ASCII without space and comma, none twice) and base64 (§4 of RFC 4648, padded), divided by commas; a key may stand alone.
 * The whole may be empty. TOO_LARGE, BAD_FORMAT. What it says is kept and given back, and otherwise never used. */
int tus_field_metadata(const char *field);
/* "ALGORITHM BASE64". NO_INPUT: an algorithm that is not ours; BAD_FORMAT. */
int tus_field_checksum(const char *field, enum hash_algorithm *ret_algorithm, uint8_t ret_digest[HASH_BYTES_MAX]);

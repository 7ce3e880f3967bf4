/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The little DER (ITU-T X.690) that GnuTLS 3.7 has no interface for: the reasons in CRL entries. */
#pragma once

#include "base/cursor.h"

#define DER_INTEGER 0x02
#define DER_BIT_STRING 0x03
#define DER_OCTET_STRING 0x04
#define DER_OID 0x06
#define DER_ENUMERATED 0x0a
#define DER_UTC_TIME 0x17
#define DER_GENERALIZED_TIME 0x18
#define DER_SEQUENCE 0x30
#define DER_CONTEXT_0 0xa0              /* constructed */
#define DER_CONTEXT_0_PRIMITIVE 0x80

/* Content of the next element, which must have this tag and a shortest-form length; the cursor fails otherwise. */
struct span der_get(struct cursor *cursor, uint8_t tag);
bool der_next_is(const struct cursor *cursor, uint8_t tag);
/* An integer of 0 to 2^63-1. */
uint64_t der_get_u64(struct cursor *cursor, uint8_t tag);
int64_t der_get_time(struct cursor *cursor);            /* RFC 5280 §4.1.2.5; seconds since the epoch */

/* Writes from the end of a buffer towards its start, so that every length is known when its header is written: the last thing first.
 * `mark` is der_mark() from before the content was put. */
struct der_writer {
	uint8_t *start, *at, *end;
	bool failed;
};
struct der_writer der_writer_from(void *data, size_t capacity);
size_t der_mark(const struct der_writer *writer);
void der_put_raw(struct der_writer *writer, const void *data, size_t size);
void der_put(struct der_writer *writer, uint8_t tag, const void *data, size_t size);
void der_put_u64(struct der_writer *writer, uint8_t tag, uint64_t value);
void der_put_time(struct der_writer *writer, int64_t seconds);
void der_wrap(struct der_writer *writer, uint8_t tag, size_t mark);

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Dictionaries of structured fields (RFC 9651 §4.2.2), strict: a field with one wrong character is no field. What a member's value may be is not
 * limited to what we can use, since members that nobody knows are to be passed over. */
#pragma once

#include "base/cursor.h"

#include <stdbool.h>
#include <stdint.h>

enum structured_type { STRUCTURED_OTHER, STRUCTURED_INTEGER, STRUCTURED_BOOLEAN, STRUCTURED_BYTES };
struct structured_value {
	enum structured_type type;
	int64_t integer;                /* BOOLEAN: 0 or 1 */
	struct span base64;             /* BYTES: what stands between the colons, without padding; not decoded, but of that alphabet */
};

/* Tells fn of each member, in order (of a key that stands twice, both: the last one counts, §4.2.2). 0, BAD_FORMAT, or what fn returned. */
int structured_dictionary(const char *field, int (*fn)(struct span key, const struct structured_value *value, void *arg), void *arg);

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Range requests (RFC 9110 §14): one range of bytes. Several ranges, other units and malformed ones are answered with the whole, as allowed. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct range { uint64_t first, size; bool asked; };

/* USAGE when the range begins after the end: 416. if_range must be the very etag for the range to hold (§13.1.5). NULL: no such field. */
int range_parse(const char *range, const char *if_range, const char *etag, uint64_t size, struct range *ret_range);
/* If-None-Match lists the etag, or "*". */
bool range_is_unchanged(const char *if_none_match, const char *etag);

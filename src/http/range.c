/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Range, If-Range and If-None-Match. */
#include "http/range.h"

#include "base/cursor.h"
#include "base/error.h"

#include <string.h>
#include <strings.h>

static bool number(const char *text, size_t size, uint64_t *ret_value)
{
	return span_to_u64((struct span){ (const uint8_t *)text, size }, INT64_MAX, ret_value);
}

int range_parse(const char *range, const char *if_range, const char *etag, uint64_t size, struct range *ret_range)
{
	*ret_range = (struct range){ .size = size };
	if (range == NULL || strncasecmp(range, "bytes=", 6) != 0 || (if_range != NULL && strcmp(if_range, etag) != 0))
		return 0;
	const char *from = range + 6, *dash = strchr(from, '-');
	if (dash == NULL || strpbrk(range, ", \t") != NULL)
		return 0;
	const char *to = dash + 1;
	uint64_t first, last = size - 1;
	if (dash == from) {                     /* the last so many bytes */
		if (!number(to, strlen(to), &last))
			return 0;
		if (last == 0)
			return -SIS_ERR_USAGE;
		first = last < size ? size - last : 0;
		last = size - 1;
	} else if (!number(from, (size_t)(dash - from), &first) || (*to != '\0' && !number(to, strlen(to), &last)) || (*to != '\0' && last < first)) {
		return 0;
	}
	if (first >= size)
		return -SIS_ERR_USAGE;
	if (last >= size)
		last = size - 1;
	*ret_range = (struct range){ .first = first, .size = last - first + 1, .asked = true };
	return 0;
}

bool range_is_unchanged(const char *if_none_match, const char *etag)
{
	/* Our tags are quoted hexadecimal digits: none can be part of another. */
	return if_none_match != NULL && (strcmp(if_none_match, "*") == 0 || strstr(if_none_match, etag) != NULL);
}

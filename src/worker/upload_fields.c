/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Upload-Complete, Upload-Offset, Upload-Length, Upload-Limit. */
#include "worker/upload_fields.h"

#include <stdio.h>
#include <string.h>

#define SF_INTEGER_MAX 999999999999999u /* RFC 9651 §3.3.1 */

static bool field_integer(const struct http_request *request, const char *name, uint64_t *ret_value)
{
	const char *text = http_request_header(request, name);
	return text != NULL && span_to_u64(span_from_string(text), SF_INTEGER_MAX, ret_value);
}

static bool field_boolean(const struct http_request *request, const char *name, bool *ret_value)
{
	const char *text = http_request_header(request, name);
	if (text == NULL || (strcmp(text, "?0") != 0 && strcmp(text, "?1") != 0))
		return false;
	*ret_value = text[1] == '1';
	return true;
}

bool upload_fields_parse(const struct http_request *request, uint64_t start, struct upload_fields *ret_fields)
{
	struct upload_fields fields = { .length = UINT64_MAX };
	uint64_t body = http_request_body_size(request);
	fields.has_complete = field_boolean(request, "Upload-Complete", &fields.complete);
	fields.has_offset = field_integer(request, "Upload-Offset", &fields.offset);
	bool has_length = field_integer(request, "Upload-Length", &fields.length);
	if (start == UINT64_MAX)
		start = fields.offset;
	/* A plain POST, or one that completes, says with its Content-Length where the upload ends; any other at least how far it goes. */
	if (body != UINT64_MAX && (fields.complete || !fields.has_complete)) {
		if (has_length && fields.length != start + body)
			return false;
		fields.length = start + body;
	} else if (body != UINT64_MAX && has_length && start + body > fields.length) {
		return false;
	}
	*ret_fields = fields;
	return true;
}

bool upload_id_is_valid(const char *id)
{
	size_t size = strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789");
	return size > 0 && size <= UPLOAD_ID_MAX && id[size] == '\0';
}

void upload_limit_format(const struct worker *worker, char ret_text[UPLOAD_LIMIT_TEXT])
{
	uint64_t max = worker->max_item_bytes < SF_INTEGER_MAX ? worker->max_item_bytes : SF_INTEGER_MAX;
	snprintf(ret_text, UPLOAD_LIMIT_TEXT, "max-size=%llu", (unsigned long long)max);
}

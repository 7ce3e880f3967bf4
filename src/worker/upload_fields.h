/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The header fields of draft-ietf-httpbis-resumable-upload §4.1: what they say, and whether they agree with each other. */
#pragma once

#include "worker/worker.h"

#define UPLOAD_INTEROP_VERSION "8"
#define UPLOAD_LIMIT_TEXT 64

struct upload_fields {
	bool has_complete, complete, has_offset;
	uint64_t offset;
	uint64_t length;                /* of the whole upload; UINT64_MAX: not told */
};

/* start: where this request's body begins in the upload, UINT64_MAX: where its Upload-Offset says. False when two lengths disagree. A field
 * that is no structured field of the right type is as good as absent (§4.1). */
bool upload_fields_parse(const struct http_request *request, uint64_t start, struct upload_fields *ret_fields);
bool upload_id_is_valid(const char *id);
void upload_limit_format(const struct worker *worker, char ret_text[UPLOAD_LIMIT_TEXT]);

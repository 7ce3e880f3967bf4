/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A request's bytes against the digests that came with it: Content-Digest (RFC 9530), Upload-Checksum (tus). Bytes that were not compared do not count:
 * the ledger cuts them off again (UPLOAD_CLOSE). */
#pragma once

#include "worker/worker.h"

struct upload_check;
/* NULL when the request has no digest that we know. BAD_FORMAT, NO_INPUT (a checksum algorithm that is not ours), NO_MEMORY. */
int upload_check_new(const struct http_request *request, bool is_tus, struct upload_check **ret_check);
void upload_check_add(struct upload_check *check, const uint8_t *data, size_t size);
bool upload_check_holds(struct upload_check *check);
void upload_check_free(struct upload_check *check);

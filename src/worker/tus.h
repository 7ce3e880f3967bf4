/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tus 1.0.0 on the same resources as the IETF draft: what its requests and answers are called. The uploads are the same, and can be gone on with in
 * either protocol. */
#pragma once

#include "worker/tus_fields.h"
#include "worker/worker.h"

#define TUS_MEDIA_TYPE "application/offset+octet-stream"

/* Answers after a body that did not fail, in tus's words. */
void tus_respond_incomplete(struct exchange *exchange);
void tus_respond_committed(struct exchange *exchange, const char *item);

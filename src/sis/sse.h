/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Reading an event stream (Server-Sent Events, WHATWG HTML §9.2) from a server that we do not trust: strict and bounded. What our server never sends
 * (lines ended by CR alone, NUL, numbers that are none) is an error and not a guess. */
#pragma once

#include "base/cursor.h"

#include <stdbool.h>

#define SSE_KIND_MAX 15
#define SSE_LINE_MAX (4u << 20)         /* and all data of one event together */

struct sse_event {                      /* borrowed for the call */
	char kind[SSE_KIND_MAX + 1];            /* "message" when it was not said */
	bool has_id;
	uint64_t id;
	struct span data;
};
struct sse_text { uint8_t *data; size_t size, capacity; };
struct sse {                            /* zero-initialised; free with sse_free */
	struct sse_text line, data;
	bool has_data, failed;
	struct sse_event event;
};
void sse_free(struct sse *sse);
/* Takes the next bytes; calls fn for each event that they complete, non-zero ends. PROTOCOL, TOO_LARGE, NO_MEMORY or what fn gave; PROTOCOL ever after. */
int sse_feed(struct sse *sse, const uint8_t *data, size_t size, int (*fn)(const struct sse_event *event, void *arg), void *arg);

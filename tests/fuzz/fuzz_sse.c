/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * An event stream of a hostile server: in one piece and byte by byte the same events come of it, and the same end. */
#include "sis/sse.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen { unsigned n; uint64_t hash; };

static void mix(struct seen *seen, const void *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		seen->hash = (seen->hash ^ ((const uint8_t *)data)[i]) * 0x100000001b3u;
}

static int see(const struct sse_event *event, void *arg)
{
	struct seen *seen = arg;
	assert(strlen(event->kind) >= 1 && event->id <= INT64_MAX && event->data.size <= SSE_LINE_MAX);
	seen->n++;
	mix(seen, event->kind, sizeof(event->kind));
	mix(seen, &event->id, sizeof(event->id));
	mix(seen, event->data.data, event->data.size);
	return 0;
}

static int feed(const uint8_t *data, size_t size, size_t step, struct seen *ret_seen)
{
	struct sse sse = { 0 };
	int r = 0;
	*ret_seen = (struct seen){ 0 };
	for (size_t at = 0; at < size && r == 0; at += step)
		r = sse_feed(&sse, data + at, size - at < step ? size - at : step, see, ret_seen);
	sse_free(&sse);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen whole, pieces;
	int r = feed(data, size, size > 0 ? size : 1, &whole);
	int s = feed(data, size, 1, &pieces);
	assert(r == s && whole.n == pieces.n && whole.hash == pieces.hash);
	return 0;
}

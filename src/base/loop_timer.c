/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The timers of a loop: a binary heap, the soonest deadline at index 0. */
#include "base/loop_internal.h"

#include "base/error.h"
#include "base/util.h"

#include <assert.h>
#include <stdlib.h>

static void heap_put(struct loop *loop, uint32_t index, struct loop_source *source)
{
	loop->heap[index] = source;
	source->heap_index = index;
}

static void heap_sift_up(struct loop *loop, uint32_t index)
{
	struct loop_source *source = loop->heap[index];
	for (; index > 0 && loop->heap[(index - 1) / 2]->deadline_ns > source->deadline_ns; index = (index - 1) / 2)
		heap_put(loop, index, loop->heap[(index - 1) / 2]);
	heap_put(loop, index, source);
}

static void heap_sift_down(struct loop *loop, uint32_t index)
{
	struct loop_source *source = loop->heap[index];
	for (;;) {
		uint32_t child = 2 * index + 1;
		if (child + 1 < loop->n_heap && loop->heap[child + 1]->deadline_ns < loop->heap[child]->deadline_ns)
			child++;
		if (child >= loop->n_heap || loop->heap[child]->deadline_ns >= source->deadline_ns)
			break;
		heap_put(loop, index, loop->heap[child]);
		index = child;
	}
	heap_put(loop, index, source);
}

void loop_timer_disarm(struct loop_source *source)
{
	struct loop *loop = source->loop;
	uint32_t index = source->heap_index;
	if (index == DISARMED)
		return;
	source->heap_index = DISARMED;
	struct loop_source *last = loop->heap[--loop->n_heap];
	if (last == source)
		return;
	heap_put(loop, index, last);
	heap_sift_up(loop, index);
	heap_sift_down(loop, last->heap_index);
}

static int heap_reserve(struct loop *loop)
{
	if (loop->n_timers < loop->heap_capacity)
		return 0;
	uint32_t capacity = loop->heap_capacity > 0 ? loop->heap_capacity * 2 : 8;
	struct loop_source **heap = reallocarray(loop->heap, capacity, sizeof(*heap));
	if (heap == NULL)
		return -SIS_ERR_NO_MEMORY;
	loop->heap = heap;
	loop->heap_capacity = capacity;
	return 0;
}

int loop_add_timer(struct loop *loop, int64_t delay_ms, loop_timer_fn *fn, void *arg, struct loop_source **ret_source)
{
	int error = heap_reserve(loop);
	if (error != 0)
		return error;
	struct loop_source *source = loop_source_new(loop, -1, arg);
	if (source == NULL)
		return -SIS_ERR_NO_MEMORY;
	source->on_timer = fn;
	loop->n_timers++;
	loop_timer_set(source, delay_ms);
	if (ret_source != NULL)
		*ret_source = source;
	return 0;
}

void loop_timer_set(struct loop_source *source, int64_t delay_ms)
{
	struct loop *loop = source->loop;
	assert(source->fd < 0 && !source->removed);
	loop_timer_disarm(source);
	if (delay_ms < 0)
		return;
	if (delay_ms > INT64_MAX / 4000000)
		delay_ms = INT64_MAX / 4000000;
	/* Later than this round's clock, so that a timer re-armed with 0 in its own callback waits for the next round. */
	source->deadline_ns = time_monotonic_ns() + (uint64_t)delay_ms * 1000000u + 1;
	heap_put(loop, loop->n_heap, source);
	heap_sift_up(loop, loop->n_heap++);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What loop.c and loop_timer.c share: the loop and its sources. */
#pragma once

#include "base/loop.h"

#include <signal.h>
#include <stddef.h>

#define DISARMED UINT32_MAX              /* the heap_index of a timer that waits for nothing */

struct loop_source {
	struct loop *loop;
	struct loop_source *previous, *next;    /* all sources of the loop, or (next only) those waiting to be freed */
	union {
		loop_io_fn *on_io;
		loop_timer_fn *on_timer;
	};
	void *arg;
	union {
		uint64_t deadline_ns;
		uint32_t epoll_events;
	};
	int fd;                                 /* -1 for a timer */
	uint32_t heap_index;
	bool removed;
};

struct loop_after { loop_timer_fn *fn; void *arg; };
struct loop_signal { loop_signal_fn *fn; void *arg; };

struct loop {
	int epoll_fd, signal_fd;
	bool stopped;
	int result;
	uint64_t now_ns;                        /* when this round began */
	struct loop_source *sources, *removed;
	struct loop_source **heap;
	uint32_t n_timers, n_heap, heap_capacity; /* room is made when a timer is created, so that arming one cannot fail */
	struct loop_after *after;
	size_t n_after, after_capacity;
	sigset_t signal_set;
	struct loop_signal signals[NSIG];
};

/* A source (fd -1: a timer) among the loop's, which frees it; NULL when there is no memory. */
struct loop_source *loop_source_new(struct loop *loop, int fd, void *arg);

/* loop_timer.c: takes a timer out of the heap, if it is in there. */
void loop_timer_disarm(struct loop_source *source);

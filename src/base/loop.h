/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The one event loop (epoll, level-triggered), one per process. Callbacks may add and remove any source, themselves included. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

struct loop;
struct loop_source;

typedef void loop_io_fn(uint32_t epoll_events, void *arg);
typedef void loop_timer_fn(void *arg);
typedef void loop_signal_fn(int signal_number, void *arg);

int loop_new(struct loop **ret_loop);
void loop_free(struct loop *loop);
/* Does not own fd. Remove the source before closing fd. ret_source may be NULL for sources that live as long as the loop. */
int loop_add_io(struct loop *loop, int fd, uint32_t epoll_events, loop_io_fn *fn, void *arg, struct loop_source **ret_source);
int loop_modify_io(struct loop_source *source, uint32_t epoll_events);   /* 0 events: keep registered, hear only errors */
/* One shot after delay_ms; re-arm with loop_timer_set. delay_ms < 0 creates it disarmed. Millions of timers are not needed: binary heap. */
int loop_add_timer(struct loop *loop, int64_t delay_ms, loop_timer_fn *fn, void *arg, struct loop_source **ret_source);
void loop_timer_set(struct loop_source *source, int64_t delay_ms);
/* Blocks the signal and delivers it through signalfd. */
int loop_add_signal(struct loop *loop, int signal_number, loop_signal_fn *fn, void *arg);
void loop_remove(struct loop_source *source);           /* accepts NULL; safe inside any callback */
/* Runs fn once after the callbacks of this round: where batches are flushed. */
int loop_add_after(struct loop *loop, loop_timer_fn *fn, void *arg);
int loop_run(struct loop *loop);                        /* until loop_stop; returns the value given there */
void loop_stop(struct loop *loop, int result);

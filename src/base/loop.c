/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The event loop: epoll for descriptors, a binary heap for timers (loop_timer.c), one signalfd. Removed sources are only marked while a round
 * runs and freed at its end, because epoll may already have returned an event for them. */
#include "base/loop_internal.h"

#include "base/error.h"
#include "base/util.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define EVENTS_A_ROUND 64

int loop_new(struct loop **ret_loop)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	if (loop == NULL)
		return -SIS_ERR_NO_MEMORY;
	loop->signal_fd = -1;
	sigemptyset(&loop->signal_set);
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0) {
		int error = error_from_errno(errno);
		free(loop);
		return error;
	}
	*ret_loop = loop;
	return 0;
}

static void free_removed(struct loop *loop)
{
	while (loop->removed != NULL) {
		struct loop_source *source = loop->removed;
		loop->removed = source->next;
		free(source);
	}
}

void loop_free(struct loop *loop)
{
	if (loop == NULL)
		return;
	while (loop->sources != NULL)
		loop_remove(loop->sources);
	free_removed(loop);
	fd_close(loop->signal_fd);
	fd_close(loop->epoll_fd);
	free(loop->heap);
	free(loop->after);
	free(loop);
}

struct loop_source *loop_source_new(struct loop *loop, int fd, void *arg)
{
	struct loop_source *source = calloc(1, sizeof(*source));
	if (source == NULL)
		return NULL;
	*source = (struct loop_source){ .loop = loop, .arg = arg, .fd = fd, .heap_index = DISARMED, .next = loop->sources };
	if (loop->sources != NULL)
		loop->sources->previous = source;
	loop->sources = source;
	return source;
}

static void source_unlink(struct loop_source *source)
{
	if (source->previous != NULL)
		source->previous->next = source->next;
	else
		source->loop->sources = source->next;
	if (source->next != NULL)
		source->next->previous = source->previous;
}

static int epoll_set(struct loop_source *source, int operation, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = source };
	return epoll_ctl(source->loop->epoll_fd, operation, source->fd, &event) < 0 ? error_from_errno(errno) : 0;
}

int loop_add_io(struct loop *loop, int fd, uint32_t epoll_events, loop_io_fn *fn, void *arg, struct loop_source **ret_source)
{
	struct loop_source *source = loop_source_new(loop, fd, arg);
	if (source == NULL)
		return -SIS_ERR_NO_MEMORY;
	source->on_io = fn;
	source->epoll_events = epoll_events;
	int error = epoll_set(source, EPOLL_CTL_ADD, epoll_events);
	if (error != 0) {
		source_unlink(source);
		free(source);
		return error;
	}
	if (ret_source != NULL)
		*ret_source = source;
	return 0;
}

int loop_modify_io(struct loop_source *source, uint32_t epoll_events)
{
	assert(source->fd >= 0 && !source->removed);
	if (source->epoll_events == epoll_events)
		return 0;
	int error;
	if ((source->epoll_events | epoll_events) & EPOLLEXCLUSIVE) {
		/* epoll refuses EPOLL_CTL_MOD for exclusive waiters. */
		error = epoll_set(source, EPOLL_CTL_DEL, 0);
		if (error == 0)
			error = epoll_set(source, EPOLL_CTL_ADD, epoll_events);
	} else {
		error = epoll_set(source, EPOLL_CTL_MOD, epoll_events);
	}
	if (error == 0)
		source->epoll_events = epoll_events;
	return error;
}

void loop_remove(struct loop_source *source)
{
	if (source == NULL)
		return;
	assert(!source->removed);
	struct loop *loop = source->loop;
	if (source->fd >= 0) {
		(void)epoll_set(source, EPOLL_CTL_DEL, 0);
	} else {
		loop_timer_disarm(source);
		loop->n_timers--;
	}
	source_unlink(source);
	source->removed = true;
	source->next = loop->removed;
	loop->removed = source;
}

static void on_signalfd(uint32_t epoll_events, void *arg)
{
	struct loop *loop = arg;
	struct signalfd_siginfo info;
	while (read(loop->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		struct loop_signal *signal = &loop->signals[info.ssi_signo];
		if (signal->fn != NULL)
			signal->fn((int)info.ssi_signo, signal->arg);
	}
}

int loop_add_signal(struct loop *loop, int signal_number, loop_signal_fn *fn, void *arg)
{
	assert(signal_number > 0 && signal_number < NSIG);
	sigset_t set = loop->signal_set;
	sigaddset(&set, signal_number);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return error_from_errno(errno);
	bool first = loop->signal_fd < 0;
	int fd = signalfd(loop->signal_fd, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0)
		return error_from_errno(errno);
	loop->signal_fd = fd;
	int error = first ? loop_add_io(loop, fd, EPOLLIN, on_signalfd, loop, NULL) : 0;
	if (error != 0) {
		loop->signal_fd = fd_close(fd);
		return error;
	}
	loop->signal_set = set;
	loop->signals[signal_number] = (struct loop_signal){ .fn = fn, .arg = arg };
	return 0;
}

int loop_add_after(struct loop *loop, loop_timer_fn *fn, void *arg)
{
	if (loop->n_after == loop->after_capacity) {
		size_t capacity = loop->after_capacity > 0 ? loop->after_capacity * 2 : 8;
		struct loop_after *after = reallocarray(loop->after, capacity, sizeof(*after));
		if (after == NULL)
			return -SIS_ERR_NO_MEMORY;
		loop->after = after;
		loop->after_capacity = capacity;
	}
	loop->after[loop->n_after++] = (struct loop_after){ .fn = fn, .arg = arg };
	return 0;
}

/* Milliseconds that epoll may wait, rounded up so that a timer is due when it returns. */
static int wait_ms(const struct loop *loop)
{
	if (loop->n_after > 0)
		return 0;
	if (loop->n_heap == 0)
		return -1;
	uint64_t now = time_monotonic_ns(), deadline = loop->heap[0]->deadline_ns;
	if (deadline <= now)
		return 0;
	uint64_t ms = (deadline - now + 999999) / 1000000;
	return ms > INT_MAX ? INT_MAX : (int)ms;
}

static void run_timers(struct loop *loop)
{
	loop->now_ns = time_monotonic_ns();
	while (loop->n_heap > 0 && loop->heap[0]->deadline_ns <= loop->now_ns) {
		struct loop_source *source = loop->heap[0];
		loop_timer_disarm(source);
		source->on_timer(source->arg);
	}
}

/* What is added meanwhile belongs to the next round. */
static void run_after(struct loop *loop)
{
	size_t n = loop->n_after;
	for (size_t i = 0; i < n; i++) {
		struct loop_after after = loop->after[i];
		after.fn(after.arg);
	}
	loop->n_after -= n;
	for (size_t i = 0; i < loop->n_after; i++)
		loop->after[i] = loop->after[n + i];
}

static int run_round(struct loop *loop)
{
	struct epoll_event events[EVENTS_A_ROUND];
	int n = epoll_wait(loop->epoll_fd, events, EVENTS_A_ROUND, wait_ms(loop));
	if (n < 0 && errno != EINTR)
		return error_from_errno(errno);
	for (int i = 0; i < n; i++) {
		struct loop_source *source = events[i].data.ptr;
		if (!source->removed)
			source->on_io(events[i].events, source->arg);
	}
	run_timers(loop);
	run_after(loop);
	free_removed(loop);
	return 0;
}

int loop_run(struct loop *loop)
{
	while (!loop->stopped) {
		int error = run_round(loop);
		if (error != 0)
			return error;
	}
	loop->stopped = false;
	return loop->result;
}

void loop_stop(struct loop *loop, int result)
{
	loop->stopped = true;
	loop->result = result;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * LD_PRELOAD: the clocks, shifted by what stands in a file that is mapped at start, so that it may change while the program runs and has no way to
 * any file any more. The kernel's own clocks are not touched. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* In seconds: the time of day, the time since the host started with its sleep, and without. */
struct shifts { int64_t realtime, boottime, monotonic; };
static const volatile struct shifts *shifts;

__attribute__((constructor)) static void map_shifts(void)
{
	const char *path = getenv("SIS_TEST_CLOCK");
	int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *page = fd >= 0 ? mmap(NULL, sizeof(struct shifts), PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
	if (page != MAP_FAILED)
		shifts = page;
	if (fd >= 0)
		close(fd);
}

static int64_t shift_of(clockid_t id)
{
	if (shifts == NULL)
		return 0;
	switch (id) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
		return shifts->realtime;
	case CLOCK_BOOTTIME:
		return shifts->boottime;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_COARSE:
		return shifts->monotonic;
	default:
		return 0;
	}
}

int clock_gettime(clockid_t id, struct timespec *now)
{
	int r = (int)syscall(SYS_clock_gettime, id, now);
	if (r == 0)
		now->tv_sec += shift_of(id);
	return r;
}

/* So that a timer that became due by a shift is seen. */
int epoll_wait(int fd, struct epoll_event *events, int n, int timeout_ms)
{
	return epoll_pwait(fd, events, n, timeout_ms < 0 || timeout_ms > 50 ? 50 : timeout_ms, NULL);
}

time_t time(time_t *ret_now)
{
	struct timespec now = { 0 };
	clock_gettime(CLOCK_REALTIME, &now);
	if (ret_now != NULL)
		*ret_now = now.tv_sec;
	return now.tv_sec;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	struct timespec exact;
	(void)zone;
	clock_gettime(CLOCK_REALTIME, &exact);
	*now = (struct timeval){ .tv_sec = exact.tv_sec, .tv_usec = exact.tv_nsec / 1000 };
	return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * For tests: a clock that jumps for sisd's processes alone, since a machine's clock is its host's. Loaded by /etc/ld.so.preload of the machine; how many seconds
 * the time of day is ahead stands, as eight bytes, in the file that is mapped here, before a sandbox is entered. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define OFFSET_FILE "/srv/clock-offset"

static const volatile int64_t *offset;
static int (*real_clock_gettime)(clockid_t, struct timespec *);

__attribute__((constructor))
static void begin(void)
{
	int fd;

	real_clock_gettime = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
	if (strncmp(program_invocation_short_name, "sisd", 4) != 0 || (fd = open(OFFSET_FILE, O_RDONLY | O_CLOEXEC)) < 0)
		return;
	offset = mmap(NULL, sizeof *offset, PROT_READ, MAP_SHARED, fd, 0);
	if (offset == MAP_FAILED)
		offset = NULL;
	close(fd);
}

int clock_gettime(clockid_t clock, struct timespec *ret_now)
{
	int r = real_clock_gettime(clock, ret_now);

	if (r == 0 && offset && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		ret_now->tv_sec += *offset;
	return r;
}

int gettimeofday(struct timeval *ret_now, void *zone)
{
	struct timespec now;
	int r = clock_gettime(CLOCK_REALTIME, &now);

	(void)zone;
	ret_now->tv_sec = now.tv_sec;
	ret_now->tv_usec = now.tv_nsec / 1000;
	return r;
}

time_t time(time_t *ret_now)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (ret_now)
		*ret_now = now.tv_sec;
	return now.tv_sec;
}

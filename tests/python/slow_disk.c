/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * LD_PRELOAD: a disk that takes its time to make something durable, as disks do that are no part of the host's memory. */
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void take_time(void)
{
	const struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000L };
	syscall(SYS_nanosleep, &pause, NULL);
}

int fsync(int fd)
{
	take_time();
	return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	take_time();
	return (int)syscall(SYS_fdatasync, fd);
}

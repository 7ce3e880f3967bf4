/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The confined process: what decodes a picture may be taken over by it, so it has one descriptor, can open nothing, and has little time and memory. */
#include "picture/child.h"

#include "base/util.h"
#include "sandbox/sandbox.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#define STREAM_FD 3
#define MEMORY_BYTES (UINT64_C(512) << 20)

static const struct { enum job job; unsigned seconds; } limits[] = {
	{ JOB_LOOK, JOB_SECONDS }, { JOB_CONVERT, JOB_CONVERT_SECONDS }, { JOB_DECODE, JOB_SECONDS }, { JOB_INSPECT, JOB_SECONDS },
};

static void limit(int resource, uint64_t value)
{
	(void)setrlimit(resource, &(struct rlimit){ value, value });
}

/* The system calls of the table are fewer than these need, so they come first. */
static void limit_resources(uint8_t job)
{
	unsigned seconds = 0;
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		if (limits[i].job == job)
			seconds = limits[i].seconds;
	}
	if (seconds == 0)
		_exit(1);
	limit(RLIMIT_CPU, seconds);
	limit(RLIMIT_FSIZE, 0);
#ifndef SIS_SANITIZERS
	limit(RLIMIT_DATA, MEMORY_BYTES);
#endif
	signal(SIGALRM, SIG_DFL);
	setitimer(ITIMER_REAL, &(struct itimerval){ .it_value.tv_sec = seconds }, NULL);
}

static void confine(uint8_t job)
{
	struct sandbox_profile profile = { .role = ROLE_PICTURE, .uid = (uid_t)-1, .gid = (gid_t)-1 };
	char words[256];
	bool weak;
	limit_resources(job);
	if (sandbox_enter(&profile, words, sizeof(words), &weak) < 0)
		_exit(1);
}

static void keep_only(int fd)
{
	if (fd != STREAM_FD && dup2(fd, STREAM_FD) < 0)
		_exit(1);
	for (int i = 0; i < STREAM_FD; i++)
		(void)close(i);
	if (close_range(STREAM_FD + 1, ~0u, 0) < 0)
		_exit(1);
}

static struct span read_picture(void)
{
	uint64_t size;
	if (fd_read_all(STREAM_FD, &size, sizeof(size)) < 0 || size > JOB_PICTURE_MAX_BYTES)
		_exit(1);
	uint8_t *data = malloc((size_t)size + 1);
	if (data == NULL || fd_read_all(STREAM_FD, data, (size_t)size) < 0)
		_exit(1);
	return (struct span){ data, (size_t)size };
}

void child_send(enum job_frame frame, const void *data, uint64_t size)
{
	uint8_t kind = (uint8_t)frame;
	if (fd_write_all(STREAM_FD, &kind, 1) < 0 || fd_write_all(STREAM_FD, &size, sizeof(size)) < 0 || fd_write_all(STREAM_FD, data, (size_t)size) < 0)
		_exit(1);
}

/* Tags are told first: what else happens to the process, they were. */
static bool do_job(uint8_t job, struct span picture)
{
	if (job == JOB_LOOK || job == JOB_INSPECT)
		inspect_picture(picture);
	if (job == JOB_LOOK)
		return render_thumbnail(picture);
	if (job == JOB_CONVERT)
		return render_whole(picture);
	return job == JOB_DECODE ? render_pixels(picture) : true;
}

noreturn void child_run(int stream_fd, uint8_t job)
{
	keep_only(stream_fd);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	confine(job);
	struct span picture = read_picture();
	if (do_job(job, picture))
		child_send(JOB_END, NULL, 0);
	_exit(0);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How often in a row sisd was started and did not last, kept in systemd's runtime directory: it outlives the process, and ends with the boot.
 *
 * systemd 252 has one delay for all restarts (RestartSteps= came with 254), and then two bad choices: to give up for good after a burst, which closes
 * the sockets, too, or to write a failed start a second into the journal for as long as a disk is full. So the unit never gives up, and it is the master that
 * waits, before it opens anything: twice as long each time. Who mends the cause and restarts by hand does not wait. */
#include "sisd/master.h"
#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define STARTS_AT_ONCE 3                /* so many that did not last are repeated without a wait */
#define DELAY_MOST_S 60
#define LASTED_MS 60000                 /* after this, a start was a good one */
#define COUNT_MOST 1000000

/* malloc'd; NULL when systemd has not given us a directory. */
static char *starts_path(void)
{
	const char *directory = getenv("RUNTIME_DIRECTORY");

	return directory && *directory == '/' ? xasprintf("%.*s/starts", (int)strcspn(directory, ":"), directory) : NULL;
}

static unsigned starts_read(const char *path)
{
	CLEANUP_FREE char *text = NULL;
	size_t size;
	unsigned long n;

	if (file_read(AT_FDCWD, path, 32, &text, &size) < 0 || *text < '0' || *text > '9')
		return 0;
	n = strtoul(text, NULL, 10);
	return n < COUNT_MOST ? (unsigned)n : COUNT_MOST;
}

static void starts_write(const char *path, unsigned n)
{
	char text[16];
	int size = snprintf(text, sizeof text, "%u\n", n);

	/* Not to be written is no reason not to start: there is only no delay then but the unit's own. */
	(void)file_write_atomic(AT_FDCWD, path, text, (size_t)size, 0600);
}

static unsigned delay_of(unsigned n_starts)
{
	unsigned delay_s = 1;

	if (n_starts < STARTS_AT_ONCE)
		return 0;
	while (n_starts-- > STARTS_AT_ONCE && delay_s < DELAY_MOST_S)
		delay_s *= 2;
	return delay_s < DELAY_MOST_S ? delay_s : DELAY_MOST_S;
}

/* false when it was told to end instead. */
static bool wait_or_end(unsigned seconds)
{
	const struct timespec delay = { .tv_sec = seconds };
	sigset_t enders, before;
	int caught;

	sigemptyset(&enders);
	sigaddset(&enders, SIGTERM);
	sigaddset(&enders, SIGINT);
	sigprocmask(SIG_BLOCK, &enders, &before);
	do
		caught = sigtimedwait(&enders, NULL, &delay);
	while (caught < 0 && errno == EINTR);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return caught < 0;
}

void backoff_forget(void)
{
	CLEANUP_FREE char *path = starts_path();

	if (path)
		unlink(path);
}

bool backoff_wait(struct master *master)
{
	CLEANUP_FREE char *path = starts_path();
	unsigned n_starts = path ? starts_read(path) : 0, delay_s = delay_of(n_starts);
	char delay[32];

	if (path)
		starts_write(path, n_starts + 1);
	if (delay_s == 0)
		return true;
	snprintf(delay, sizeof delay, "%u second%s", delay_s, delay_s == 1 ? "" : "s");
	MASTER_LOG(master, START_DELAYED, .count = n_starts, .detail = delay);
	notify_delayed(n_starts, delay_s);
	if (wait_or_end(delay_s))
		return true;
	backoff_forget();
	return false;
}

static void backoff_lasted(void *arg)
{
	backoff_forget();
}

void backoff_started(struct master *master)
{
	struct loop_source *timer;

	(void)loop_add_timer(master->loop, LASTED_MS, backoff_lasted, NULL, &timer);
}

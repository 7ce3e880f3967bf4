/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What systemd is told, and when, by the protocol of sd_notify(3). Without systemd all of it does nothing. */
#include "sisd/master.h"
#include "base/util.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#define START_TIME_S 90                 /* systemd's own default */
#define NOTIFY_PATIENCE_MS 1000         /* for a systemd that is busy: READY=1 must not be lost */

/* A socket anew each time: it is seldom, and systemd may have been started anew. */
__attribute__((format(printf, 1, 2)))
static void tell(const char *format, ...)
{
	const char *name = getenv("NOTIFY_SOCKET");
	CLEANUP_FD int fd = -1;
	char text[2048];
	va_list arguments;
	int size;

	va_start(arguments, format);
	size = vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	if (name && size > 0 && (size_t)size < sizeof text && datagram_connect(name, &fd) == 0)
		(void)datagram_send(fd, text, (size_t)size, NOTIFY_PATIENCE_MS);
}

static void watchdog_ping(void *arg)
{
	struct master *master = arg;

	tell("WATCHDOG=1");
	loop_timer_set(master->notify_timer, (int64_t)(master->watchdog_interval_us / 1000));
}

void notify_begin(struct master *master)
{
	uint64_t timeout_us = 0;

	if (sd_watchdog_enabled(0, &timeout_us) <= 0)
		return;
	master->watchdog_interval_us = timeout_us / 2;
	if (loop_add_timer(master->loop, -1, watchdog_ping, master, &master->notify_timer) == 0)
		watchdog_ping(master);
}

void notify_ready(struct master *master, const char *trouble)
{
	const struct listeners *listeners = &master->listeners;

	tell("READY=1\nSTATUS=Serving on %s%s with %u worker%s%s\nMAINPID=%d", listeners->n ? listeners->address[0] : "no address",
	     listeners->n > 1 ? " and more" : "", master->n_workers, master->n_workers == 1 ? "" : "s", trouble, (int)getpid());
}

/* systemctl status shows a failed start without what it wrote on standard error, but with this. */
void notify_failed(const char *why)
{
	tell("STATUS=Cannot start: %.*s", (int)strcspn(why, "\n"), why);
}

void notify_reloading(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	tell("RELOADING=1\nMONOTONIC_USEC=%lld\nSTATUS=Reading the configuration again",
	     (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
}

void notify_stopping(void)
{
	tell("STOPPING=1\nSTATUS=Stopping: the workers finish what is under way");
}

/* The time that systemd allows for a start begins after the wait. */
void notify_delayed(unsigned n_starts, unsigned seconds)
{
	tell("EXTEND_TIMEOUT_USEC=%llu\nSTATUS=The last %u starts failed, the next try is in %u second%s: \"journalctl -u\" says why, "
	           "\"systemctl restart\" does not wait",
	           (seconds + START_TIME_S) * 1000000ULL, n_starts, seconds, seconds == 1 ? "" : "s");
}

void notify_extend_start(uint64_t microseconds)
{
	tell("EXTEND_TIMEOUT_USEC=%llu\nSTATUS=Starting", (unsigned long long)microseconds);
}

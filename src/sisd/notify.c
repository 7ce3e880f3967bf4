/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sd_notify(3): what systemd is told, and when. Without systemd all of it does nothing. */
#include "sisd/master.h"

#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#define START_TIME_S 90                 /* systemd's own default */

static void watchdog_ping(void *arg)
{
	struct master *master = arg;

	sd_notify(0, "WATCHDOG=1");
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

void notify_ready(struct master *master)
{
	const struct listeners *listeners = &master->listeners;

	sd_notifyf(0, "READY=1\nSTATUS=Serving on %s%s with %u workers\nMAINPID=%d", listeners->n ? listeners->address[0] : "no address",
	           listeners->n > 1 ? " and more" : "", master->n_workers, (int)getpid());
}

void notify_reloading(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld\nSTATUS=Reading the configuration again",
	           (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
}

void notify_stopping(void)
{
	sd_notify(0, "STOPPING=1\nSTATUS=Stopping: the workers finish what is under way");
}

/* The time that systemd allows for a start begins after the wait. */
void notify_delayed(unsigned n_starts, unsigned seconds)
{
	sd_notifyf(0, "EXTEND_TIMEOUT_USEC=%llu\nSTATUS=The last %u starts failed, the next try is in %u second%s: \"systemctl restart\" does not wait",
	           (seconds + START_TIME_S) * 1000000ULL, n_starts, seconds, seconds == 1 ? "" : "s");
}

void notify_extend_start(uint64_t microseconds)
{
	sd_notifyf(0, "EXTEND_TIMEOUT_USEC=%llu\nSTATUS=Starting", (unsigned long long)microseconds);
}

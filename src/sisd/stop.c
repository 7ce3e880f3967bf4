/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Stopping in order, within 20 seconds: workers drain, then the ledger finishes its batch, then the signer. */
#include "sisd/master.h"

#include <signal.h>

/* How long a role is asked for, and when it is killed. */
static const struct { uint32_t grace_ms, kill_ms; } stop_limits[] = {
	[MASTER_STOPPING_WORKERS] = { 10000, 11000 },
	[MASTER_STOPPING_LEDGER] = { 3000, 4000 },
	[MASTER_STOPPING_SIGNER] = { 1000, 2000 },
};
#define KILLED_MS 1000                  /* for the kernel to end who was killed: with the above, 20 s in all */

static bool belongs_to_phase(const struct process *process)
{
	switch (process->master->phase) {
	case MASTER_STOPPING_WORKERS:
		return process->role == ROLE_WORKER;
	case MASTER_STOPPING_LEDGER:
		return process->role == ROLE_LEDGER;
	default:
		return process->role == ROLE_SIGNER;
	}
}

static bool phase_is_over(struct master *master)
{
	struct process *process;

	MASTER_FOR_EACH(master, process)
		if (belongs_to_phase(process) && process_is_alive(process))
			return false;
	return true;
}

static void phase_ask(struct master *master)
{
	struct process *process;

	MASTER_FOR_EACH(master, process) {
		if (!belongs_to_phase(process))
			continue;
		loop_timer_set(process->timer, -1);
		if (!process_is_alive(process))
			continue;
		process->state = PROCESS_STOPPING;
		if (process->channel)
			CHANNEL_SEND(process->channel, 0, stop, STOP, &(struct message_stop){ .grace_ms = stop_limits[master->phase].grace_ms });
	}
	master->stop_killed = false;
	loop_timer_set(master->stop_timer, stop_limits[master->phase].kill_ms);
}

/* First it kills; what is there even after that waits for a dead disk, and we do not wait with it. */
static void phase_end(void *arg)
{
	struct master *master = arg;
	struct process *process;

	MASTER_FOR_EACH(master, process) {
		if (!belongs_to_phase(process))
			continue;
		if (master->stop_killed)
			process->pid = 0;
		else
			supervise_kill(process, SIGKILL, "it did not stop in time");
	}
	if (!master->stop_killed)
		loop_timer_set(master->stop_timer, KILLED_MS);
	master->stop_killed = true;
	stop_advance(master);
}

void stop_advance(struct master *master)
{
	while (phase_is_over(master)) {
		if (master->phase == MASTER_STOPPING_SIGNER) {
			loop_stop(master->loop, master->exit_status);
			return;
		}
		master->phase++;
		phase_ask(master);
	}
}

static void stop_now(struct master *master)
{
	struct process *process;

	MASTER_FOR_EACH(master, process)
		supervise_kill(process, SIGKILL, "sisd was told twice to stop");
	loop_stop(master->loop, master->exit_status);
}

/* reason is static. Called again, it does not wait for anybody any more. */
void stop_begin(struct master *master, const char *reason, int exit_status)
{
	if (master_is_stopping(master)) {
		if (exit_status == 0)
			stop_now(master);
		return;
	}
	MASTER_LOG(master, STOPPING, .reason = reason);
	notify_stopping();
	master->exit_status = exit_status;
	master->phase = MASTER_STOPPING_WORKERS;
	listen_close(&master->listeners);
	loop_add_timer(master->loop, -1, phase_end, master, &master->stop_timer);
	phase_ask(master);
	stop_advance(master);
}

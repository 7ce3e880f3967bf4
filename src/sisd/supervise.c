/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Starting, watching, burying and replacing the roles. A role is gone when it was waited for and its channel is read empty: its last words
 * often say why. */
#include "sisd/master.h"
#include "base/error.h"
#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#define NS_PER_MS 1000000ULL
#define NS_PER_S 1000000000ULL
#define BACKOFF_FIRST_MS 100
#define BACKOFF_MOST_MS 10000
#define BACKOFF_RESET_S 60
#define EARLY_DEATHS_MOST 5             /* of one worker, before the daemon was ever ready */
#define LAST_WORDS_MS 2000              /* between the end of the channel and the end of the process, either way round */
#define ABORT_TO_KILL_MS 2000
#define WATCHDOG_ROUND_MS 10000         /* or a third of WatchdogSec=, where that is less: who wants to hear early of a dead sisd wants it of a dead role */
#define WATCHDOG_SILENT_ROUNDS 3        /* as a rule 30 s */
#define WATCHDOG_DISK_ROUNDS 30         /* as a rule 300 s for who waits for the disk: no signal would reach it anyway */
#define START_LIMIT_S 60
#define LEDGER_START_LIMIT_S 900        /* it may have to go through a large store after an unclean stop */

bool process_is_alive(const struct process *process)
{
	return process->pid > 0;
}

const char *process_name(const struct process *process)
{
	return role_name(process->role);
}

void supervise_kill(struct process *process, int signal_number, const char *reason)
{
	if (!process->end_reason)
		process->end_reason = reason;
	if (process->pid > 0 && !process->exited)
		(void)owner_signal(process, signal_number);
}

static const char *end_describe(const struct process *process, char *text, size_t capacity)
{
	int status = process->wait_status;

	if (process->end_reason)
		return process->end_reason;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		snprintf(text, capacity, "its sandbox stopped it at a system call that it may not make");
	else if (WIFSIGNALED(status))
		snprintf(text, capacity, "signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		snprintf(text, capacity, "it ended by itself with status %d", WEXITSTATUS(status));
	return text;
}

/* "signal 9 (Killed); it was serving GET /v1/items for 192.0.2.1": only workers serve anybody. */
static void log_died(const struct process *process)
{
	const char *peer = *process->peer ? process->peer : NULL, *route = *process->route ? process->route : NULL;
	char text[128];
	const char *why = end_describe(process, text, sizeof text);
	CLEANUP_FREE char *reason = process->role != ROLE_WORKER ? xstrdup(why)
		: !route ? xasprintf("%s; it was serving nobody", why)
		: xasprintf("%s; it was serving %s for %s", why, route, peer ? peer : "somebody");

	MASTER_LOG(process->master, ROLE_DIED, .role = process_name(process), .pid = process->pid, .reason = reason, .route = route, .peer = peer);
}

/* What was dropped of what it logged in this round. */
static void events_sum(struct process *process)
{
	if (process->n_events > EVENTS_PER_ROUND)
		MASTER_LOG(process->master, LIMIT_HIT, .peer = process_name(process), .reason = "it logs too much",
		           .count = process->n_events - EVENTS_PER_ROUND);
	process->n_events = 0;
}

static void process_reset(struct process *process)
{
	events_sum(process);
	process->state = PROCESS_ABSENT;
	process->pid = 0;
	process->status_fd = fd_close(process->status_fd);
	process->exited = process->broke_protocol = process->heard = false;
	process->silent_rounds = 0;
	process->end_reason = NULL;
	process->connections = process->watchers = 0;
	process->route[0] = process->peer[0] = '\0';
}

static void respawn_later(struct process *worker, bool was_asked)
{
	uint64_t lived_s = (time_monotonic_ns() - worker->started_ns) / NS_PER_S;
	unsigned delay_ms;

	if (lived_s >= BACKOFF_RESET_S || worker->backoff_ms == 0)
		worker->backoff_ms = BACKOFF_FIRST_MS;
	delay_ms = was_asked ? 0 : worker->backoff_ms;
	worker->backoff_ms = worker->backoff_ms * 2 < BACKOFF_MOST_MS ? worker->backoff_ms * 2 : BACKOFF_MOST_MS;
	worker->restarts++;
	loop_timer_set(worker->timer, delay_ms);
}

static int exit_status_of(const struct process *process)
{
	bool is_sysexits = WIFEXITED(process->wait_status) && WEXITSTATUS(process->wait_status) >= EX__BASE
		&& WEXITSTATUS(process->wait_status) <= EX__MAX;

	/* During the start a role's own status says more: EX_CONFIG, EX_NOPERM, ... */
	return is_sysexits && !process->master->started_once ? WEXITSTATUS(process->wait_status) : EX_SOFTWARE;
}

static void worker_ended(struct process *worker, bool was_asked)
{
	struct master *master = worker->master;
	int status = exit_status_of(worker);

	slice_tell_worker_gone(worker);
	process_reset(worker);
	if (!worker->wanted)
		return;
	if (!was_asked && !master->started_once && ++worker->early_deaths >= EARLY_DEATHS_MOST)
		stop_begin(master, "a worker cannot be started", status);
	else
		respawn_later(worker, was_asked);
}

static void process_ended(struct process *process)
{
	struct master *master = process->master;
	bool was_asked = process->state == PROCESS_STOPPING ||
		(process->state == PROCESS_RETIRING && WIFEXITED(process->wait_status) && WEXITSTATUS(process->wait_status) == EX_OK);
	int status = exit_status_of(process);

	loop_timer_set(process->timer, -1);
	said_end(process);
	if (!was_asked)
		log_died(process);
	if (master->alone) {
		process_reset(process);
		loop_stop(master->loop, WIFEXITED(process->wait_status) ? WEXITSTATUS(process->wait_status) : EX_SOFTWARE);
	} else if (master_is_stopping(master)) {
		process_reset(process);
		stop_advance(master);
	} else if (process->role == ROLE_WORKER) {
		worker_ended(process, was_asked);
	} else {
		process_reset(process);
		stop_begin(master, process->role == ROLE_SIGNER ? "the signer died" : "the ledger died", status);
	}
}

void supervise_check_ended(struct process *process)
{
	if (process->pid == 0)
		return;
	if (process->exited && !process->channel)
		process_ended(process);
	else if (process->exited || !process->channel)
		loop_timer_set(process->timer, LAST_WORDS_MS);
}

/* Absent: it is time to start it again. Otherwise: it should be gone by now. */
static void process_timer(void *arg)
{
	struct process *process = arg;

	if (process->pid == 0) {
		if (!master_is_stopping(process->master) && (process->role != ROLE_WORKER || process->wanted))
			supervise_start(process);
	} else if (process->exited) {
		channel_free(process->channel);
		process->channel = NULL;
		process_ended(process);
	} else {
		supervise_kill(process, SIGKILL, "it did not end by itself");
	}
}

static void start_failed(struct process *process, int error)
{
	struct master *master = process->master;

	MASTER_LOG(master, ROLE_DIED, .role = process_name(process), .reason = error_text(error));
	if (process->role == ROLE_WORKER && master->started_once)
		respawn_later(process, false);
	else
		stop_begin(master, "a role cannot be started", error_exit_status(error));
}

void supervise_start(struct process *process)
{
	struct master *master = process->master;
	int r = spawn_role(process);

	if (r < 0) {
		start_failed(process, r);
		return;
	}
	process->state = PROCESS_STARTING;
	process->since = time_now();
	process->started_ns = time_monotonic_ns();
	process->sandbox[0] = '\0';
	MASTER_LOG(master, ROLE_STARTED, .role = process_name(process), .pid = process->pid);
	if (process->role == ROLE_WORKER)
		slice_start_worker(process);
}

/* However long that lasts: an upload may take hours, and is watched like everything else. Who was not ready yet serves nobody. */
void supervise_retire(struct process *worker)
{
	worker->wanted = false;
	if (worker->pid == 0) {
		loop_timer_set(worker->timer, -1);
	} else if (worker->state == PROCESS_STARTING) {
		worker->state = PROCESS_STOPPING;
		supervise_kill(worker, SIGKILL, "it is not wanted any more");
	} else if (worker->state == PROCESS_READY) {
		worker->state = PROCESS_RETIRING;
		if (worker->channel)
			CHANNEL_SEND(worker->channel, 0, stop, STOP, &(struct message_stop){ .grace_ms = MESSAGE_STOP_PATIENTLY });
	}
}

static void child_signal(int signal_number, void *arg)
{
	struct master *master = arg;
	struct process *process;

	MASTER_FOR_EACH(master, process) {
		if (process->pid == 0 || process->exited || waitpid(process->pid, &process->wait_status, WNOHANG) != process->pid)
			continue;
		process->exited = true;
		supervise_check_ended(process);
	}
}

static void watchdog_abort(struct process *process, const char *reason)
{
	supervise_kill(process, SIGABRT, reason);
	loop_timer_set(process->timer, ABORT_TO_KILL_MS);
}

static void watchdog_check_silence(struct process *process)
{
	process->silent_rounds = process->heard ? 0 : process->silent_rounds + 1;
	process->heard = false;
	if (process->silent_rounds >= WATCHDOG_SILENT_ROUNDS
	    && (process->silent_rounds >= WATCHDOG_DISK_ROUNDS || !measure_waits_for_disk(process->status_fd)))
		watchdog_abort(process, process->master->silence);
}

static void watchdog_check_start(struct process *process)
{
	uint64_t limit_s = process->role == ROLE_LEDGER ? LEDGER_START_LIMIT_S : START_LIMIT_S;

	if (time_monotonic_ns() - process->started_ns > limit_s * NS_PER_S)
		watchdog_abort(process, "it was not ready in time");
}

static void watchdog_check(struct process *process, bool forgive)
{
	bool serves = process->state == PROCESS_READY || process->state == PROCESS_RETIRING;

	events_sum(process);
	if (process->pid == 0 || process->exited || process->end_reason)
		return;
	if (forgive)
		process->heard = true;
	if (process->state == PROCESS_STARTING)
		watchdog_check_start(process);
	else if (serves)
		watchdog_check_silence(process);
	if (serves && process->channel)
		CHANNEL_SEND(process->channel, 0, ping, PING, &(struct message_ping){ 0 });
}

/* A round that comes late means that the master itself was held up (frozen, swapped out), and the roles with it: their silence is no sign. */
static void watchdog_round(void *arg)
{
	struct master *master = arg;
	uint64_t now = time_monotonic_ns();
	bool late = now > master->watchdog_due_ns + master->watchdog_round_ms / 2 * NS_PER_MS;
	struct process *process;

	MASTER_FOR_EACH(master, process)
		watchdog_check(process, late);
	journal_tell_lost(master);
	if (master->phase == MASTER_STARTING)
		notify_extend_start(3 * WATCHDOG_ROUND_MS * 1000ULL);
	master->watchdog_due_ns = now + master->watchdog_round_ms * NS_PER_MS;
	loop_timer_set(master->watchdog_timer, master->watchdog_round_ms);
}

int supervise_begin(struct master *master)
{
	uint64_t third_ms = master->watchdog_interval_us / 1000 * 2 / 3;
	struct process *process;
	int r;

	master->watchdog_round_ms = third_ms > 0 && third_ms < WATCHDOG_ROUND_MS ? (unsigned)third_ms : WATCHDOG_ROUND_MS;
	snprintf(master->silence, sizeof master->silence, "it did not answer for %u seconds", master->watchdog_round_ms * WATCHDOG_SILENT_ROUNDS / 1000);
	master->watchdog_due_ns = time_monotonic_ns() + master->watchdog_round_ms * NS_PER_MS;
	MASTER_FOR_EACH(master, process)
		if ((r = loop_add_timer(master->loop, -1, process_timer, process, &process->timer)) < 0)
			return r;
	r = loop_add_signal(master->loop, SIGCHLD, child_signal, master);
	return r < 0 ? r : loop_add_timer(master->loop, master->watchdog_round_ms, watchdog_round, master, &master->watchdog_timer);
}

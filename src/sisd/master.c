/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The master's start: configuration, users, state, sockets, then signer and ledger, and when both are ready the workers. */
#include "sisd/master.h"
#include "base/error.h"
#include "base/util.h"
#include "sandbox/sandbox.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

struct process *master_process(struct master *master, unsigned n)
{
	if (n < 2)
		return n == 0 ? &master->signer : &master->ledger;
	return n - 2 < MASTER_PLACES ? &master->workers[n - 2] : NULL;
}

bool master_is_stopping(const struct master *master)
{
	return master->phase >= MASTER_STOPPING_WORKERS;
}

static void addresses_join(const struct listeners *listeners, char *ret_text, size_t capacity)
{
	struct builder text = builder_from(ret_text, capacity - 1);

	for (unsigned i = 0; i < listeners->n; i++)
		builder_printf(&text, "%s%s", i ? ", " : "", listeners->address[i]);
	ret_text[text.size] = '\0';
}

/* Renamed into place: who sees it, sees all of it. */
static int ready_file_write(const struct master *master)
{
	char port[16];
	int n = snprintf(port, sizeof port, "%u\n", master->listeners.first_port);

	return file_write_atomic(AT_FDCWD, master->options.ready_file, port, (size_t)n, 0644);
}

static void master_started(struct master *master)
{
	char addresses[CONF_LIST_MAX * ADDRESS_TEXT];

	master->phase = MASTER_RUNNING;
	master->started_once = true;
	backoff_started(master);
	complain_hold(true);            /* from now on, everything is said in the log */
	addresses_join(&master->listeners, addresses, sizeof addresses);
	MASTER_LOG(master, STARTED, .detail = addresses);
	if (!master->users.separate)
		MASTER_LOG(master, SANDBOX_WEAK, .role = "master", .detail = "not started as root, so all roles share one user id");
	notify_ready(master, "");
	if (master->options.ready_file && ready_file_write(master) < 0)
		stop_begin(master, "the ready file cannot be written", EX_CANTCREAT);
	if (master->reload_wanted)
		reload_configuration(master);
}

static bool workers_all_ready(const struct master *master)
{
	for (unsigned i = 0; i < MASTER_PLACES; i++)
		if (master->workers[i].wanted && master->workers[i].state != PROCESS_READY)
			return false;
	return true;
}

/* Workers come last: they need the signer's certificate and a database that the ledger has opened. */
void master_role_ready(struct process *process)
{
	struct master *master = process->master;

	process->state = PROCESS_READY;
	if (master->phase != MASTER_STARTING)
		return;
	if (process->role == ROLE_WORKER) {
		if (workers_all_ready(master))
			master_started(master);
	} else if (master->signer.state == PROCESS_READY && master->ledger.state == PROCESS_READY) {
		for (unsigned i = 0; i < MASTER_PLACES && master->workers[i].wanted && master->phase == MASTER_STARTING; i++)
			supervise_start(&master->workers[i]);
	}
}

static void on_terminate(int signal_number, void *arg)
{
	stop_begin(arg, signal_number == SIGINT ? "interrupted" : "asked to", EX_OK);
}

static void on_hangup(int signal_number, void *arg)
{
	reload_configuration(arg);
}

static int master_open(struct master *master)
{
	struct listeners *listeners = &master->listeners;
	int status;

	if ((status = users_resolve(master->conf, &master->users)) || (status = spawn_check_programs(master->options.libexec_dir))
	    || (status = listen_open(master->conf, listeners))
	    || (status = state_open(master->conf, &master->users, &master->lock_fd, &master->keys_fd)))
		return status;
	if (listeners->control_fd < 0) {
		status = control_open(master->conf->control, &master->users, &listeners->control_fd);
		listeners->control_is_ours = status == 0;
	}
	return status;
}

static int master_open_loop(struct master *master)
{
	int r;

	if ((r = loop_new(&master->loop)) < 0 || (r = loop_add_signal(master->loop, SIGTERM, on_terminate, master)) < 0
	    || (r = loop_add_signal(master->loop, SIGINT, on_terminate, master)) < 0
	    || (r = loop_add_signal(master->loop, SIGHUP, on_hangup, master)) < 0
	    || (notify_begin(master), r = supervise_begin(master)) < 0)
		return error_exit_status(r);
	return 0;
}

static void master_places(struct master *master)
{
	struct process *process;
	unsigned index = 0;

	MASTER_FOR_EACH(master, process) {
		process->master = master;
		process->status_fd = process->said_fd = -1;
		process->role = ROLE_WORKER;
		process->index = process->role == ROLE_WORKER && process >= master->workers ? index++ : 0;
	}
	master->signer.role = ROLE_SIGNER;
	master->ledger.role = ROLE_LEDGER;
}

void master_close(struct master *master)
{
	struct process *process;

	MASTER_FOR_EACH(master, process)
		channel_free(process->channel);
	if (master->listeners.control_is_ours)
		unlink(master->conf->control);
	listen_close(&master->listeners);
	fd_close(master->listeners.control_fd);
	fd_close(master->keys_fd);
	loop_free(master->loop);
	fd_close(master->lock_fd);
	conf_free(master->conf);
	free(master);
}

/* Workers hold thousands of connections; the roles lower it again to what each needs. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* After everything is open. The roles inherit what is given up here. */
static int master_confine(struct master *master)
{
	const struct sandbox_profile profile = { .role = ROLE_MASTER, .uid = (uid_t)-1, .gid = (gid_t)-1, .open_files = true };
	bool weak = false;
	int r = sandbox_enter(&profile, master->sandbox, sizeof master->sandbox, &weak);

	if (r < 0) {
		complain("the sandbox cannot be entered: %s", error_text(r));
		return error_exit_status(r);
	}
	if (weak)
		MASTER_LOG(master, SANDBOX_WEAK, .role = "master", .detail = master->sandbox);
	else
		MASTER_LOG(master, SANDBOX, .role = "master", .detail = master->sandbox);
	return 0;
}

static int master_serve(struct master *master)
{
	master->n_workers = master_count_workers(master->conf);
	for (unsigned i = 0; i < master->n_workers; i++)
		master->workers[i].wanted = true;
	supervise_start(&master->signer);
	if (!master_is_stopping(master))
		supervise_start(&master->ledger);
	if (!master_is_stopping(master))
		slice_start_signer_and_ledger(master);
	return loop_run(master->loop);
}

struct master *master_new(const struct master_options *options)
{
	struct master *master = xcalloc(1, sizeof *master);

	master->options = *options;
	master->lock_fd = master->keys_fd = master->listeners.control_fd = master->listeners.metrics_fd = -1;
	master->started = time_now();
	signal(SIGPIPE, SIG_IGN);
	master_places(master);
	return master;
}

int master_run(const struct master_options *options)
{
	struct master *master = master_new(options);
	int status, fds[2] = { -1, -1 };

	raise_descriptor_limit();
	journal_begin(master);
	if (!backoff_wait(master)) {
		log_set_sink(NULL, NULL);
		master_close(master);
		return EX_OK;
	}
	status = load_or_tell(options, &master->conf);
	if (status == 0)
		status = external_tls_open(master->conf, fds);
	fd_close(fds[0]);
	fd_close(fds[1]);
	if (status == 0)
		status = master_open(master);
	if (status == 0)
		status = master_open_loop(master);
	if (status == 0)
		status = master_confine(master);
	if (status == 0)
		status = master_serve(master);
	if (status != 0 && !master->started_once)
		notify_failed(*complain_held() != '\0' ? complain_held() : "the log says why");
	if (status == EX_OK)
		backoff_forget();
	log_set_sink(NULL, NULL);
	master_close(master);
	return status;
}

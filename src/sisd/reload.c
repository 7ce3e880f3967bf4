/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * SIGHUP: the configuration and the certificates are read again; connections stay. A wrong file changes nothing. */
#include "sisd/master.h"
#include "base/util.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

/* A line of the log for each problem. */
static void log_problems(struct master *master, char *problems)
{
	for (char *line, *rest = problems; rest && (line = strsep(&rest, "\n")); )
		MASTER_LOG(master, RELOAD_FAILED, .reason = line);
}

/* The whole old configuration stays in force when any part of the new one cannot be had. */
static bool reload_load(struct master *master, struct conf **ret_conf)
{
	CLEANUP_CONF struct conf *conf = NULL;
	CLEANUP_FREE char *problems = NULL;
	int tls_fds[2] = { -1, -1 };

	if (master_load_conf(&master->options, &conf, &problems) != 0) {
		log_problems(master, problems);
		return false;
	}
	if (external_tls_open(conf, tls_fds) != 0) {
		MASTER_LOG(master, RELOAD_FAILED, .reason = complain_held());
		return false;
	}
	fd_close(tls_fds[0]);
	fd_close(tls_fds[1]);
	*ret_conf = conf;
	conf = NULL;
	return true;
}

static void reload_note_restart(struct master *master, struct conf *conf)
{
	char names[256];

	if (conf_needs_restart(master->conf, conf, names, sizeof names) == 0)
		return;
	MASTER_LOG(master, RELOAD_NOTE, .detail = names);
	conf_keep_restart_options(master->conf, conf);
}

static void reload_tell_roles(struct master *master)
{
	struct process *process;

	MASTER_FOR_EACH(master, process)
		if (process_is_alive(process) && process->state != PROCESS_STOPPING)
			slice_configure(process);
}

/* In an empty place, so that nobody waits for who retires; with no such place left, one of those is followed up when it has ended. */
static void worker_add(struct master *master)
{
	struct process *place = NULL;

	for (unsigned i = MASTER_PLACES; i-- > 0; )
		if (!master->workers[i].wanted && (!place || !process_is_alive(&master->workers[i])))
			place = &master->workers[i];
	place->wanted = true;
	if (!process_is_alive(place))
		supervise_start(place);
}

static void reload_resize(struct master *master, unsigned n_workers)
{
	while (master->n_workers < n_workers) {
		worker_add(master);
		master->n_workers++;
	}
	for (unsigned i = MASTER_PLACES; i-- > 0 && master->n_workers > n_workers; ) {
		if (!master->workers[i].wanted)
			continue;
		supervise_retire(&master->workers[i]);
		master->n_workers--;
	}
}

void reload_configuration(struct master *master)
{
	struct conf *conf;

	master->reload_wanted = master->phase == MASTER_STARTING;
	if (master->phase != MASTER_RUNNING)
		return;
	notify_reloading();
	if (reload_load(master, &conf)) {
		reload_note_restart(master, conf);
		conf_free(master->conf);
		master->conf = conf;
		reload_tell_roles(master);
		reload_resize(master, master_count_workers(conf));
		MASTER_LOG(master, RELOADED, .detail = NULL);
		notify_ready(master, "");
	} else {
		notify_ready(master, "; the last reload failed, the log says why");
	}
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What `sisctl status` shows of the processes, as JSON. */
#include "sisd/master.h"
#include "base/text.h"
#include "base/util.h"

#include <fcntl.h>
#include <unistd.h>

#define COUNT_MOST (UINT64_C(1) << 53)

void status_count(uint64_t *sum, uint64_t more)
{
	*sum = more < COUNT_MOST - *sum ? *sum + more : COUNT_MOST;
}

static json_t *time_json(int64_t seconds)
{
	char text[TIME_TEXT + 1];

	return time_encode(seconds, text) == 0 ? json_string(text) : json_null();
}

static const char *state_name(const struct process *process)
{
	static const char *const names[] = {
		[PROCESS_ABSENT] = "absent", [PROCESS_STARTING] = "starting", [PROCESS_READY] = "ready", [PROCESS_RETIRING] = "retiring",
		[PROCESS_STOPPING] = "stopping",
	};

	return names[process->state];
}

static json_t *process_json(const struct process *process)
{
	json_t *row = json_pack("{s:s, s:i, s:s, s:o, s:i, s:s, s:I, s:I}", "role", process_name(process), "pid", (int)process->pid,
	                        "state", state_name(process), "since", time_json(process->since), "restarts", (int)process->restarts,
	                        "sandbox", process->sandbox, "connections", (json_int_t)process->connections, "watchers", (json_int_t)process->watchers);
	struct measure measure;

	if (row != NULL && measure_process(process->status_fd, process, &measure))
		measure_add(row, &measure);
	return row;
}

static json_t *master_json(const struct master *master)
{
	json_t *row = json_pack("{s:s, s:i, s:s, s:o, s:i, s:s, s:i}", "role", "master", "pid", (int)getpid(), "state", "ready",
	                        "since", time_json(master->started), "restarts", 0, "sandbox", master->sandbox, "connections", 0);
	CLEANUP_FD int status_fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	struct measure measure;

	if (row != NULL && measure_process(status_fd, NULL, &measure))
		measure_add(row, &measure);
	return row;
}

static json_t *roles_json(const struct master *master)
{
	json_t *roles = json_array();

	json_array_append_new(roles, master_json(master));
	json_array_append_new(roles, process_json(&master->signer));
	json_array_append_new(roles, process_json(&master->ledger));
	for (unsigned i = 0; i < MASTER_PLACES; i++)
		if (master->workers[i].wanted || process_is_alive(&master->workers[i]))
			json_array_append_new(roles, process_json(&master->workers[i]));
	return roles;
}

static json_t *listen_json(const struct master *master)
{
	json_t *listen = json_array();

	for (unsigned i = 0; i < master->listeners.n; i++)
		json_array_append_new(listen, json_string(master->listeners.address[i]));
	return listen;
}

/* {"QUOTA": 3}: those that there were. */
static json_t *refusals_json(const struct master *master)
{
	json_t *refusals = json_object();

	for (int i = 1; i < SIS_ERR_END; i++)
		if (master->refusals[i] > 0)
			json_object_set_new(refusals, error_name(i), json_integer((json_int_t)master->refusals[i]));
	return refusals;
}

/* {"STARTED": 1, …}: all, so that a first one is seen as a rise. */
static json_t *events_json(const struct master *master)
{
	json_t *events = json_object();

	for (int i = 0; i < EVENT_END; i++)
		json_object_set_new(events, event_name((enum event)i), json_integer((json_int_t)master->n_events[i]));
	return events;
}

static json_t *sums_json(const struct master *master, json_t *status)
{
	json_int_t connections = 0, watchers = 0;

	for (unsigned i = 0; i < MASTER_PLACES; i++) {
		if (!process_is_alive(&master->workers[i]))
			continue;
		connections += master->workers[i].connections;
		watchers += master->workers[i].watchers;
	}
	json_object_set_new(status, "connections", json_integer(connections));
	json_object_set_new(status, "watchers", json_integer(watchers));
	json_object_set_new(status, "refusals", refusals_json(master));
	json_object_set_new(status, "penalised", penalised_json(master));
	json_object_set_new(status, "limits", limits_json(master));
	json_object_set_new(status, "events", events_json(master));
	json_object_set_new(status, "events_left_out", json_integer((json_int_t)master->n_left_out));
	if (master->listeners.metrics_fd >= 0)
		json_object_set_new(status, "metrics_listen", json_string(master->listeners.metrics_address));
	if (master->server_not_after != 0)
		json_object_set_new(status, "server_certificate_ends", time_json(master->server_not_after));
	if (master->external_not_after != 0)
		json_object_set_new(status, "tls_certificate_ends", time_json(master->external_not_after));
	return status;
}

char *status_print(const struct master *master)
{
	CLEANUP_JSON json_t *status = json_pack("{s:s, s:o, s:o, s:s, s:o}", "version", PACKAGE_VERSION, "started", time_json(master->started),
	                                        "listen", listen_json(master), "state_dir", master->conf->state_dir, "roles", roles_json(master));

	return status ? json_print(sums_json(master, status)) : NULL;
}

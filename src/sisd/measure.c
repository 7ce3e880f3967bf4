/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A role's confinement as the kernel has it at this moment, whatever the role said when it was READY: from /proc/PID/status, which the kernel writes and
 * the role cannot. (Landlock is not told there: the role tries it on itself before it says that it has it, src/sandbox/landlock.c.) */
#include "sisd/master.h"
#include "base/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STATUS_MAX 8192
#define SECCOMP_FILTER 2                /* SECCOMP_MODE_FILTER */

/* The value behind "\nNAME:\t", or "" when there is no such line. */
static const char *line_value(const char *status, const char *name)
{
	size_t size = strlen(name);

	for (const char *at = strchr(status, '\n'); at != NULL; at = strchr(at + 1, '\n'))
		if (strncmp(at + 1, name, size) == 0 && at[1 + size] == ':')
			return at + 2 + size + strspn(at + 2 + size, "\t ");
	return "";
}

/* -1 when there is no such line, or no number in it. base 10 or 16. */
static int64_t line_number(const char *status, const char *name, int base)
{
	const char *value = line_value(status, name);
	char *end;
	int64_t number = strtoll(value, &end, base);

	return end == value ? -1 : number;
}

static uid_t wanted_uid(const struct process *process)
{
	const struct users *users = &process->master->users;

	return process->role == ROLE_SIGNER ? users->signer.uid : process->role == ROLE_LEDGER ? users->ledger.uid : users->worker.uid;
}

static bool is_confined(const struct measure *measure, const struct process *process)
{
	bool own_id = process == NULL || !process->master->users.separate || measure->uid == (int64_t)wanted_uid(process);
	bool no_capabilities = process == NULL || measure->capabilities == 0;   /* the master keeps a few */

	return measure->seccomp == SECCOMP_FILTER && measure->no_new_privileges == 1 && own_id && no_capabilities;
}

/* process NULL: the master itself. False when the kernel tells nothing, as of a process that is gone. */
bool measure_process(int status_fd, const struct process *process, struct measure *ret_measure)
{
	char status[STATUS_MAX + 1];
	ssize_t size = status_fd >= 0 ? pread(status_fd, status, STATUS_MAX, 0) : -1;

	if (size <= 0)
		return false;
	status[size] = '\0';
	struct measure measure = {
		.uid = line_number(status, "Uid", 10), .gid = line_number(status, "Gid", 10), .capabilities = line_number(status, "CapEff", 16),
		.no_new_privileges = line_number(status, "NoNewPrivs", 10), .seccomp = line_number(status, "Seccomp", 10),
		.threads = line_number(status, "Threads", 10), .memory_kib = line_number(status, "VmRSS", 10),
	};
	measure.confined = is_confined(&measure, process);
	*ret_measure = measure;
	return true;
}

/* Adds to a role's row of the status. */
void measure_add(json_t *row, const struct measure *measure)
{
	char capabilities[17];

	snprintf(capabilities, sizeof capabilities, "%016" PRIx64, (uint64_t)measure->capabilities);
	json_object_set_new(row, "confined", json_boolean(measure->confined));
	if (measure->memory_kib > 0)
		json_object_set_new(row, "memory_bytes", json_integer((json_int_t)measure->memory_kib * 1024));
	json_object_set_new(row, "measured", json_pack("{s:I, s:I, s:s, s:b, s:s, s:I}", "uid", (json_int_t)measure->uid, "gid", (json_int_t)measure->gid,
	                                               "capabilities", capabilities, "no_new_privileges", measure->no_new_privileges == 1,
	                                               "seccomp", measure->seccomp == SECCOMP_FILTER ? "filter" : "none",
	                                               "threads", (json_int_t)measure->threads));
}

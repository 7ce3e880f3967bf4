/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A role's confinement as the kernel has it at this moment, whatever the role said when it was READY: from /proc/PID/status, which the kernel writes and
 * the role cannot. (Landlock is not told there: the role tries it on itself before it says that it has it, src/sandbox/landlock.c.) */
#include "sisd/master.h"
#include "base/json.h"
#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define STATUS_MAX 8192
#define OFFER_MS 5000
#define SECCOMP_FILTER 2                /* SECCOMP_MODE_FILTER */

/* ------------------------------------------------ the file ------------------------------------------------ */

/* In the child, before it becomes the role. With ProtectProc=invisible the master, which may trace nobody, does not see its children in /proc (they are
 * not dumpable, and have ids of their own), but everybody sees himself; and a file that is open stays readable. */
void measure_offer(int channel_fd)
{
	CLEANUP_FD int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	union { struct cmsghdr header; char space[CMSG_SPACE(sizeof(int))]; } control = { 0 };
	struct iovec part = { .iov_base = (char[]){ 0 }, .iov_len = 1 };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	if (fd >= 0) {
		control.header = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int)) };
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
	}
	(void)!sendmsg(channel_fd, &message, MSG_NOSIGNAL);
}

/* In the master: the child's word comes before any of the role's. -1 when it has none. */
int measure_take(int channel_fd)
{
	union { struct cmsghdr header; char space[CMSG_SPACE(sizeof(int))]; } control = { 0 };
	struct iovec part = { .iov_base = (char[1]){ 0 }, .iov_len = 1 };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	struct pollfd readable = { .fd = channel_fd, .events = POLLIN };
	int fd = -1;

	while (poll(&readable, 1, OFFER_MS) < 0 && errno == EINTR)
		;
	if (recvmsg(channel_fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) == 1 && CMSG_FIRSTHDR(&message) != NULL
	    && control.header.cmsg_type == SCM_RIGHTS && control.header.cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
	return fd;
}

/* ------------------------------------------------ what is in it ------------------------------------------------ */

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

/* Whether the kernel holds it in an uninterruptible wait, that is for the disk. */
bool measure_waits_for_disk(int status_fd)
{
	char status[STATUS_MAX + 1];
	ssize_t size = status_fd >= 0 ? pread(status_fd, status, STATUS_MAX, 0) : -1;

	if (size <= 0)
		return false;
	status[size] = '\0';
	return *line_value(status, "State") == 'D';
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

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The control socket: who may come in. */
#include "ledger/control.h"
#include "ledger/ledger.h"

#include "base/error.h"
#include "base/util.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CONTROL_CONNECTIONS_MAX 64
#define CONTROL_CONNECTIONS_OWN 8       /* of these for root and who started sisd, whatever the group does */
#define CONTROL_GROUPS_MAX 1024

static struct {
	int fd;
	bool has_group;
	gid_t group;                            /* the socket's */
	struct loop_source *source;
} control = { .fd = -1 };

/* ------------------------------------------------ who may ------------------------------------------------ */

static bool control_group_allows(int fd, gid_t primary)
{
	if (!control.has_group)
		return false;
	if (primary == control.group)
		return true;
	CLEANUP_FREE gid_t *groups = calloc(CONTROL_GROUPS_MAX, sizeof(*groups));
	socklen_t size = CONTROL_GROUPS_MAX * sizeof(*groups);
	if (groups == NULL || getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0)
		return false;
	for (size_t i = 0; i < size / sizeof(*groups); i++) {
		if (groups[i] == control.group)
			return true;
	}
	return false;
}

static bool control_may_connect(int fd, struct ucred *ret_credentials)
{
	socklen_t size = sizeof(*ret_credentials);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ret_credentials, &size) < 0)
		return false;
	uid_t uid = ret_credentials->uid;
	return uid == 0 || uid == geteuid() || uid == ledger.own_uid || control_group_allows(fd, ret_credentials->gid);
}

/* ------------------------------------------------ the listener ------------------------------------------------ */

static void control_turn_away(int fd, const struct ucred *credentials, const char *reason)
{
	static const char answer[] = "{\"error\":\"" CONTROL_INTERFACE ".NotAllowed\",\"parameters\":{}}";
	(void)!write(fd, answer, sizeof(answer));
	audit_refusal(&LOG(CONTROL_REFUSED, .count = (int64_t)credentials->uid, .reason = reason));
}

static void control_accept(uint32_t events, void *arg)
{
	CLEANUP_FD int fd = accept4(control.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct ucred credentials = { .uid = (uid_t)-1 };
	if (fd < 0)
		return;
	if (!control_may_connect(fd, &credentials)) {
		control_turn_away(fd, &credentials, "not root and not in the group of the socket");
		return;
	}
	bool is_own = credentials.uid == 0 || credentials.uid == ledger.own_uid;
	if (control_connection_count() >= CONTROL_CONNECTIONS_MAX - (is_own ? 0 : CONTROL_CONNECTIONS_OWN)) {
		control_turn_away(fd, &credentials, "too many control connections");
		return;
	}
	char by[64] = "root";
	if (credentials.uid != 0)
		snprintf(by, sizeof(by), "uid %u", (unsigned)credentials.uid);
	if (control_connection_start(fd, by) == 0)
		(void)fd_take(&fd);
}

void control_prepare(int listener_fd)
{
	struct sockaddr_un address = { 0 };
	socklen_t size = sizeof(address);
	struct stat stat_buffer;
	control.fd = listener_fd;
	if (getsockname(listener_fd, (struct sockaddr *)&address, &size) < 0 || address.sun_path[0] != '/' || stat(address.sun_path, &stat_buffer) < 0)
		return;
	control.has_group = S_ISSOCK(stat_buffer.st_mode) && (stat_buffer.st_mode & S_IWGRP) != 0;
	control.group = stat_buffer.st_gid;
}

int control_start(void)
{
	int r = fd_set_nonblocking(control.fd, true);
	return r < 0 ? r : loop_add_io(ledger.role.loop, control.fd, EPOLLIN, control_accept, NULL, &control.source);
}

void control_stop(void)
{
	loop_remove(control.source);
	control.source = NULL;
	control.fd = fd_close(control.fd);
}

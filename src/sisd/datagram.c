/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Datagrams to systemd's sockets (journal, notification). Made without socket(2), so that sisd.service can refuse that to the whole daemon: who cannot make
 * a stream socket cannot speak to D-Bus or to PID 1, which would do for root's user id whatever it is asked. */
#include "sisd/master.h"
#include "base/util.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

/* One end of a pair: where it leads can be changed, as of every datagram socket. A negative code on failure. */
static int datagram_new(void)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
		return error_from_errno(errno);
	fd_close(fds[1]);
	return fds[0];
}

/* "/path", or "@name" in the abstract name space. */
int datagram_connect(const char *name, int *ret_fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t size = strlen(name);
	CLEANUP_FD int fd = -1;

	if (size == 0 || size >= sizeof address.sun_path)
		return -SIS_ERR_BAD_NAME;
	memcpy(address.sun_path, name, size + 1);
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	fd = datagram_new();
	if (fd < 0)
		return fd;
	if (connect(fd, (const struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size + (name[0] != '@'))) < 0)
		return error_from_errno(errno);
	*ret_fd = fd_take(&fd);
	return 0;
}

/* The errno, or 0. */
int datagram_send(int fd, const char *data, size_t size, int patience_ms)
{
	struct pollfd room = { .fd = fd, .events = POLLOUT };

	if (send(fd, data, size, MSG_NOSIGNAL) >= 0)
		return 0;
	if (errno != EAGAIN || patience_ms == 0)
		return errno;
	(void)poll(&room, 1, patience_ms);
	return send(fd, data, size, MSG_NOSIGNAL) < 0 ? errno : 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How a line of the log leaves the house. The master must never wait for who reads it: sd_journal_sendv(3) does when journald is stopped, hangs or
 * waits for a disk, and then nobody would watch the roles. So journald's native protocol is spoken here, on a socket that does not block: a datagram of
 * NAME=value lines. A line has 8 KiB at most, and its values no line feeds: neither the protocol's other form nor a memfd is ever needed. */
#include "sisd/master.h"
#include "base/util.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#define JOURNAL_BUFFER_BYTES (8 << 20)
#define JOURNAL_PATIENCE_MS 50          /* for a journald that is only busy; once, until it takes something again */

static int journal_fd = -1;
static bool stalled;

static bool journal_connect(void)
{
	const int size = JOURNAL_BUFFER_BYTES;

	if (datagram_connect(JOURNAL_SOCKET, &journal_fd) == 0)
		(void)setsockopt(journal_fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	return journal_fd >= 0;
}

static int journal_try(const char *fields, size_t size, int patience_ms)
{
	return journal_fd < 0 && !journal_connect() ? ECONNREFUSED : datagram_send(journal_fd, fields, size, patience_ms);
}

bool journal_send(const char *fields, size_t size)
{
	int patience_ms = stalled ? 0 : JOURNAL_PATIENCE_MS, error = journal_try(fields, size, patience_ms);

	if (error != 0 && error != EAGAIN) {            /* journald was started anew: its socket is another one */
		journal_fd = fd_close(journal_fd);
		error = journal_try(fields, size, patience_ms);
	}
	stalled = error == EAGAIN;
	return error == 0;
}

/* Standard error may be journald's too (a stream socket), or a pipe or terminal that nobody reads. A line that is cut in the middle counts as lost. */
bool stderr_send(const char *line, size_t size)
{
	while (size > 0) {
		struct pollfd room = { .fd = STDERR_FILENO, .events = POLLOUT };
		size_t chunk = size < PIPE_BUF ? size : PIPE_BUF;
		ssize_t n = send(STDERR_FILENO, line, size, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == ENOTSOCK)         /* a pipe that has room takes PIPE_BUF bytes at once */
			n = poll(&room, 1, 0) == 1 && (room.revents & POLLOUT) != 0 ? write(STDERR_FILENO, line, chunk) : -1;
		else if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		line += n;
		size -= (size_t)n;
	}
	return true;
}

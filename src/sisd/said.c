/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a role writes to standard error: the last words of libc and of assertions, and why a start failed. It gets a pipe to the master and not the master's
 * own descriptor: who has that can read what is typed at the terminal behind it, write over the file, or say anything in anybody's name into the journal,
 * where a line that begins with "<0>" goes to every terminal of the host. */
#include "sisd/master.h"
#include "base/text.h"
#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define PIECE_BYTES 4096
#define PIPE_PIECES 32                  /* more than a pipe holds */

static void tell(struct process *process)
{
	char harmless[SAID_MAX + 1];

	text_for_terminal((struct span){ (const uint8_t *)process->said, process->said_size }, harmless, sizeof harmless);
	process->said_size = 0;
	if (*harmless == '\0' || ++process->n_events > EVENTS_PER_ROUND)
		return;
	if (process->master->alone)     /* --check and --check-store, of which somebody reads the answer and no log */
		complain_as_is(harmless);
	else
		MASTER_LOG(process->master, ROLE_SAID, .role = process_name(process), .pid = process->pid, .detail = harmless);
}

/* What is beyond a line's size is left out. */
static void take(struct process *process, const char *data, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (data[i] == '\n')
			tell(process);
		else if (process->said_size < SAID_MAX)
			process->said[process->said_size++] = data[i];
	}
}

/* false when there is nothing more, now or ever. */
static bool read_piece(struct process *process, bool *ret_ended)
{
	char piece[PIECE_BYTES];
	ssize_t n = read(process->said_fd, piece, sizeof piece);

	*ret_ended = n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
	if (n > 0)
		take(process, piece, (size_t)n);
	return n > 0;
}

static void said_stop(struct process *process)
{
	loop_remove(process->said_source);
	process->said_source = NULL;
	process->said_fd = fd_close(process->said_fd);
}

static void on_said(uint32_t events, void *arg)
{
	struct process *process = arg;
	bool ended;

	(void)read_piece(process, &ended);
	if (ended)
		said_stop(process);
}

int said_open(int ret_fds[2])
{
	if (pipe2(ret_fds, O_CLOEXEC) < 0)
		return error_from_errno(errno);
	return fd_set_nonblocking(ret_fds[0], true);
}

int said_begin(struct process *process, int fd)
{
	process->said_fd = fd;
	process->said_size = 0;
	return loop_add_io(process->master->loop, fd, EPOLLIN, on_said, process, &process->said_source);
}

void said_end(struct process *process)
{
	bool ended = process->said_fd < 0;

	for (int i = 0; i < PIPE_PIECES && !ended && read_piece(process, &ended); i++)
		;
	tell(process);
	said_stop(process);
}

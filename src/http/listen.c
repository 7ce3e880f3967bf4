/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Accepting: in batches, so that a flood of connections does not starve those that are served, and paused while the process has no descriptors. */
#include "http/internal.h"

#include "base/error.h"

#include <errno.h>
#include <stdlib.h>

static void pause_accepting(struct http_server *server)
{
	for (struct listener *listener = server->listeners; listener != NULL; listener = listener->next) {
		loop_remove(listener->io);      /* EPOLLEXCLUSIVE does not allow EPOLL_CTL_MOD */
		listener->io = NULL;
	}
	loop_timer_set(server->accept_timer, ACCEPT_PAUSE_MS);
}

static loop_io_fn listener_accept;

static void listener_wait(struct listener *listener)
{
	struct http_server *server = listener->server;
	if (loop_add_io(server->loop, listener->fd, EPOLLIN | EPOLLEXCLUSIVE, listener_accept, listener, &listener->io) < 0)
		loop_timer_set(server->accept_timer, ACCEPT_PAUSE_MS);
}

/* Of those that wait the kernel wakes the one that began first, so who is idle most often would get nearly all connections, and with them whole sources and
 * users, whose limits are divided among the workers (server.h: a process counts for itself). Whoever has accepted goes to the end of the queue. */
static void listener_go_last(struct listener *listener)
{
	loop_remove(listener->io);
	listener->io = NULL;
	listener_wait(listener);
}

static void listener_accept(uint32_t events, void *arg)
{
	struct listener *listener = arg;
	struct http_server *server = listener->server;
	unsigned n_accepted = 0;
	for (unsigned i = 0; i < ACCEPT_BATCH; i++) {
		struct sockaddr_storage address = { 0 };
		socklen_t size = sizeof(address);
		int fd = accept4(listener->fd, (struct sockaddr *)&address, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0) {
			connection_accept(server, fd, (struct sockaddr *)&address);
			n_accepted++;
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			/* The connection stays in the kernel's queue, and level-triggered epoll would report it for ever. */
			return pause_accepting(server);
		else if (errno != EINTR && errno != ECONNABORTED)
			break;
	}
	if (n_accepted > 0)
		listener_go_last(listener);
}

void server_resume_accepting(void *arg)
{
	struct http_server *server = arg;
	for (struct listener *listener = server->listeners; listener != NULL; listener = listener->next)
		if (listener->io == NULL)
			listener_wait(listener);
}

int http_server_listen(struct http_server *server, int listener_fd)
{
	struct listener *listener = calloc(1, sizeof(*listener));
	if (listener == NULL) {
		fd_close(listener_fd);
		return -SIS_ERR_NO_MEMORY;
	}
	*listener = (struct listener){ .next = server->listeners, .server = server, .fd = listener_fd };
	int error = fd_set_nonblocking(listener_fd, true);
	if (error >= 0)
		error = loop_add_io(server->loop, listener_fd, EPOLLIN | EPOLLEXCLUSIVE, listener_accept, listener, &listener->io);
	if (error < 0) {
		fd_close(listener_fd);
		free(listener);
		return error;
	}
	server->listeners = listener;
	return 0;
}

void http_server_stop_listening(struct http_server *server)
{
	struct listener *listener;
	while ((listener = server->listeners) != NULL) {
		server->listeners = listener->next;
		loop_remove(listener->io);
		fd_close(listener->fd);
		free(listener);
	}
	loop_timer_set(server->accept_timer, -1);
}

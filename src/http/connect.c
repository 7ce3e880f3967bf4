/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Waiting and connecting with a deadline and a cancel flag. */
#include "http/connect.h"

#include "base/error.h"
#include "base/util.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

/* A signal may come to another thread than the one that waits here: the flag is looked at this often. */
#define CANCEL_POLL_MS 200

int connect_wait(int fd, short events, uint64_t deadline_ns, const atomic_bool *cancelled)
{
	for (;;) {
		if (cancelled != NULL && atomic_load(cancelled))
			return -SIS_ERR_INTERRUPTED;
		uint64_t now = time_monotonic_ns();
		if (now >= deadline_ns)
			return -SIS_ERR_TIMEOUT;
		uint64_t left_ms = (deadline_ns - now) / 1000000 + 1;
		struct pollfd poll_fd = { .fd = fd, .events = events };
		int n = poll(&poll_fd, 1, left_ms < CANCEL_POLL_MS ? (int)left_ms : CANCEL_POLL_MS);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -SIS_ERR_SYSTEM;
	}
}

static int connect_address(const struct addrinfo *address, uint64_t deadline_ns, const atomic_bool *cancelled, int *ret_fd, int *ret_errno)
{
	CLEANUP_FD int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	*ret_errno = errno;
	if (fd < 0)
		return -SIS_ERR_UNAVAILABLE;
	if (connect(fd, address->ai_addr, address->ai_addrlen) < 0) {
		*ret_errno = errno;
		if (errno != EINPROGRESS)
			return -SIS_ERR_UNAVAILABLE;
		int r = connect_wait(fd, POLLOUT, deadline_ns, cancelled);
		*ret_errno = ETIMEDOUT;
		if (r < 0)
			return r;
		socklen_t size = sizeof(*ret_errno);
		if (getsockopt(fd, SOL_SOCKET, SO_ERROR, ret_errno, &size) < 0 || *ret_errno != 0)
			return -SIS_ERR_UNAVAILABLE;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	*ret_fd = fd_take(&fd);
	return 0;
}

/* RFC 6761 section 6.3: never a question to a resolver, which may not know the name, or may lie about it. And of the two numbers' list no sorting, for which
 * the C library would ask the kernel for every address of this machine. */
static int resolve_localhost(const char *port, struct addrinfo **ret_addresses)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };
	int r = getaddrinfo("127.0.0.1", port, &hints, ret_addresses);
	if (r == 0 && getaddrinfo("::1", port, &hints, &(*ret_addresses)->ai_next) != 0)
		(*ret_addresses)->ai_next = NULL;
	return r;
}

/* Numbers first: a name needs the resolver's libraries and files, an address does not. */
static int connect_resolve(const char *host, const char *port, struct addrinfo **ret_addresses)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };
	if (strcasecmp(host, "localhost") == 0)
		return resolve_localhost(port, ret_addresses);
	int r = getaddrinfo(host, port, &hints, ret_addresses);
	if (r != EAI_NONAME)
		return r;
	hints.ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG;
	return getaddrinfo(host, port, &hints, ret_addresses);
}

int connect_open(const char *host, const char *port, uint64_t deadline_ns, const atomic_bool *cancelled, int *ret_fd, char *ret_words, size_t capacity)
{
	struct addrinfo *addresses = NULL;
	int r = connect_resolve(host, port, &addresses);
	if (r != 0) {
		snprintf(ret_words, capacity, "%s cannot be found: %s", host, gai_strerror(r));
		return -SIS_ERR_UNAVAILABLE;
	}
	r = -SIS_ERR_UNAVAILABLE;
	for (const struct addrinfo *address = addresses; address != NULL && r != 0 && r != -SIS_ERR_INTERRUPTED; address = address->ai_next) {
		int error = 0;
		r = connect_address(address, deadline_ns, cancelled, ret_fd, &error);
		snprintf(ret_words, capacity, "%s port %s cannot be reached: %s", host, port, strerror(error));
	}
	freeaddrinfo(addresses);
	if (r == 0)
		ret_words[0] = '\0';
	return r;
}

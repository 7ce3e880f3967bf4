/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The sockets that people and sisctl come in by: passed by systemd, or made here. */
#include "sisd/master.h"
#include "base/util.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#define LISTEN_BACKLOG 4096

/* The address as it really is, so that port 0 reads as the port taken; 0 on failure. */
static uint16_t address_format(int fd, char ret_text[ADDRESS_TEXT])
{
	struct sockaddr_storage address = { 0 };
	socklen_t size = sizeof address;
	char host[INET6_ADDRSTRLEN] = "";
	uint16_t port = 0;

	if (getsockname(fd, (struct sockaddr *)&address, &size) < 0)
		return 0;
	if (address.ss_family == AF_INET6) {
		const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address;

		inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
		port = ntohs(v6->sin6_port);
		snprintf(ret_text, ADDRESS_TEXT, "[%s]:%u", host, port);
	} else {
		const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address;

		inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
		port = ntohs(v4->sin_port);
		snprintf(ret_text, ADDRESS_TEXT, "%s:%u", host, port);
	}
	return port;
}

static int listeners_add(struct listeners *listeners, int fd)
{
	uint16_t port;

	if (listeners->n == CONF_LIST_MAX) {
		complain("systemd passes more than %d listening sockets: remove some from sisd.socket", CONF_LIST_MAX);
		return EX_CONFIG;
	}
	port = address_format(fd, listeners->address[listeners->n]);
	if (listeners->n == 0)
		listeners->first_port = port;
	listeners->fd[listeners->n++] = fd;
	return 0;
}

static int address_bind(int fd, const struct sockaddr_storage *address, socklen_t size)
{
	static const int on = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0)
		return -1;
	/* Else [::] would take IPv4 too, and a second entry for 0.0.0.0 could not be bound. */
	if (address->ss_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0)
		return -1;
	if (bind(fd, (const struct sockaddr *)address, size) < 0)
		return -1;
	return listen(fd, LISTEN_BACKLOG);
}

/* sisd.service refuses socket(2): what it listens on comes from a socket unit, which has passed the control socket at least. */
static bool is_refused_by_unit(const struct listeners *listeners)
{
	return (errno == EAFNOSUPPORT || errno == EPERM) && listeners->control_fd >= 0;
}

int complain_listen(const char *option, const char *text)
{
	const char *hint = errno == EADDRINUSE ? ": another program listens there; choose another port in "
		: errno == EACCES ? ": ports below 1024 need root or CAP_NET_BIND_SERVICE: choose another in "
		: errno == EADDRNOTAVAIL ? ": this host has no such address; correct " : ": see ";

	complain("%s: cannot be listened on: %s%s%s", text, strerror(errno), hint, option);
	return errno == EACCES ? EX_NOPERM : EX_UNAVAILABLE;
}

/* A host without IPv6 still serves with the default configuration, so that family is left out there, if another is left. */
bool listen_may_leave_out(const struct sockaddr_storage *address, const char *text)
{
	return errno == EAFNOSUPPORT || (errno == EADDRNOTAVAIL && address->ss_family == AF_INET6 && strncmp(text, "[::]:", 5) == 0);
}

static int socket_bound(const struct sockaddr_storage *address, socklen_t size, int *ret_fd)
{
	CLEANUP_FD int fd = socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || address_bind(fd, address, size) < 0)
		return -1;
	*ret_fd = fd_take(&fd);
	return 0;
}

static int listen_on(struct listeners *listeners, const char *text, bool may_skip)
{
	struct sockaddr_storage address;
	CLEANUP_FD int fd = -1;
	socklen_t size;
	int status;

	if (conf_address_parse(text, &address, &size) < 0)
		return EX_CONFIG;
	if (socket_bound(&address, size, &fd) < 0) {
		if (is_refused_by_unit(listeners)) {
			complain("systemd passes no TCP socket, and the unit lets sisd make none: \"systemctl edit\" the socket unit (sisd@NAME.socket) and write "
			         "ListenStream=PORT below [Socket]; see sisd.service(8)");
			return EX_CONFIG;
		}
		if (may_skip && listen_may_leave_out(&address, text))
			return 0;
		return complain_listen("listen", text);
	}
	status = listeners_add(listeners, fd);
	if (status == 0)
		fd_take(&fd);
	return status;
}

static int listen_configured(const struct conf *conf, struct listeners *listeners)
{
	for (unsigned i = 0; i < conf->listen.n; i++) {
		bool is_last = i + 1 == conf->listen.n;
		int status = listen_on(listeners, conf->listen.item[i], conf->listen.n > 1 && !(is_last && listeners->n == 0));

		if (status != 0)
			return status;
	}
	return 0;
}

unsigned listen_inherited_fds(void)
{
	int n = sd_listen_fds(0);

	return n > 0 ? (unsigned)n : 0;
}

static int metrics_take(struct listeners *listeners, int fd)
{
	if (listeners->metrics_fd >= 0) {
		complain("systemd passes more than one socket for metrics: leave one ListenStream= in sisd-metrics.socket");
		return EX_CONFIG;
	}
	address_format(fd, listeners->metrics_address);
	listeners->metrics_fd = fd;
	return 0;
}

/* The workers look again, at each connection, so this is only to say it early. */
static int metrics_inherit(struct listeners *listeners, int fd)
{
	struct sockaddr_storage address = { 0 };
	socklen_t size = sizeof address;

	if (sd_is_socket_inet(fd, AF_UNSPEC, SOCK_STREAM, 1, 0) <= 0 || getsockname(fd, (struct sockaddr *)&address, &size) < 0
	    || !conf_address_is_loopback(&address)) {
		complain("systemd passes a socket \"metrics\" that does not listen on a loopback address: whoever reaches it sees every user's figures, so write "
		         "ListenStream=127.0.0.1:PORT into sisd-metrics.socket");
		return EX_CONFIG;
	}
	return metrics_take(listeners, fd);
}

static int metrics_open(const struct conf *conf, struct listeners *listeners)
{
	struct sockaddr_storage address;
	socklen_t size;
	int fd = -1;

	if (listeners->metrics_fd >= 0 || *conf->metrics_listen == '\0')
		return 0;
	if (conf_address_parse(conf->metrics_listen, &address, &size) < 0)
		return EX_CONFIG;
	if (socket_bound(&address, size, &fd) == 0)
		return metrics_take(listeners, fd);
	if (is_refused_by_unit(listeners)) {
		complain("metrics_listen: the unit gives sisd no network to listen in: remove the option, and enable sisd-metrics.socket instead (sis-metrics(7))");
		return EX_CONFIG;
	}
	return complain_listen("metrics_listen", conf->metrics_listen);
}

/* By the name in the socket unit, and where that says nothing, by what it is. */
static int listen_inherit(struct listeners *listeners, int fd, const char *name)
{
	bool is_control = sd_is_socket(fd, AF_UNIX, SOCK_STREAM, 1) > 0;
	bool is_https = sd_is_socket_inet(fd, AF_UNSPEC, SOCK_STREAM, 1, 0) > 0;

	if ((strcmp(name, "control") == 0 && !is_control) || (strcmp(name, "https") == 0 && !is_https) || (!is_control && !is_https)) {
		complain("systemd passes a socket \"%s\" that is neither a listening TCP nor a listening AF_UNIX stream socket as its name says: "
		         "correct sisd.socket", name);
		return EX_CONFIG;
	}
	if (fd_set_nonblocking(fd, true) < 0)
		return EX_OSERR;
	if (strcmp(name, "metrics") == 0)
		return metrics_inherit(listeners, fd);
	if (is_https)
		return listeners_add(listeners, fd);
	if (listeners->control_fd >= 0) {
		complain("systemd passes more than one control socket: correct sisd.socket");
		return EX_CONFIG;
	}
	listeners->control_fd = fd;
	return 0;
}

static void names_free(char ***names)
{
	for (char **name = *names; name && *name; name++)
		free(*name);
	free(*names);
}

static int listen_inherit_all(struct listeners *listeners)
{
	__attribute__((cleanup(names_free))) char **names = NULL;
	int n = sd_listen_fds_with_names(1, &names);

	for (int i = 0; i < n; i++) {
		int status = listen_inherit(listeners, SD_LISTEN_FDS_START + i, names[i]);

		if (status != 0)
			return status;
	}
	return 0;
}

int listen_open(const struct conf *conf, struct listeners *listeners)
{
	int status;

	*listeners = (struct listeners){ .control_fd = -1, .metrics_fd = -1 };
	status = listen_inherit_all(listeners);
	if (status == 0 && listeners->n == 0)
		status = listen_configured(conf, listeners);
	return status == 0 ? metrics_open(conf, listeners) : status;
}

void listen_close(struct listeners *listeners)
{
	for (unsigned i = 0; i < listeners->n; i++)
		fd_close(listeners->fd[i]);
	listeners->n = 0;
	listeners->metrics_fd = fd_close(listeners->metrics_fd);
}

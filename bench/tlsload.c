/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Load for the benchmarks: TLS 1.3 connections with a client certificate, the same against sisd and against its peers.
 *
 *   tlsload ADDRESS PORT NAME CA.pem CERT.pem KEY.pem PATH full|resumed N CONCURRENT     one request a connection; prints connections a second
 *   tlsload ADDRESS PORT NAME CA.pem CERT.pem KEY.pem PATH hold N CONCURRENT             N live connections; prints "held N", then waits: a line
 *                                                                                  "closed N FIRST LAST" (monotonic ns) when all have ended
 * "full" sends one request and reads to the end, so that the server has verified the client certificate and not only sent its own flight. */
#include "base/error.h"
#include "base/loop.h"
#include "base/util.h"
#include "tls/tls.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum mode { MODE_FULL, MODE_RESUMED, MODE_HOLD };

struct load {
	struct loop *loop;
	struct sockaddr_storage address;
	socklen_t address_size;
	struct tls_client_config tls;
	struct secret *ticket;
	char request[512];
	enum mode mode;
	unsigned n_wanted, n_started, n_done, n_failed, n_resumed, n_held;
	uint64_t first_close_ns, last_close_ns;
};

struct connection {
	struct load *load;
	int fd;
	struct tls_session *tls;
	struct loop_source *source;
	bool handshaken, sent, answered;
	size_t n_read;
};

static void connection_start(struct load *load);

static void connection_end(struct connection *connection, bool ok)
{
	struct load *load = connection->load;
	if (connection->tls != NULL && load->mode == MODE_RESUMED && load->ticket == NULL)
		(void) tls_session_save(connection->tls, &load->ticket);
	loop_remove(connection->source);
	tls_session_free(connection->tls);
	fd_close(connection->fd);
	free(connection);
	load->n_done++;
	if (!ok)
		load->n_failed++;
	if (load->mode == MODE_HOLD) {
		load->last_close_ns = time_monotonic_ns();
		if (load->first_close_ns == 0)
			load->first_close_ns = load->last_close_ns;
	} else if (load->n_started < load->n_wanted) {
		connection_start(load);
	}
	if (load->n_done == load->n_wanted)
		loop_stop(load->loop, 0);
}

static void connection_held(struct connection *connection)
{
	struct load *load = connection->load;
	connection->answered = true;
	if (++load->n_held == load->n_wanted) {
		printf("held %u\n", load->n_held);
		fflush(stdout);
	} else if (load->n_started < load->n_wanted) {
		connection_start(load);
	}
}

/* Returns false while the handshake goes on, or when the connection ended. */
static bool connection_handshake(struct connection *connection)
{
	int r = tls_handshake(connection->tls);
	if (r == -SIS_ERR_AGAIN) {
		loop_modify_io(connection->source, tls_wants_write(connection->tls) ? EPOLLOUT : EPOLLIN);
		return false;
	}
	if (r < 0) {
		warnx("handshake: %s (%s)", error_text(r), tls_error_words(connection->tls));
		connection_end(connection, false);
		return false;
	}
	connection->handshaken = true;
	connection->load->n_resumed += tls_is_resumed(connection->tls);
	return true;
}

static void connection_read(struct connection *connection)
{
	for (;;) {
		char answer[16384];
		ssize_t n = tls_read(connection->tls, answer, sizeof(answer));
		if (n == -SIS_ERR_AGAIN)
			return;
		if (n < 0) {
			connection_end(connection, connection->n_read > 0);
			return;
		}
		connection->n_read += (size_t) n;
		if (connection->load->mode == MODE_HOLD && !connection->answered)
			connection_held(connection);
	}
}

static void connection_step(uint32_t events, void *arg)
{
	struct connection *connection = arg;
	struct load *load = connection->load;
	if (!connection->handshaken && !connection_handshake(connection))
		return;
	if (!connection->sent) {
		if (tls_write(connection->tls, load->request, strlen(load->request)) < 0) {
			connection_end(connection, false);
			return;
		}
		connection->sent = true;
		loop_modify_io(connection->source, EPOLLIN);
	}
	connection_read(connection);
}

static void connection_start(struct load *load)
{
	struct connection *connection = xcalloc(1, sizeof(*connection));
	connection->load = load;
	load->n_started++;
	connection->fd = socket(load->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (connection->fd < 0)
		err(1, "socket");
	int one = 1;
	setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(connection->fd, (struct sockaddr *) &load->address, load->address_size) < 0 && errno != EINPROGRESS)
		err(1, "connect");
	struct tls_client_config config = load->tls;
	if (load->ticket != NULL)
		config.resume = (struct span){ secret_peek(load->ticket), secret_size(load->ticket) };
	int r = tls_client_new(&config, connection->fd, &connection->tls);
	if (r < 0)
		errx(1, "tls_client_new: %s", error_text(r));
	r = loop_add_io(load->loop, connection->fd, EPOLLOUT, connection_step, connection, &connection->source);
	if (r < 0)
		errx(1, "loop_add_io: %s", error_text(r));
}

static void read_pem(const char *path, struct blob *ret_der)
{
	CLEANUP_FREE char *pem = NULL;
	size_t size;
	if (file_read(AT_FDCWD, path, 65536, &pem, &size) < 0 ||
	    certificate_from_pem((struct span){ (uint8_t *) pem, size }, ret_der) < 0)
		errx(1, "%s: not a PEM certificate", path);
}

static void read_key(const char *path, struct signing_key *ret_key)
{
	CLEANUP_FREE char *pem = NULL;
	size_t size;
	if (file_read(AT_FDCWD, path, 65536, &pem, &size) < 0 ||
	    signing_key_from_pem((struct span){ (uint8_t *) pem, size }, NULL, ret_key) < 0)
		errx(1, "%s: not a key", path);
}

static void set_address(struct load *load, const char *host, const char *port)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *) &load->address;
	*v4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t) atoi(port)) };
	if (inet_pton(AF_INET, host, &v4->sin_addr) != 1)
		errx(1, "%s: not an IPv4 address", host);
	load->address_size = sizeof(*v4);
}

/* One full handshake for the ticket, not counted. */
static void load_get_ticket(struct load *load)
{
	load->n_wanted = 1;
	connection_start(load);
	loop_run(load->loop);
	if (load->ticket == NULL)
		errx(1, "the server gave no ticket");
	load->n_done = load->n_started = load->n_failed = load->n_resumed = 0;
}

static void load_report(const struct load *load, const char *mode, double seconds)
{
	if (load->mode == MODE_HOLD)
		printf("closed %u %llu %llu\n", load->n_done, (unsigned long long) load->first_close_ns, (unsigned long long) load->last_close_ns);
	else
		printf("%s %u connections %u failed %u resumed %.1f per second\n", mode, load->n_done, load->n_failed, load->n_resumed,
		       load->n_done / seconds);
}

int main(int argc, char **argv)
{
	if (argc != 11)
		errx(64, "usage: tlsload ADDRESS PORT NAME CA.pem CERT.pem KEY.pem PATH full|resumed|hold N CONCURRENT");
	struct rlimit files = { 65536, 65536 };
	(void) setrlimit(RLIMIT_NOFILE, &files);
	static struct load load;
	set_address(&load, argv[1], argv[2]);
	struct blob ca, certificate;
	read_pem(argv[4], &ca);
	read_pem(argv[5], &certificate);
	static struct signing_key key;
	read_key(argv[6], &key);
	load.tls = (struct tls_client_config){ .ca = { ca.data, ca.size }, .server_name = argv[3],
		.certificate = { certificate.data, certificate.size }, .key = &key };
	load.mode = strcmp(argv[8], "hold") == 0 ? MODE_HOLD : strcmp(argv[8], "resumed") == 0 ? MODE_RESUMED : MODE_FULL;
	snprintf(load.request, sizeof(load.request), "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: %s\r\n\r\n", argv[7], argv[3],
	         load.mode == MODE_HOLD ? "keep-alive" : "close");
	if (loop_new(&load.loop) < 0)
		errx(1, "loop_new");
	if (load.mode == MODE_RESUMED)
		load_get_ticket(&load);
	load.n_wanted = (unsigned) atoi(argv[9]);
	uint64_t start = time_monotonic_ns();
	for (unsigned i = 0; i < (unsigned) atoi(argv[10]) && load.n_started < load.n_wanted; i++)
		connection_start(&load);
	loop_run(load.loop);
	load_report(&load, argv[8], (double) (time_monotonic_ns() - start) / 1e9);
	return load.n_failed > 0;
}

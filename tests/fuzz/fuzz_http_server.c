/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The server's connections as a whole, in any order of what peers, handlers, the socket, time and the administrator do. The input is a byte that says which
 * limits there are, then a list of deeds, each a byte and an argument. Whatever happens: each request that the handler has seen ends once, no body comes after its answer, and nothing is left. */
#include "http/internal.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PEERS 4
#define SEEN_MAX 32
#define SLEEPS_MAX 3
#define SLEEP_US 6000

enum mode { MODE_SHORT = 1, MODE_NARROW = 2, MODE_RATED = 4, MODE_PROXY = 8 };

static struct loop *loop;
static struct http_server *server;
static int peers[PEERS];
static struct http_request *seen[SEEN_MAX];     /* and not ended */
static struct http_request *streaming;          /* whose on_stream runs */
static unsigned n_seen, write_room, n_drains, n_drained, n_sleeps;

static void require(bool condition)
{
	if (!condition)
		abort();
}

/* ------------------------------------------------ the transport ------------------------------------------------ */

struct session { int fd; };

static int session_open(const struct http_server *self, int fd, void **ret_session)
{
	struct session *session = calloc(1, sizeof(*session));
	(void)self;
	require(session != NULL);
	session->fd = fd;
	*ret_session = session;
	return 0;
}

static int session_handshake(void *session)
{
	(void)session;
	return 0;
}

static bool session_has_begun(const void *session)
{
	(void)session;
	return true;
}

static bool session_wants_write(const void *session)
{
	(void)session;
	return false;
}

static ssize_t session_read(void *session, void *ret_data, size_t capacity)
{
	ssize_t n = recv(((struct session *)session)->fd, ret_data, capacity, MSG_DONTWAIT);
	return n > 0 ? n : n == 0 || (errno != EAGAIN && errno != EINTR) ? -SIS_ERR_CLOSED : -SIS_ERR_AGAIN;
}

/* As much as there is room for in this round. */
static ssize_t session_write(void *session, const void *bytes, size_t size)
{
	if (write_room == 0)
		return -SIS_ERR_AGAIN;
	ssize_t n = send(((struct session *)session)->fd, bytes, size < write_room ? size : write_room, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n <= 0)
		return errno == EAGAIN ? -SIS_ERR_AGAIN : -SIS_ERR_CLOSED;
	write_room -= (unsigned)n;
	return n;
}

static size_t session_pending(const void *session)
{
	(void)session;
	return 0;
}

static void session_shutdown(void *session)
{
	(void)session;
}

/* So that connections get a tag and an account. */
static struct span session_certificate(const void *session)
{
	static const uint8_t certificate[] = "somebody's";
	(void)session;
	return (struct span){ certificate, sizeof(certificate) };
}

static int session_error(const void *session)
{
	(void)session;
	return 0;
}

static const char *session_words(const void *session)
{
	(void)session;
	return "the connection broke";
}

static void transport_end(struct http_server *self)
{
	(void)self;
}

static const struct http_transport transport = {
	session_open, free, session_handshake, session_has_begun, session_wants_write, session_read, session_write, session_pending, session_shutdown,
	session_certificate, session_error, session_words, transport_end,
};

/* ------------------------------------------------ the handler ------------------------------------------------ */

static unsigned find_seen(const struct http_request *request)
{
	unsigned i = 0;
	while (i < n_seen && seen[i] != request)
		i++;
	return i;
}

static void end(struct http_request *request)
{
	unsigned i = find_seen(request);
	require(i < n_seen && http_request_data(request) != NULL);
	free(http_request_data(request));
	seen[i] = seen[--n_seen];
}

/* 'a' an answer, 'f' a file, 's' a stream, 'r' a problem, 'x' no answer at all. */
static void answer(struct http_request *request, char how)
{
	char *data = http_request_data(request);
	require(data != NULL);
	if (request->answered)
		return;
	*data = 'A';
	if (how == 'f') {
		int fd = memfd_create("f", MFD_CLOEXEC);
		require(fd >= 0 && ftruncate(fd, 70000) == 0);
		http_respond_file(request, 200, NULL, 0, fd, 5, 60000);
	} else if (how == 's') {
		http_respond_stream(request, 200, NULL, 0);
	} else if (how == 'r') {
		http_respond_problem(request, SIS_ERR_BUSY, "not now");
	} else if (how == 'x') {
		http_close(request);
	} else {
		http_respond(request, 200, NULL, 0, "so it is", 8);
	}
}

static void *on_connected(struct span certificate, uint64_t *ret_account, void *arg)
{
	(void)certificate;
	(void)arg;
	*ret_account = 7;
	return calloc(1, 1);
}

/* The path says what to do now; "d" nothing yet. */
static void on_request(struct http_request *request, void *arg)
{
	const char *path = http_request_path(request);
	uint32_t wait_s;
	(void)arg;
	require(n_seen < SEEN_MAX && path != NULL && find_seen(request) == n_seen);
	seen[n_seen++] = request;
	http_request_set_data(request, calloc(1, 1));
	if (http_request_set_account(request, 7 + (path[1] == 'o'), &wait_s) != LIMIT_NONE)
		answer(request, 'r');
	else if (path[1] == 'c')
		http_request_collect(request, 40);
	else if (path[1] == 'b' || path[1] == 'e')
		http_request_stream(request);
	else if (path[1] == 'i')
		(void)http_inform(request, 104, NULL, 0);
	else if (path[1] != 'd')
		answer(request, path[1]);
}

static void on_body(struct http_request *request, const uint8_t *data, size_t size, void *arg)
{
	const char *path = http_request_path(request);
	(void)arg;
	require(size > 0 && data != NULL && find_seen(request) < n_seen && *(char *)http_request_data(request) != 'A');
	if (path[1] == 'e')
		answer(request, data[0] % 2 == 0 ? 'r' : 'x');
}

static void on_body_end(struct http_request *request, void *arg)
{
	(void)arg;
	require(find_seen(request) < n_seen && *(char *)http_request_data(request) != 'A');
	if (http_request_path(request)[1] != 'b')
		answer(request, http_request_body(request).size % 2 == 0 ? 'a' : 's');
}

static void on_gone(struct http_request *request, void *arg)
{
	(void)arg;
	require(*(char *)http_request_data(request) != 'A');
	end(request);
}

static void on_sent(struct http_request *request, bool complete, uint64_t bytes, void *arg)
{
	(void)complete;
	(void)bytes;
	(void)arg;
	/* That too much came for a body to be collected says the layer itself. */
	require(*(char *)http_request_data(request) == 'A' || http_request_path(request)[1] == 'c');
	end(request);
}

static void on_stream(struct http_request *request, void *arg)
{
	static char text[3000];
	(void)arg;
	require(find_seen(request) < n_seen && streaming == NULL);
	streaming = request;
	http_stream_send(request, text, n_seen % 2 == 0 ? sizeof(text) : 1);
	streaming = NULL;
}

static const struct http_handler handler = {
	.on_connected = on_connected, .on_request = on_request, .on_body = on_body, .on_body_end = on_body_end, .on_gone = on_gone, .on_stream = on_stream,
	.on_sent = on_sent,
};

/* ------------------------------------------------ deeds ------------------------------------------------ */

static void stop(void *arg)
{
	(void)arg;
	loop_stop(loop, 0);
}

static void run(unsigned n_rounds)
{
	while (n_rounds-- > 0)
		require(loop_add_after(loop, stop, NULL) == 0 && loop_run(loop) == 0);
}

static void connect_peer(unsigned i)
{
	int pair[2];
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001u + i), .sin_port = htons(1) };
	struct sockaddr_storage address = { 0 };
	close(peers[i]);
	require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
	peers[i] = pair[0];
	memcpy(&address, &in, sizeof(in));
	connection_accept(server, pair[1], (struct sockaddr *)&address);
}

static void take(unsigned i)
{
	char bytes[65536];
	ssize_t n = recv(peers[i], bytes, sizeof(bytes), MSG_DONTWAIT);
	(void)n;
}

static bool matches(const void *tag, void *arg)
{
	return tag != NULL && arg == NULL;
}

static void drained(void *arg)
{
	(void)arg;
	n_drained++;
	require(http_server_n_connections(server) == 0);
}

static void act_on_seen(unsigned argument)
{
	static const char how[] = { 'a', 'f', 's', 'r', 'x', 'w', 'e', 'a' };
	if (n_seen == 0)
		return;
	struct http_request *request = seen[argument % n_seen];
	char what = how[argument / 32];
	if (what == 'w')
		http_stream_wake(request);
	else if (what == 'e')
		http_stream_end(request);
	else
		answer(request, what);
}

static size_t deed(const uint8_t *data, size_t size)
{
	unsigned peer = data[0] / 16 % PEERS, argument = data[1];
	size_t n = 0;
	switch (data[0] % 16) {
	case 0: case 1: case 2: case 3: case 4:
		n = argument < size - 2 ? argument : size - 2;
		(void)send(peers[peer], data + 2, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		run(data[0] % 16 % 3);
		break;
	case 5:
		if (argument > 250 && n_sleeps++ < SLEEPS_MAX)
			(void)usleep(SLEEP_US);
		run(1 + argument % 4);
		break;
	case 6: case 7: act_on_seen(argument); break;
	case 8: take(peer); break;
	case 9: (void)shutdown(peers[peer], SHUT_WR); break;
	case 10: connect_peer(peer); break;
	case 11: (void)http_server_close_if(server, matches, argument % 4 == 0 ? server : NULL); break;
	case 12: n_drains++; http_server_drain(server, argument % 2 == 0, drained, NULL); break;
	case 13: write_room = argument * argument; break;
	case 14: (void)shutdown(peers[peer], SHUT_RDWR); break;
	default: write_room = 1 << 20; break;
	}
	return 2 + n;
}

static struct http_limits limits_for(unsigned mode)
{
	struct http_limits limits = { .max_connections = 6, .max_connections_per_source = 3, .max_connections_per_account = 5, .header_timeout_ms = 60000,
		.idle_timeout_ms = 60000, .min_rate_bytes_s = 1, .max_body_bytes = 100, .max_head_bytes = 2000 };
	if (mode & MODE_SHORT)
		limits.header_timeout_ms = limits.idle_timeout_ms = 4;
	if (mode & MODE_NARROW)
		limits.source_bytes_per_s = limits.account_bytes_per_s = 20000;
	if (mode & MODE_RATED) {
		limits.handshakes_per_s = limits.source_requests_per_s = limits.account_requests_per_s = 1;
		limits.penalty_min_ms = 1;
		limits.penalty_max_ms = 5;
		for (unsigned i = 0; i < OFFENCE_END; i++)
			limits.penalty_ms[i] = 1;
	}
	if (mode & MODE_PROXY)
		require(prefix_list_parse("127.0.0.0/8", &limits.proxy_from) == 0);
	return limits;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	const struct http_limits limits = limits_for(data[0]);
	n_seen = n_drains = n_drained = n_sleeps = 0;
	write_room = 1 << 20;
	require(loop_new(&loop) == 0 && http_server_new(loop, &handler, NULL, &server) == 0);
	server->transport = &transport;
	http_server_set_limits(server, &limits);
	for (unsigned i = 0; i < PEERS; i++)
		peers[i] = -1;
	for (unsigned i = 0; i < PEERS; i++)
		connect_peer(i);
	for (size_t at = 1, n_deeds = 0; size - at >= 2 && n_deeds < 200; n_deeds++)
		at += deed(data + at, size - at);
	run(2);
	http_server_free(server);
	require(n_seen == 0 && n_drained <= n_drains);
	for (unsigned i = 0; i < PEERS; i++)
		close(peers[i]);
	loop_free(loop);
	return 0;
}

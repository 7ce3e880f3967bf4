/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The server without TLS: answers on a loopback address, and on nothing else. */
#include "http/plain.h"

#include "base/util.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

struct peer { int fd; char got[1024]; size_t size; struct loop *loop; };

static void on_request(struct http_request *request, void *arg)
{
	(void)arg;
	assert_int_equal(http_request_certificate(request).size, 0);
	assert_int_equal(http_request_certificate_error(request), 0);
	http_respond(request, 200, NULL, 0, "hello", 5);
}

static void on_answer(uint32_t events, void *arg)
{
	struct peer *peer = arg;
	ssize_t n = recv(peer->fd, peer->got + peer->size, sizeof(peer->got) - 1 - peer->size, MSG_DONTWAIT);
	(void)events;
	if (n > 0)
		peer->size += (size_t)n;
	else
		loop_stop(peer->loop, 0);
}

/* One request, and what came back until the server closed. */
static void ask(int family, const void *address, socklen_t size, struct peer *peer)
{
	static const struct http_handler handler = { .on_request = on_request };
	static const char request[] = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
	struct http_server *server;
	struct sockaddr_storage bound;
	socklen_t bound_size = sizeof(bound);
	int listener = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, address, size), 0);
	assert_int_equal(listen(listener, 4), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&bound, &bound_size), 0);
	assert_int_equal(loop_new(&peer->loop), 0);
	assert_int_equal(http_server_new(peer->loop, &handler, NULL, &server), 0);
	http_server_set_plain(server);
	assert_int_equal(http_server_listen(server, listener), 0);
	peer->fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(peer->fd, (struct sockaddr *)&bound, bound_size), 0);
	assert_int_equal(send(peer->fd, request, sizeof(request) - 1, MSG_NOSIGNAL), (ssize_t)sizeof(request) - 1);
	assert_int_equal(loop_add_io(peer->loop, peer->fd, EPOLLIN, on_answer, peer, NULL), 0);
	loop_run(peer->loop);
	fd_close(peer->fd);
	http_server_free(server);
	loop_free(peer->loop);
}

static void answers_on_loopback(void **state)
{
	(void)state;
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct peer peer = { .fd = -1 };
	ask(AF_INET, &address, sizeof(address), &peer);
	assert_non_null(strstr(peer.got, "HTTP/1.1 200 OK\r\n"));
	assert_non_null(strstr(peer.got, "\r\n\r\nhello"));
}

static void closes_elsewhere(void **state)
{
	(void)state;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct peer peer = { .fd = -1 };
	snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "sis-test-plain-%d", (int)getpid());
	ask(AF_UNIX, &address, sizeof(address), &peer);
	assert_int_equal(peer.size, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_on_loopback),
		cmocka_unit_test(closes_elsewhere),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

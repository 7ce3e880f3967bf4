/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The server over real sockets and TLS: child processes run it, one with limits that no busy machine reaches, one with short limits for the tests of
 * these; the test is the peer, honest or not. */
#include "http/server.h"

#include "base/error.h"
#include "base/util.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define FILE_BYTES (3 * 1024 * 1024 + 7)
#define MAX_SOURCE 12
#define HEADER_MS 1000                  /* of the server with short limits */
#define IDLE_MS 1500
#define PATIENT_MS 60000                /* of the other one; and how long a test waits for anything */

/* What the child counts, for the test to see. */
struct shared { unsigned n_pieces, n_requests, n_gone, n_refused, n_sent, n_cut, n_connections; char reason[128]; };
struct child { unsigned header_ms, idle_ms; struct shared *shared; uint16_t port; pid_t pid; };

static struct child patient = { .header_ms = PATIENT_MS, .idle_ms = PATIENT_MS }, hurried = { .header_ms = HEADER_MS, .idle_ms = IDLE_MS };
static struct child *child = &patient;  /* whom the test talks with */
static struct shared *shared;           /* and what that one counts */
static struct blob ca_der;
static struct loop *loop;
static struct http_server *server;

/* ------------------------------------------------ the server's side ------------------------------------------------ */

struct streamed { struct http_request *request; struct loop_source *timer; uint64_t n; bool gone; };

static void respond_number(struct http_request *request, uint64_t n)
{
	char text[32];
	int size = snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
	http_respond(request, 200, NULL, 0, text, (size_t)size);
}

static void on_timer(void *arg)
{
	struct streamed *streamed = arg;
	if (streamed->gone)
		return;
	respond_number(streamed->request, streamed->n);
}

static struct streamed *watch(struct http_request *request)
{
	struct streamed *streamed = xcalloc(1, sizeof(*streamed));
	streamed->request = request;
	http_request_set_data(request, streamed);
	return streamed;
}

static void begin_stream(struct http_request *request)
{
	watch(request);
	http_request_stream(request);
}

static void answer_later(struct http_request *request)
{
	struct streamed *streamed = watch(request);
	loop_add_timer(loop, 100, on_timer, streamed, &streamed->timer);
}

static void answer_file(struct http_request *request)
{
	/* In one write: a loop that is held up here makes other peers look slow. */
	static uint8_t content[FILE_BYTES];
	for (size_t at = 0; at < FILE_BYTES; at++)
		content[at] = (uint8_t)"0123456789abcdef"[at % 16];
	int fd = memfd_create("file", MFD_CLOEXEC);
	fd_pwrite_all(fd, content, sizeof(content), 0);
	http_respond_file(request, 200, NULL, 0, fd, 0, FILE_BYTES);
}

static void inform(struct http_request *request)
{
	static const struct http_header header = { "Location", "/v1/uploads/x" };
	http_inform(request, 104, &header, 1);
	begin_stream(request);
}

static void tag(struct http_request *request)
{
	char *text = xstrdup(http_request_query(request, "as"));
	http_request_set_tag(request, text);
	http_respond(request, 204, NULL, 0, NULL, 0);
}

static bool tag_is(const void *tag_of, void *arg)
{
	return strcmp(tag_of, arg) == 0;
}

static void close_tagged(struct http_request *request)
{
	char name[32];
	snprintf(name, sizeof(name), "%s", http_request_query(request, "as"));
	respond_number(request, http_server_close_if(server, tag_is, name));
}

static void hello(struct http_request *request)
{
	http_respond(request, 200, NULL, 0, "hello", 5);
}

static void refuse_early(struct http_request *request)
{
	http_respond_problem(request, SIS_ERR_NOT_ALLOWED, "No.");
}

static void echo(struct http_request *request)
{
	http_request_collect(request, 100);
}

static void never(struct http_request *request)
{
	watch(request);
}

/* Answers in pieces, as they are asked for. */

#define POUR_BYTES 65536
#define POUR_PIECES 200                 /* more than sockets take */

static struct http_request *watched;    /* the last that asked for /watch and is still there */

static void begin_pieces(struct http_request *request)
{
	static const struct http_header type = { "Content-Type", "text/plain" };
	watch(request);
	if (strcmp(http_request_path(request), "/watch") == 0)
		watched = request;
	http_respond_stream(request, 200, &type, 1);
}

static void on_stream(struct http_request *request, void *arg)
{
	static char piece[POUR_BYTES];
	struct streamed *streamed = http_request_data(request);
	bool is_watch = request == watched, pours = strcmp(http_request_path(request), "/pour") == 0;
	size_t size = pours ? sizeof(piece) : (size_t)snprintf(piece, sizeof(piece), "piece %llu\n", (unsigned long long)streamed->n);
	shared->n_pieces++;
	http_stream_send(request, piece, size);
	http_stream_send(request, piece, 0);            /* no bytes are no chunk, which would be the last */
	if (is_watch)
		return;
	if (++streamed->n < (pours ? POUR_PIECES : 3))
		http_stream_wake(request);
	else
		http_stream_end(request);
}

static void wake(struct http_request *request)
{
	uint64_t n = watched != NULL;
	if (watched != NULL)
		http_stream_wake(watched);
	respond_number(request, n);
}

static const struct { const char *path; void (*fn)(struct http_request *request); } pages[] = {
	{ "/hello", hello }, { "/echo", echo }, { "/stream", begin_stream }, { "/later", answer_later }, { "/file", answer_file },
	{ "/inform", inform }, { "/tag", tag }, { "/close", close_tagged }, { "/early", refuse_early }, { "/never", never },
	{ "/pieces", begin_pieces }, { "/pour", begin_pieces }, { "/watch", begin_pieces }, { "/wake", wake },
};

static void on_request(struct http_request *request, void *arg)
{
	shared->n_requests++;
	shared->n_connections = http_server_n_connections(server);
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++)
		if (strcmp(pages[i].path, http_request_path(request)) == 0)
			return pages[i].fn(request);
	http_respond_problem(request, SIS_ERR_NO_INPUT, NULL);
}

static void on_body(struct http_request *request, const uint8_t *data, size_t size, void *arg)
{
	struct streamed *streamed = http_request_data(request);
	streamed->n += size;
}

static void on_body_end(struct http_request *request, void *arg)
{
	struct streamed *streamed = http_request_data(request);
	if (streamed != NULL)
		respond_number(request, streamed->n);
	else
		http_respond(request, 200, NULL, 0, http_request_body(request).data, http_request_body(request).size);
}

static void forget(struct http_request *request)
{
	struct streamed *streamed = http_request_data(request);
	if (request == watched)
		watched = NULL;
	if (streamed == NULL)
		return;
	loop_remove(streamed->timer);
	free(streamed);
}

static void on_gone(struct http_request *request, void *arg)
{
	shared->n_gone++;
	forget(request);
}

static void on_sent(struct http_request *request, bool complete, uint64_t bytes, void *arg)
{
	shared->n_sent += complete;
	shared->n_cut += !complete;
	forget(request);
}

static void on_refused(const char *peer, const char *reason, void *arg)
{
	shared->n_refused++;
	snprintf(shared->reason, sizeof(shared->reason), "%s", reason);
}

static void on_limit(enum limit limit, const char *peer, void *arg)
{
	on_refused(peer, limit_text(limit), arg);
}

static const struct http_handler handler = {
	.on_request = on_request, .on_body = on_body, .on_body_end = on_body_end, .on_stream = on_stream, .on_gone = on_gone, .on_sent = on_sent, .on_refused = on_refused,
	.on_limit = on_limit,
};

static int sign(uint32_t generation, enum key_algorithm algorithm, struct span data, uint8_t *ret_signature, size_t capacity, size_t *ret_size, void *arg)
{
	*ret_size = SIGNATURE_BYTES;
	return capacity < SIGNATURE_BYTES ? -SIS_ERR_INTERNAL : signature_make(arg, data, ret_signature);
}

static struct tls_identity *make_identity(struct signing_key *key)
{
	struct pki_ca *ca;
	uint8_t fingerprint[FINGERPRINT_BYTES], chain_bytes[8192];
	static const uint8_t ticket_key[64] = { 1 };
	struct blob leaf = { 0 };
	struct tls_identity *identity;
	assert_int_equal(pki_ca_create(86400, &ca), 0);
	assert_int_equal(pki_ca_certificate(ca, &ca_der, fingerprint), 0);
	assert_int_equal(signing_key_generate(KEY_ED25519, key), 0);
	assert_int_equal(pki_ca_issue_server(ca, &key->public_key, span_from_string("localhost\n127.0.0.1\n"), 86400, &leaf), 0);
	struct builder chain = builder_from(chain_bytes, sizeof(chain_bytes));
	builder_put_sized(&chain, leaf.data, leaf.size);
	assert_int_equal(tls_identity_new(1, KEY_ED25519, (struct span){ chain.data, chain.size }, (struct span){ ca_der.data, ca_der.size }, ticket_key, sign,
	                                  key, &identity), 0);
	blob_free(&leaf);
	pki_ca_free(ca);
	return identity;
}

static void drained(void *arg)
{
	loop_stop(loop, 0);
}

static void on_term(int signal_number, void *arg)
{
	http_server_stop_listening(server);
	http_server_drain(server, false, drained, NULL);
}

static void serve(int listener, struct tls_identity *identity)
{
	const struct http_limits limits = { .max_connections = 64, .max_connections_per_source = MAX_SOURCE, .header_timeout_ms = child->header_ms,
		.idle_timeout_ms = child->idle_ms, .min_rate_bytes_s = 20000, .max_body_bytes = 4096, .max_head_bytes = 16384 };
	signal(SIGPIPE, SIG_IGN);
	if (loop_new(&loop) < 0 || http_server_new(loop, &handler, NULL, &server) < 0)
		_exit(1);
	http_server_set_limits(server, &limits);
	http_server_set_identity(server, identity);
	loop_add_signal(loop, SIGTERM, on_term, NULL);
	if (http_server_listen(server, listener) < 0)
		_exit(1);
	loop_run(loop);
	http_server_free(server);
	tls_identity_unref(identity);
	loop_free(loop);
	blob_free(&ca_der);
	exit(0);                        /* not _exit: a sanitizer's report of leaks belongs to the test */
}

static int talk_with(struct child *whom)
{
	child = whom;
	shared = whom->shared;
	return 0;
}

static int be_patient(void **state)
{
	return talk_with(&patient);
}

static int be_hurried(void **state)
{
	return talk_with(&hurried);
}

static int start(struct child *which, struct tls_identity *identity)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	which->shared = mmap(NULL, sizeof(*which->shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (which->shared == MAP_FAILED || bind(listener, (struct sockaddr *)&address, size) < 0 || listen(listener, 128) < 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &size) < 0)
		return -1;
	which->port = ntohs(address.sin_port);
	talk_with(which);
	which->pid = fork();
	if (which->pid == 0)
		serve(listener, identity);
	close(listener);
	return which->pid < 0 ? -1 : 0;
}

static int set_up(void **state)
{
	static struct signing_key key;
	struct tls_identity *identity = make_identity(&key);
	int error = start(&hurried, identity) < 0 || start(&patient, identity) < 0 ? -1 : 0;
	tls_identity_unref(identity);
	signal(SIGPIPE, SIG_IGN);
	return error;
}

static int end(const struct child *which)
{
	int status;
	kill(which->pid, SIGTERM);
	waitpid(which->pid, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
	int error = end(&patient) + end(&hurried);
	blob_free(&ca_der);
	return error;
}

/* ------------------------------------------------ the peer's side ------------------------------------------------ */

struct peer { int fd; struct tls_session *tls; };

static int dial(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(child->port) };
	struct timeval limit = { .tv_sec = PATIENT_MS / 1000 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static bool peer_try(struct peer *peer)
{
	struct tls_client_config config = { .ca = { ca_der.data, ca_der.size }, .server_name = "localhost" };
	peer->fd = dial();
	assert_int_equal(tls_client_new(&config, peer->fd, &peer->tls), 0);
	return tls_handshake(peer->tls) == 0;
}

static void peer_close(struct peer *peer)
{
	tls_session_free(peer->tls);
	close(peer->fd);
}

/* Tries again: the server may not have noticed yet that others are gone, or the machine was too busy for a handshake within short limits. */
static struct peer peer_open(void)
{
	struct peer peer;
	for (int i = 0; !peer_try(&peer); i++) {
		assert_true(i < 100);
		peer_close(&peer);
		usleep(50000);
	}
	return peer;
}

static bool peer_send(struct peer *peer, const void *data, size_t size)
{
	for (size_t at = 0; at < size; ) {
		ssize_t n = tls_write(peer->tls, (const char *)data + at, size - at);
		if (n <= 0)
			return false;
		at += (size_t)n;
	}
	return true;
}

static bool peer_say(struct peer *peer, const char *text)
{
	return peer_send(peer, text, strlen(text));
}

/* Reads one answer, head and body; -1 at the end of the connection. */
static int peer_hear_sized(struct peer *peer, char *ret_body, size_t capacity, uint64_t *ret_size, char head[4096], bool with_body)
{
	size_t size = 0;
	head[0] = '\0';
	while (strstr(head, "\r\n\r\n") == NULL) {
		if (size >= 4095 || tls_read(peer->tls, head + size, 1) != 1)
			return -1;
		head[++size] = '\0';
	}
	const char *length = strcasestr(head, "Content-Length:");
	uint64_t left = length != NULL && with_body ? strtoull(length + 15, NULL, 10) : 0, got = 0;
	static char scrap[65536];
	while (got < left) {
		bool keep = got < capacity;
		size_t room = keep ? capacity - (size_t)got : sizeof(scrap);
		ssize_t n = tls_read(peer->tls, keep ? ret_body + got : scrap, room < left - got ? room : (size_t)(left - got));
		if (n <= 0)
			return -1;
		got += (uint64_t)n;
	}
	if (got < capacity)
		ret_body[got] = '\0';
	*ret_size = got;
	return atoi(head + 9);
}

static int peer_hear(struct peer *peer, char ret_body[512])
{
	char head[4096];
	uint64_t size;
	return peer_hear_sized(peer, ret_body, 512, &size, head, true);
}

static void peer_read_exactly(struct peer *peer, char *ret_data, size_t size)
{
	for (size_t at = 0; at < size; ) {
		ssize_t n = tls_read(peer->tls, ret_data + at, size - at);
		assert_true(n > 0);
		at += (size_t)n;
	}
}

/* The size of the next chunk of a stream, whose bytes are in ret_data; 0: it was the last. */
static size_t peer_hear_chunk(struct peer *peer, char *ret_data, size_t capacity)
{
	char line[20] = "";
	for (size_t at = 0; at < sizeof(line) - 1 && strchr(line, '\n') == NULL; at++)
		peer_read_exactly(peer, line + at, 1);
	char *end;
	size_t size = strtoul(line, &end, 16);
	assert_string_equal(end, "\r\n");
	assert_true(size + 2 < capacity);
	peer_read_exactly(peer, ret_data, size + 2);
	assert_memory_equal(ret_data + size, "\r\n", 2);
	ret_data[size] = '\0';
	return size;
}

static void peer_begin_stream(struct peer *peer, const char *request)
{
	char body[16], head[4096];
	uint64_t size;
	peer_say(peer, request);
	assert_int_equal(peer_hear_sized(peer, body, sizeof(body), &size, head, false), 200);
	assert_non_null(strstr(head, "Transfer-Encoding: chunked\r\n"));
	assert_null(strcasestr(head, "Content-Length"));
}

static bool peer_is_ended(struct peer *peer)
{
	char byte;
	return tls_read(peer->tls, &byte, 1) < 0;
}

static void wait_for(const unsigned *counter, unsigned value)
{
	for (unsigned i = 0; i < PATIENT_MS / 10 && __atomic_load_n(counter, __ATOMIC_SEQ_CST) < value; i++)
		usleep(10000);
	assert_true(__atomic_load_n(counter, __ATOMIC_SEQ_CST) >= value);
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: localhost\r\n\r\n"

/* ------------------------------------------------ tests ------------------------------------------------ */

static void test_kept_connection(void **state)
{
	struct peer peer = peer_open();
	char body[512];
	for (int i = 0; i < 3; i++) {
		peer_say(&peer, GET("/hello"));
		assert_int_equal(peer_hear(&peer, body), 200);
		assert_string_equal(body, "hello");
	}
	peer_say(&peer, "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	assert_int_equal(peer_hear(&peer, body), 200);
	assert_true(peer_is_ended(&peer));
	peer_close(&peer);
}

static void test_pipelined(void **state)
{
	struct peer peer = peer_open();
	char body[512];
	peer_say(&peer, GET("/later") GET("/hello") "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" GET("/nothing"));
	assert_int_equal(peer_hear(&peer, body), 200);
	assert_string_equal(body, "0");
	assert_int_equal(peer_hear(&peer, body), 200);
	assert_string_equal(body, "hello");
	assert_int_equal(peer_hear(&peer, body), 200);
	assert_string_equal(body, "abc");
	assert_int_equal(peer_hear(&peer, body), 404);
	assert_non_null(strstr(body, "\"urn:sis:error:no-input\""));
	peer_close(&peer);
}

static void test_byte_by_byte(void **state)
{
	struct peer peer = peer_open();
	char body[512];
	for (const char *at = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"; *at != '\0'; at++)
		assert_true(peer_send(&peer, at, 1));
	assert_int_equal(peer_hear(&peer, body), 200);
	assert_string_equal(body, "abc");
	peer_close(&peer);
}

static void test_head_request(void **state)
{
	struct peer peer = peer_open();
	char body[512], head[4096];
	uint64_t size;
	peer_say(&peer, "HEAD /file HTTP/1.1\r\nHost: a\r\n\r\n" GET("/hello"));
	assert_int_equal(peer_hear_sized(&peer, body, sizeof(body), &size, head, false), 200);
	assert_int_equal(strtoull(strcasestr(head, "Content-Length:") + 15, NULL, 10), FILE_BYTES);
	assert_int_equal(peer_hear(&peer, body), 200);
	assert_string_equal(body, "hello");
	peer_close(&peer);
}

static void test_file(void **state)
{
	struct peer peer = peer_open();
	static char body[FILE_BYTES];
	char head[4096];
	uint64_t size;
	peer_say(&peer, GET("/file") GET("/hello"));
	assert_int_equal(peer_hear_sized(&peer, body, sizeof(body), &size, head, true), 200);
	assert_int_equal(size, FILE_BYTES);
	for (size_t i = 0; i < FILE_BYTES; i++)
		if (body[i] != "0123456789abcdef"[i % 16])
			fail_msg("byte %zu differs", i);
	assert_int_equal(peer_hear(&peer, body), 200);
	peer_close(&peer);
}

static void send_large(const char *path, bool chunked)
{
	struct peer peer = peer_open();
	static char piece[40000];
	char body[512], head[256];
	snprintf(head, sizeof(head), "POST %s HTTP/1.1\r\nHost: a\r\n%s\r\n\r\n", path, chunked ? "Transfer-Encoding: chunked" : "Content-Length: 4000000");
	peer_say(&peer, head);
	for (int i = 0; i < 100; i++) {
		if (chunked)
			peer_say(&peer, "9c40\r\n");
		assert_true(peer_send(&peer, piece, sizeof(piece)));
		if (chunked)
			peer_say(&peer, "\r\n");
	}
	if (chunked)
		peer_say(&peer, "0\r\n\r\n");
	peer_say(&peer, GET("/hello"));
	assert_int_equal(peer_hear(&peer, body), 200);
	assert_string_equal(body, "4000000");
	assert_int_equal(peer_hear(&peer, body), 200);
	peer_close(&peer);
}

static void test_streamed(void **state)
{
	send_large("/stream", false);
	send_large("/stream", true);
}

static void test_inform(void **state)
{
	struct peer peer = peer_open();
	char body[512], head[4096];
	uint64_t size;
	peer_say(&peer, "POST /inform HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
	assert_int_equal(peer_hear_sized(&peer, body, sizeof(body), &size, head, true), 104);
	assert_non_null(strstr(head, "Location: /v1/uploads/x\r\n"));
	assert_int_equal(peer_hear(&peer, body), 100);
	peer_say(&peer, "hi");
	assert_int_equal(peer_hear(&peer, body), 200);
	assert_string_equal(body, "2");
	peer_close(&peer);
}

/* The answer reaches a peer that is still sending, and does not drown in a reset. */
static void test_early_answer(void **state)
{
	struct peer peer = peer_open();
	static char piece[65536];
	char body[512];
	peer_say(&peer, "POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n");
	for (int i = 0; i < 40; i++)
		assert_true(peer_send(&peer, piece, sizeof(piece)));
	assert_int_equal(peer_hear(&peer, body), 403);
	assert_non_null(strstr(body, "\"urn:sis:error:not-allowed\""));
	assert_true(peer_is_ended(&peer));
	peer_close(&peer);
}

static void test_too_large(void **state)
{
	struct peer peer = peer_open();
	char body[512];
	peer_say(&peer, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\n\r\n");
	assert_int_equal(peer_hear(&peer, body), 413);
	peer_close(&peer);
	peer = peer_open();
	peer_say(&peer, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n");
	char piece[128];
	memset(piece, 'x', sizeof(piece));
	peer_send(&peer, piece, 100);
	peer_say(&peer, "\r\n1\r\nx\r\n");
	assert_int_equal(peer_hear(&peer, body), 413);
	peer_close(&peer);
}

static void test_malformed(void **state)
{
	static const struct { const char *request; int status; } cases[] = {
		{ "GET / HTTP/1.0\r\nHost: a\r\n\r\n", 400 }, { "GET / HTTP/1.1\r\n\r\n", 400 }, { "garbage\r\n\r\n", 400 }, { "\x01\x02\x03", 400 },
		{ "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400 },
		{ "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501 }, { "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505 },
		{ "POST /stream HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400 }, { "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 501 },
		{ "GET /a%2fb HTTP/1.1\r\nHost: a\r\n\r\n", 400 }, { "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\n\r\n", 400 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct peer peer = peer_open();
		char body[512];
		peer_say(&peer, cases[i].request);
		peer_say(&peer, GET("/hello"));
		assert_int_equal(peer_hear(&peer, body), cases[i].status);
		assert_non_null(strstr(body, "\"type\":\"urn:sis:error:"));
		assert_true(peer_is_ended(&peer));      /* what came behind is never taken for a request */
		peer_close(&peer);
	}
}

static void test_long_heads(void **state)
{
	static char text[70000];
	char body[512];
	struct peer peer = peer_open();
	char *at = stpcpy(text, "GET /hello HTTP/1.1\r\nHost: a\r\nX: ");
	memset(at, 'x', 60000);
	strcpy(at + 60000, "\r\n\r\n");
	peer_say(&peer, text);
	assert_int_equal(peer_hear(&peer, body), 431);
	peer_close(&peer);
	peer = peer_open();
	at = stpcpy(text, "GET /hello HTTP/1.1\r\nHost: a\r\n");
	for (int i = 0; i < 100; i++)
		at = stpcpy(at, "X: y\r\n");
	strcpy(at, "\r\n");
	peer_say(&peer, text);
	assert_int_equal(peer_hear(&peer, body), 431);
	peer_close(&peer);
}

static void test_gone(void **state)
{
	static const char *const requests[] = {
		GET("/never"), "POST /stream HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc", "POST /inform HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n",
	};
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		unsigned n = shared->n_gone, seen = shared->n_requests;
		struct peer peer = peer_open();
		peer_say(&peer, requests[i]);
		wait_for(&shared->n_requests, seen + 1);
		struct linger now = { .l_onoff = 1 };
		setsockopt(peer.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
		peer_close(&peer);
		wait_for(&shared->n_gone, n + 1);
	}
}

static void test_slow_handshake(void **state)
{
	int fd = dial();
	char byte;
	assert_true(write(fd, "\x16\x03", 2) == 2);
	assert_true(read(fd, &byte, 1) <= 0);
	assert_string_equal(shared->reason, "no TLS handshake in time");
	close(fd);
}

static void test_plain_text(void **state)
{
	int fd = dial();
	char bytes[512];
	assert_true(write(fd, "GET / HTTP/1.1\r\n\r\n", 18) == 18);
	while (read(fd, bytes, sizeof(bytes)) > 0)
		;
	close(fd);
}

static void test_slow_head(void **state)
{
	struct peer peer = peer_open();
	char body[512];
	/* Each byte comes well within any idle time: only the time for the whole head ends this. */
	for (int i = 0; i < HEADER_MS * 2 / 25; i++) {
		if (!peer_say(&peer, i == 0 ? "GET / HTTP/1.1\r\nX: " : "y"))
			break;
		usleep(25000);
	}
	assert_int_equal(peer_hear(&peer, body), 408);
	peer_close(&peer);
}

static void test_idle(void **state)
{
	struct peer peer = peer_open();
	char body[512];
	peer_say(&peer, GET("/hello"));
	assert_int_equal(peer_hear(&peer, body), 200);
	assert_true(peer_is_ended(&peer));
	peer_close(&peer);
}

static void test_slow_sender(void **state)
{
	struct peer peer = peer_open();
	unsigned n_gone = shared->n_gone;
	char body[512];
	peer_say(&peer, "POST /stream HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
	for (int i = 0; i < IDLE_MS * 2 / 50 && peer_say(&peer, "a few bytes"); i++)
		usleep(50000);
	assert_int_equal(peer_hear(&peer, body), 408);
	assert_int_equal(shared->n_gone, n_gone + 1);
	peer_close(&peer);
}

static void test_slow_reader(void **state)
{
	struct peer peers[4];
	unsigned n_cut = shared->n_cut;
	for (size_t i = 0; i < ARRAY_SIZE(peers); i++) {
		int small = 4096;
		peers[i] = peer_open();
		setsockopt(peers[i].fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
		peer_say(&peers[i], GET("/file") GET("/file") GET("/file"));
	}
	/* Somebody else is served meanwhile. */
	struct peer other = peer_open();
	char body[512];
	for (int i = 0; i < 10; i++) {
		peer_say(&other, GET("/hello"));
		assert_int_equal(peer_hear(&other, body), 200);
		usleep(20000);
	}
	peer_close(&other);
	wait_for(&shared->n_cut, n_cut + ARRAY_SIZE(peers));
	assert_string_equal(shared->reason, "took the answer too slowly");
	for (size_t i = 0; i < ARRAY_SIZE(peers); i++)
		peer_close(&peers[i]);
}

static void test_per_source(void **state)
{
	struct peer peers[MAX_SOURCE], extra;
	for (size_t i = 0; i < ARRAY_SIZE(peers); i++)
		peers[i] = peer_open();
	assert_false(peer_try(&extra));
	assert_string_equal(shared->reason, limit_text(LIMIT_CONNECTIONS_PER_SOURCE));
	peer_close(&extra);
	for (size_t i = 0; i < ARRAY_SIZE(peers); i++)
		peer_close(&peers[i]);
	extra = peer_open();
	peer_close(&extra);
}

static void test_revocation(void **state)
{
	struct peer alice[3], bob = peer_open();
	char body[512];
	for (size_t i = 0; i < ARRAY_SIZE(alice); i++) {
		alice[i] = peer_open();
		peer_say(&alice[i], GET("/tag?as=alice"));
		assert_int_equal(peer_hear(&alice[i], body), 204);
	}
	unsigned n_gone = shared->n_gone, seen = shared->n_requests;
	peer_say(&alice[0], GET("/never"));
	peer_say(&alice[1], "POST /stream HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab");
	wait_for(&shared->n_requests, seen + 2);
	peer_say(&bob, GET("/tag?as=bob"));
	assert_int_equal(peer_hear(&bob, body), 204);
	peer_say(&bob, GET("/close?as=alice"));
	assert_int_equal(peer_hear(&bob, body), 200);
	assert_string_equal(body, "3");
	assert_int_equal(shared->n_gone, n_gone + 2);
	for (size_t i = 0; i < ARRAY_SIZE(alice); i++) {
		char byte;
		assert_true(recv(alice[i].fd, &byte, 1, 0) < 0 && errno == ECONNRESET);
		peer_close(&alice[i]);
	}
	/* Who revokes himself gets no answer either. */
	peer_say(&bob, GET("/close?as=bob"));
	assert_int_equal(peer_hear(&bob, body), -1);
	peer_close(&bob);
}

static void hear_pieces(struct peer *peer)
{
	char data[64], wanted[64];
	for (int i = 0; i < 3; i++) {
		snprintf(wanted, sizeof(wanted), "piece %d\n", i);
		assert_int_equal(peer_hear_chunk(peer, data, sizeof(data)), strlen(wanted));
		assert_string_equal(data, wanted);
	}
	assert_int_equal(peer_hear_chunk(peer, data, sizeof(data)), 0);
}

static void test_stream(void **state)
{
	struct peer peer = peer_open();
	char body[512], head[4096];
	uint64_t size;
	unsigned n_sent = shared->n_sent;
	peer_begin_stream(&peer, GET("/pieces"));
	hear_pieces(&peer);
	/* What came behind it, even at once, is answered behind it. */
	peer_begin_stream(&peer, GET("/pieces") GET("/hello"));
	hear_pieces(&peer);
	assert_int_equal(peer_hear(&peer, body), 200);
	assert_string_equal(body, "hello");
	peer_say(&peer, "HEAD /pieces HTTP/1.1\r\nHost: a\r\n\r\n" GET("/hello"));
	assert_int_equal(peer_hear_sized(&peer, body, sizeof(body), &size, head, false), 200);
	assert_int_equal(peer_hear(&peer, body), 200);
	assert_string_equal(body, "hello");
	wait_for(&shared->n_sent, n_sent + 5);
	peer_close(&peer);
}

static void test_stream_wakes(void **state)
{
	struct peer watcher = peer_open(), other = peer_open();
	char data[64], body[512];
	peer_begin_stream(&watcher, GET("/watch"));
	assert_int_equal(peer_hear_chunk(&watcher, data, sizeof(data)), 8);
	unsigned n_pieces = shared->n_pieces;
	usleep((IDLE_MS + 200) * 1000);         /* nothing happens, for longer than others may be silent */
	assert_int_equal(shared->n_pieces, n_pieces);
	peer_close(&other);
	other = peer_open();
	for (unsigned i = 1; i <= 20; i++) {
		peer_say(&other, GET("/wake"));
		assert_int_equal(peer_hear(&other, body), 200);
		assert_string_equal(body, "1");
		assert_int_equal(peer_hear_chunk(&watcher, data, sizeof(data)), 8);
		assert_int_equal(shared->n_pieces, n_pieces + i);
	}
	/* Nobody reads from the watcher's connection: that it has gone is noticed all the same. */
	unsigned n_cut = shared->n_cut;
	peer_close(&watcher);
	wait_for(&shared->n_cut, n_cut + 1);
	peer_say(&other, GET("/wake"));
	assert_int_equal(peer_hear(&other, body), 200);
	assert_string_equal(body, "0");
	peer_close(&other);
}

static struct peer pour(void)
{
	int small = 65536;
	struct peer peer = peer_open();
	setsockopt(peer.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	shared->n_pieces = 0;
	peer_begin_stream(&peer, GET("/pour"));
	return peer;
}

/* Until nothing more is asked for, because the sockets are full. */
static unsigned pieces_at_rest(void)
{
	unsigned before;
	do {
		before = shared->n_pieces;
		usleep(100000);
	} while (shared->n_pieces != before || before == 0);
	return before;
}

static void test_stream_waits_for_the_reader(void **state)
{
	static char data[POUR_BYTES + 3];
	struct peer peer = pour();
	int large = 1 << 20;
	assert_true(pieces_at_rest() < POUR_PIECES);
	setsockopt(peer.fd, SOL_SOCKET, SO_RCVBUF, &large, sizeof(large));      /* through a small window it would take long */
	for (unsigned i = 0; i < POUR_PIECES; i++)
		assert_int_equal(peer_hear_chunk(&peer, data, sizeof(data)), POUR_BYTES);
	assert_int_equal(peer_hear_chunk(&peer, data, sizeof(data)), 0);
	assert_int_equal(shared->n_pieces, POUR_PIECES);
	peer_close(&peer);
}

static void test_stream_that_nobody_takes(void **state)
{
	unsigned n_cut = shared->n_cut;
	struct peer peer = pour();
	wait_for(&shared->n_cut, n_cut + 1);
	assert_string_equal(shared->reason, "took the answer too slowly");
	assert_true(shared->n_pieces < POUR_PIECES);
	peer_close(&peer);
}

static void test_drain(void **state)
{
	struct peer idle = peer_open(), busy = peer_open(), watcher = peer_open();
	char data[64];
	peer_begin_stream(&watcher, GET("/watch"));
	assert_int_equal(peer_hear_chunk(&watcher, data, sizeof(data)), 8);
	char body[512], head[4096];
	uint64_t size;
	peer_say(&idle, GET("/hello"));
	assert_int_equal(peer_hear(&idle, body), 200);
	unsigned seen = shared->n_requests;
	peer_say(&busy, GET("/later"));
	wait_for(&shared->n_requests, seen + 1);
	kill(child->pid, SIGTERM);
	assert_true(peer_is_ended(&idle));
	assert_int_equal(peer_hear_sized(&busy, body, sizeof(body), &size, head, true), 200);
	assert_non_null(strstr(head, "Connection: close\r\n"));
	assert_true(peer_is_ended(&busy));
	assert_int_equal(peer_hear_chunk(&watcher, data, sizeof(data)), 0);
	assert_true(peer_is_ended(&watcher));
	peer_close(&watcher);
	peer_close(&idle);
	peer_close(&busy);
}

#define PATIENT(test) cmocka_unit_test_setup(test, be_patient)
#define HURRIED(test) cmocka_unit_test_setup(test, be_hurried)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		PATIENT(test_kept_connection), PATIENT(test_pipelined), PATIENT(test_byte_by_byte), PATIENT(test_head_request), PATIENT(test_file),
		PATIENT(test_streamed), PATIENT(test_inform), PATIENT(test_early_answer), PATIENT(test_too_large), PATIENT(test_malformed),
		PATIENT(test_long_heads), PATIENT(test_gone), HURRIED(test_slow_handshake), PATIENT(test_plain_text), HURRIED(test_slow_head), HURRIED(test_idle),
		HURRIED(test_slow_sender), HURRIED(test_slow_reader), PATIENT(test_per_source), PATIENT(test_revocation), PATIENT(test_stream),
		HURRIED(test_stream_wakes), PATIENT(test_stream_waits_for_the_reader), HURRIED(test_stream_that_nobody_takes), PATIENT(test_drain),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}

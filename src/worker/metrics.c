/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * `GET /metrics` on the listener of metrics_listen: HTTP without TLS, on loopback, and nothing else of the server is reached by it. The text is the
 * ledger's. Whoever is on this host may ask, so: few connections, short times, one question to the ledger at a time for all who wait, and only by a
 * name of loopback: a page in a browser on this host, whose name was made to mean 127.0.0.1, is told nothing (DNS rebinding). */
#include "worker/worker.h"

#include "base/error.h"
#include "base/text.h"
#include "http/plain.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define HEAD_MAX 8192

struct metrics_waiting { struct http_request *request; uint64_t question; struct metrics_waiting *next; };

static struct {
	struct http_server *server;
	struct metrics_waiting *waiting;
	uint64_t question;                      /* 0: the ledger owes nothing */
} metrics;

/* ------------------------------------------------ who asks for what ------------------------------------------------ */

static bool is_port(const char *text)
{
	return *text == '\0' || (*text == ':' && text[1] != '\0' && text[1 + strspn(text + 1, "0123456789")] == '\0');
}

/* "localhost", "127.0.0.1", "[::1]", each perhaps with a port. */
static bool host_is_loopback(const char *host)
{
	static const char *const names[] = { "localhost", "127.", "[::1]" };
	if (host == NULL)
		return false;
	if (strncmp(host, names[1], strlen(names[1])) == 0)
		return is_port(host + strspn(host, "0123456789."));
	for (size_t i = 0; i < ARRAY_SIZE(names); i += 2)
		if (strncasecmp(host, names[i], strlen(names[i])) == 0 && is_port(host + strlen(names[i])))
			return true;
	return false;
}

static void refuse_method(struct http_request *request)
{
	static const struct http_header allow = { "Allow", "GET, HEAD" };
	http_respond_problem_with(request, &(struct http_problem){ .error = SIS_ERR_USAGE, .status = 405, .title = "method not allowed",
		.detail = "Metrics can be read, nothing else.", .headers = &allow, .n_headers = 1 });
}

static bool is_acceptable(struct http_request *request)
{
	const char *method = http_request_method(request);
	if (!host_is_loopback(http_request_header(request, "Host")))
		http_respond_problem(request, SIS_ERR_NOT_ALLOWED, "Ask for localhost, 127.0.0.1 or [::1]: by another name nobody is told anything here.");
	else if (strcmp(http_request_path(request), "/metrics") != 0)
		http_respond_problem_with(request, &(struct http_problem){ .error = SIS_ERR_NO_INPUT, .title = "no such resource", .detail = "There is only /metrics here." });
	else if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		refuse_method(request);
	else if (http_request_has_body(request))
		http_respond_problem(request, SIS_ERR_USAGE, "This request takes no body.");
	else
		return true;
	return false;
}

/* ------------------------------------------------ answers ------------------------------------------------ */

static void respond(struct http_request *request, int text_fd, uint64_t size)
{
	static const struct http_header headers[] = {
		{ "Content-Type", "text/plain; version=0.0.4; charset=utf-8" }, { "Cache-Control", "no-store" },
		{ "Cross-Origin-Resource-Policy", "same-origin" }, { "X-Content-Type-Options", "nosniff" },
	};
	int fd = fcntl(text_fd, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		http_respond_problem(request, SIS_ERR_UNAVAILABLE, NULL);
	else
		http_respond_file(request, 200, headers, ARRAY_SIZE(headers), fd, 0, size);
}

/* One who waits for the answer to this question, taken off the list; NULL: nobody any more. */
static struct http_request *take_waiting(uint64_t question)
{
	struct metrics_waiting **at = &metrics.waiting;
	while (*at != NULL && (*at)->question != question)
		at = &(*at)->next;
	struct metrics_waiting *waiting = *at;
	if (waiting == NULL)
		return NULL;
	struct http_request *request = waiting->request;
	*at = waiting->next;
	free(waiting);
	return request;
}

/* Answers all who wait: with the text, or (fd -1) with the error. Whoever is answered may ask again at once, in what has been sent already: that is the next
 * question's, or who sends request upon request would keep this loop, and with it the worker, to himself. */
static void respond_all(int fd, uint64_t size, int error)
{
	struct http_request *request;
	uint64_t question = metrics.question;
	metrics.question = 0;
	while ((request = take_waiting(question)) != NULL) {
		if (fd >= 0)
			respond(request, fd, size);
		else
			http_respond_problem(request, error, "The daemon's figures cannot be had now: try again.");
	}
}

void metrics_on_text(struct worker *worker, struct channel_packet *packet)
{
	struct message_metrics_text message;
	CLEANUP_FD int fd = packet->n_fds == 1 ? fd_take(&packet->fds[0]) : -1;
	if (packet->id != metrics.question || message_metrics_text_decode(&packet->payload, &message) != 0)
		return;
	respond_all(message.status == 0 ? fd : -1, message.size, message.status != 0 ? (int)message.status : SIS_ERR_INTERNAL);
}

void metrics_lose_ledger(struct worker *worker)
{
	respond_all(-1, 0, SIS_ERR_UNAVAILABLE);
}

/* ------------------------------------------------ requests ------------------------------------------------ */

static void on_request(struct http_request *request, void *arg)
{
	struct worker *worker = arg;
	if (!is_acceptable(request))
		return;
	struct metrics_waiting *waiting = malloc(sizeof(*waiting));
	if (waiting == NULL) {
		http_respond_problem(request, SIS_ERR_NO_MEMORY, NULL);
		return;
	}
	bool is_first = metrics.question == 0;
	if (is_first)
		metrics.question = channel_next_id(worker->ledger);
	*waiting = (struct metrics_waiting){ request, metrics.question, metrics.waiting };
	metrics.waiting = waiting;
	if (is_first && (worker->ledger_lost || CHANNEL_SEND(worker->ledger, metrics.question, metrics, METRICS, &(struct message_metrics){ 0 }) < 0))
		metrics_lose_ledger(worker);
}

static void on_gone(struct http_request *request, void *arg)
{
	for (struct metrics_waiting **at = &metrics.waiting; *at != NULL; at = &(*at)->next) {
		struct metrics_waiting *waiting = *at;
		if (waiting->request != request)
			continue;
		*at = waiting->next;
		free(waiting);
		return;
	}
}

/* What is refused here is not logged: the log is for what comes from outside, and whoever could ask is on this host. */
static const struct http_handler handler = { .on_request = on_request, .on_gone = on_gone };

int metrics_listen(struct worker *worker, int listener_fd)
{
	static const struct http_limits limits = {
		.max_connections = 16, .max_connections_per_source = 16, .header_timeout_ms = 5000, .idle_timeout_ms = 30000, .min_rate_bytes_s = 1024,
		.max_body_bytes = 0, .max_head_bytes = HEAD_MAX,
	};
	int error = http_server_new(worker->loop, &handler, worker, &metrics.server);
	if (error < 0) {
		fd_close(listener_fd);
		return error;
	}
	http_server_set_plain(metrics.server);
	http_server_set_limits(metrics.server, &limits);
	return http_server_listen(metrics.server, listener_fd);
}

void metrics_stop(void)
{
	if (metrics.server != NULL)
		http_server_stop_listening(metrics.server);
}

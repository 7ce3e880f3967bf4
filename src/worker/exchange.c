/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The way of a request through the worker: route, caller, load, body, handler; and its end. */
#include "worker/tus.h"

#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SMALL_BODY_MAX 16384            /* as much as a connection costs anyway */

void exchange_respond_json(struct exchange *exchange, unsigned status, const char *json, const struct http_header *headers, size_t n)
{
	struct http_header all[8] = { { "Content-Type", "application/json" }, { "Cache-Control", "no-store" } };
	size_t n_all = 2;
	for (size_t i = 0; i < n && n_all < ARRAY_SIZE(all); i++)
		all[n_all++] = headers[i];
	if (json == NULL)
		route_refuse(exchange, SIS_ERR_NO_MEMORY, NULL);
	else
		http_respond(exchange->request, status, all, n_all, json, strlen(json));
}

static bool find_route(struct exchange *exchange)
{
	char allow[128];
	const char *path = http_request_path(exchange->request);
	int error = strlen(path) < sizeof(exchange->path) ? 0 : -SIS_ERR_NO_INPUT;
	if (error == 0) {
		strcpy(exchange->path, path);
		error = route_find(exchange, allow, sizeof(allow));
	}
	if (error == -SIS_ERR_USAGE) {
		const struct http_header header = { "Allow", allow };
		route_refuse_with(exchange, &(struct http_problem){ .error = error, .status = 405, .title = "method not allowed",
			.detail = "This resource does not know that method.", .headers = &header, .n_headers = 1 });
	} else if (error < 0) {
		route_refuse_with(exchange, &(struct http_problem){ .error = SIS_ERR_NO_INPUT, .title = "no such resource", .detail = "There is nothing at this path." });
	}
	return error == 0;
}

static bool check_body_kind(struct exchange *exchange)
{
	const struct route *route = exchange->route;
	if (route->body == BODY_NONE && http_request_has_body(exchange->request)) {
		route_refuse(exchange, SIS_ERR_USAGE, "This request takes no body.");
		return false;
	}
	if (route->media_type != NULL && !route_media_type_matches(route->media_type, http_request_header(exchange->request, "Content-Type"))) {
		char detail[128];
		snprintf(detail, sizeof(detail), "The Content-Type of this request must be %s.", route->media_type);
		route_refuse_with(exchange, &(struct http_problem){ .error = SIS_ERR_BAD_FORMAT, .status = 415, .title = "unsupported media type", .detail = detail });
		return false;
	}
	return true;
}

static struct exchange *exchange_new(struct worker *worker, struct http_request *request)
{
	struct exchange *exchange = calloc(1, sizeof(*exchange));
	if (exchange == NULL)
		return NULL;
	exchange->worker = worker;
	exchange->request = request;
	exchange->upload.fd = -1;
	http_request_set_data(request, exchange);
	return exchange;
}

static void exchange_free(struct exchange *exchange)
{
	ledger_forget(exchange);
	uploads_gone(exchange);
	items_gone(exchange);
	events_gone(exchange);
	free(exchange);
}

/* A large body lies in memory until its sender, who may be slow, has sent it: it counts among the lists that do so for their readers. */
static bool may_hold_body(struct exchange *exchange)
{
	if (exchange->route->body_max <= SMALL_BODY_MAX)
		return true;
	if (!items_may_list_more(exchange)) {
		load_refuse(exchange, LIMIT_LISTS_PER_USER, 0);
		return false;
	}
	items_enter_listing(exchange, exchange->route->body_max);
	return true;
}

static void on_request(struct http_request *request, void *arg)
{
	struct exchange *exchange = exchange_new(arg, request);
	if (exchange == NULL) {
		http_respond_problem(request, SIS_ERR_NO_MEMORY, NULL);
		return;
	}
	if (!find_route(exchange))
		return;
	worker_tell_serving(exchange->worker, exchange->route->pattern, http_request_peer(request));
	if (exchange->route->access == ACCESS_DEVICE && !caller_find(exchange))
		return;
	if (!load_allows(exchange))
		return;
	if (!check_body_kind(exchange))
		return;
	if (exchange->route->body == BODY_WHOLE && !may_hold_body(exchange))
		return;
	if (exchange->route->body == BODY_WHOLE)
		http_request_collect(request, exchange->route->body_max);
	else
		exchange->route->handle(exchange);
}

static void on_body(struct http_request *request, const uint8_t *data, size_t size, void *arg)
{
	uploads_body(http_request_data(request), data, size);
}

static void on_body_end(struct http_request *request, void *arg)
{
	struct exchange *exchange = http_request_data(request);
	if (exchange->route->body == BODY_STREAM)
		uploads_body_end(exchange);
	else
		exchange->route->handle(exchange);
}

static void on_stream(struct http_request *request, void *arg)
{
	events_stream(http_request_data(request));
}

static void on_gone(struct http_request *request, void *arg)
{
	struct exchange *exchange = http_request_data(request);
	if (exchange != NULL)
		exchange_free(exchange);
}

static void on_sent(struct http_request *request, bool complete, uint64_t bytes, void *arg)
{
	struct exchange *exchange = http_request_data(request);
	if (exchange == NULL)
		return;
	parts_sent(exchange, complete, bytes);
	exchange_free(exchange);
}

static void on_refused(const char *peer, const char *reason, void *arg)
{
	struct worker *worker = arg;
	if (log_limiter_allows(&worker->refused, LOG_BURST))
		log_event(&LOG(PEER_REFUSED, .peer = peer, .reason = reason));
}

static void on_limit(enum limit limit, const char *peer, void *arg)
{
	worker_limit_hit(arg, limit, NULL, peer);
}

const struct http_handler worker_http_handler = {
	.on_connected = caller_connected, .on_request = on_request, .on_body = on_body, .on_body_end = on_body_end, .on_gone = on_gone, .on_stream = on_stream,
	.on_sent = on_sent, .on_refused = on_refused, .on_limit = on_limit,
};

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Limits and overload. Who is over a limit of theirs is told 429, who meets a server with too much to do 503, both with the time to come back after. Who is
 * revoked or disabled has been told so before, and health checks are answered whatever the load. */
#include "worker/worker.h"

#include "base/error.h"

#include <stdio.h>
#include <string.h>

#define BODY_MAX (64 * 1024)
#define HEAD_MAX (16 * 1024)
#define LINES_MAX 1024

static bool take_prefixes(struct span lines, struct prefix_list *ret_list)
{
	char text[LINES_MAX];
	return span_to_string(lines, text, sizeof(text)) && prefix_list_parse(text, ret_list) == 0;
}

bool load_limits(const struct message_config_worker *message, struct http_limits *ret_limits)
{
	*ret_limits = (struct http_limits){
		.max_connections = message->max_connections, .max_connections_per_source = message->max_connections_per_source,
		.max_connections_per_account = message->max_connections_per_user,
		.header_timeout_ms = message->header_timeout_ms, .idle_timeout_ms = message->idle_timeout_ms, .min_rate_bytes_s = message->min_rate_bytes_s,
		.handshakes_per_s = message->handshakes_per_source, .source_requests_per_s = message->requests_per_source,
		.account_requests_per_s = message->requests_per_user,
		.source_bytes_per_s = message->bandwidth_per_source, .account_bytes_per_s = message->bandwidth_per_user,
		.penalty_ms = { [OFFENCE_HANDSHAKE] = message->penalty_handshake_ms, [OFFENCE_REQUEST] = message->penalty_request_ms,
			[OFFENCE_CERTIFICATE] = message->penalty_certificate_ms, [OFFENCE_ENROLLMENT] = message->penalty_enroll_ms },
		.penalty_min_ms = message->penalty_min_ms, .penalty_max_ms = message->penalty_max_ms,
		.max_body_bytes = BODY_MAX, .max_head_bytes = HEAD_MAX,
	};
	return take_prefixes(message->penalty_exempt, &ret_limits->penalty_exempt) && take_prefixes(message->proxy_from, &ret_limits->proxy_from);
}

static const struct refusal { int error; const char *title, *detail; } refusals[LIMIT_END] = {
	[LIMIT_CONNECTIONS] = { SIS_ERR_BUSY, NULL, "The server has as many connections as it takes." },
	[LIMIT_WAITING] = { SIS_ERR_BUSY, NULL, "The server has as much to write as it takes." },
	[LIMIT_CONNECTIONS_PER_USER] = { SIS_ERR_TOO_MANY, "too many connections", "You have too many connections open: close some, or wait until some have ended." },
	[LIMIT_REQUESTS_PER_USER] = { SIS_ERR_TOO_MANY, "too many requests", "You are asking too often: wait, then go on more slowly." },
	[LIMIT_EVENT_STREAMS] = { SIS_ERR_TOO_MANY, "too many event streams", "This device has too many event streams open: close some." },
	[LIMIT_LISTS_PER_USER] = { SIS_ERR_TOO_MANY, "too many lists", "Too many lists are on their way to you, or grants from you: finish those first." },
};

void load_refuse(struct exchange *exchange, enum limit limit, uint32_t wait_s)
{
	const struct refusal *refusal = &refusals[limit];
	const char *user = exchange->caller.user;
	char seconds[16];
	const struct http_header header = { "Retry-After", seconds };
	snprintf(seconds, sizeof(seconds), "%u", wait_s);
	worker_limit_hit(exchange->worker, limit, *user != '\0' ? user : NULL, http_request_peer(exchange->request));
	worker_count_refusal(exchange->worker, refusal->error);
	route_respond_problem(exchange, &(struct http_problem){ .error = refusal->error, .title = refusal->title, .detail = refusal->detail,
		.headers = &header, .n_headers = wait_s > 0 ? 1 : 0 });
}

/* A source is known to all workers or to none: whoever comes from there next meets any of them. */
static void tell_source(const struct exchange *exchange)
{
	struct message_know_source message;
	if (!http_request_makes_known(exchange->request, message.address))
		return;
	memcpy(message.caller, exchange->fingerprint, sizeof(message.caller));
	(void)CHANNEL_SEND(exchange->worker->ledger, 0, know_source, KNOW_SOURCE, &message);
}

void load_source_known(struct worker *worker, struct channel_packet *packet)
{
	struct message_source_known message;
	if (message_source_known_decode(&packet->payload, &message) == 0)
		http_server_know(worker->server, message.address, message.user_id);
}

bool load_enter_account(struct exchange *exchange)
{
	uint32_t wait_s = 0;
	enum limit limit = http_request_set_account(exchange->request, (uint64_t)exchange->caller.user_id, &wait_s);
	tell_source(exchange);
	if (limit != LIMIT_NONE)
		load_refuse(exchange, limit, wait_s);
	return limit == LIMIT_NONE;
}

static bool changes_something(const struct http_request *request)
{
	const char *method = http_request_method(request);
	return strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0 && strcmp(method, "OPTIONS") != 0;
}

bool load_allows(struct exchange *exchange)
{
	struct worker *worker = exchange->worker;
	enum limit limit = LIMIT_NONE;
	if (http_request_is_surplus(exchange->request) && exchange->route->handle != open_health)
		limit = LIMIT_CONNECTIONS;
	else if (worker->n_waiting >= worker->max_waiting && changes_something(exchange->request))
		limit = LIMIT_WAITING;
	if (limit == LIMIT_NONE)
		return true;
	load_refuse(exchange, limit, 0);
	return false;
}

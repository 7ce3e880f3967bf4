/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The one table of what the server answers to, and the way of a request through it: route, caller, body, handler. */
#include "worker/tus.h"

#include "base/error.h"
#include "format/item.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CSR_BODY_MAX 8192
#define SMALL_BODY_MAX 16384            /* as much as a connection costs anyway */
#define GRANTS_BODY_MAX 65536           /* 64 grants with the longest names take 45000 */
#define PROBLEM_HEADERS_MAX 8

static const struct route routes[] = {
	{ "POST",    "/v1/items",                       tus_create,          ACCESS_DEVICE, BODY_STREAM, 0, NULL, "begin an upload (tus 1.0)", true },
	{ "HEAD",    "/v1/uploads/*",                   tus_query,           ACCESS_DEVICE, BODY_NONE,   0, NULL, "where an upload stands (tus 1.0)", true },
	{ "PATCH",   "/v1/uploads/*",                   tus_append,          ACCESS_DEVICE, BODY_STREAM, 0, TUS_MEDIA_TYPE, "go on with an upload (tus 1.0)", true },
	{ "DELETE",  "/v1/uploads/*",                   tus_cancel,          ACCESS_DEVICE, BODY_NONE,   0, NULL, "give an upload up (tus 1.0)", true },
	{ "POST",    "/v1/items",                       uploads_create,      ACCESS_DEVICE, BODY_STREAM, 0, "application/vnd.sis.item", "upload an item" },
	{ "OPTIONS", "/v1/items",                       uploads_options,     ACCESS_OPEN,   BODY_NONE,   0, NULL, "limits of uploads" },
	{ "GET",     "/v1/items",                       items_list,          ACCESS_DEVICE, BODY_NONE,   0, NULL, "what the caller may see" },
	{ "GET",     "/v1/items/*",                     items_get,           ACCESS_DEVICE, BODY_NONE,   0, NULL, "statement and own grants" },
	{ "DELETE",  "/v1/items/*",                     items_delete,        ACCESS_DEVICE, BODY_NONE,   0, NULL, "the owner removes the item" },
	{ "GET",     "/v1/items/*/grants",              items_get_grants,    ACCESS_DEVICE, BODY_NONE,   0, NULL, "all grants for the owner, own ones for others" },
	{ "PUT",     "/v1/items/*/grants/*",            items_put_grants,    ACCESS_DEVICE, BODY_WHOLE,  GRANTS_BODY_MAX, "text/plain", "share the item with one more user" },
	{ "DELETE",  "/v1/items/*/grants/*",            items_drop_grants,   ACCESS_DEVICE, BODY_NONE,   0, NULL, "end a user's access" },
	{ "GET",     "/v1/items/*/manifest",            items_get_manifest,  ACCESS_DEVICE, BODY_NONE,   0, NULL, "sealed manifest" },
	{ "GET",     "/v1/items/*/thumbnail",           items_get_thumbnail, ACCESS_DEVICE, BODY_NONE,   0, NULL, "sealed thumbnail" },
	{ "GET",     "/v1/items/*/object",              items_get_object,    ACCESS_DEVICE, BODY_NONE,   0, NULL, "sealed object" },
	{ "GET",     "/v1/events",                      events_watch,        ACCESS_DEVICE, BODY_NONE,   0, NULL, "what is new, as it happens" },
	{ "HEAD",    "/v1/uploads/*",                   uploads_query,       ACCESS_DEVICE, BODY_NONE,   0, NULL, "where an upload stands" },
	{ "PATCH",   "/v1/uploads/*",                   uploads_append,      ACCESS_DEVICE, BODY_STREAM, 0, "application/partial-upload", "go on with an upload" },
	{ "DELETE",  "/v1/uploads/*",                   uploads_cancel,      ACCESS_DEVICE, BODY_NONE,   0, NULL, "give an upload up" },
	{ "GET",     "/v1/users/*",                     users_get,           ACCESS_DEVICE, BODY_NONE,   0, NULL, "a user's live devices" },
	{ "GET",     "/v1/whoami",                      users_whoami,        ACCESS_DEVICE, BODY_NONE,   0, NULL, "who the server takes the caller for" },
	{ "PUT",     "/v1/devices/self/key",            devices_put_key,     ACCESS_DEVICE, BODY_WHOLE,  KEY_STATEMENT_MAX_BYTES, "text/plain", "publish the own encryption key" },
	{ "POST",    "/v1/invites",                     devices_invite,      ACCESS_DEVICE, BODY_WHOLE,  INVITE_BODY_MAX, "application/json", "an invite for one more device of the caller" },
	{ "PUT",     "/v1/devices/*/endorsement",       devices_put_endorsement, ACCESS_DEVICE, BODY_WHOLE, ENDORSEMENT_MAX_BYTES, "text/plain", "vouch for another own device" },
	{ "GET",     "/crl",                            open_crl,            ACCESS_OPEN,   BODY_NONE,   0, NULL, "certificate revocation list" },
	{ "GET",     "/healthz",                        open_health,         ACCESS_OPEN,   BODY_NONE,   0, NULL, "is the server well" },
	{ "GET",     "/.well-known/est/cacerts",        est_cacerts,         ACCESS_OPEN,   BODY_NONE,   0, NULL, "the CA certificate (RFC 7030 §4.1)" },
	{ "GET",     "/.well-known/est/csrattrs",       est_csrattrs,        ACCESS_OPEN,   BODY_NONE,   0, NULL, "what a CSR must be (RFC 7030 §4.5)" },
	{ "POST",    "/.well-known/est/simpleenroll",   est_enroll,          ACCESS_OPEN,   BODY_WHOLE,  CSR_BODY_MAX, "application/pkcs10", "enroll (RFC 7030 §4.2.1)" },
	{ "POST",    "/.well-known/est/simplereenroll", est_reenroll,        ACCESS_DEVICE, BODY_WHOLE,  CSR_BODY_MAX, "application/pkcs10", "renew (RFC 7030 §4.2.2)" },
};

/* ------------------------------------------------ matching ------------------------------------------------ */

#define ARGUMENTS_MAX 2
struct argument { size_t at, size; };

/* The arguments are where '*' stands: one segment each, not empty. argument keeps offset and size in the path. */
static bool pattern_matches(const char *pattern, const char *path, struct argument argument[ARGUMENTS_MAX])
{
	const char *start = path;
	unsigned n = 0;
	while (*pattern != '\0') {
		if (*pattern != '*') {
			if (*pattern++ != *path++)
				return false;
			continue;
		}
		size_t size = strcspn(path, "/");
		if (size == 0)
			return false;
		assert(n < ARGUMENTS_MAX);
		argument[n++] = (struct argument){ (size_t)(path - start), size };
		path += size;
		pattern++;
	}
	return *path == '\0';
}

static bool method_matches(const struct route *route, const char *method)
{
	return strcmp(route->method, method) == 0 || (strcmp(method, "HEAD") == 0 && strcmp(route->method, "GET") == 0);
}

static bool media_type_matches(const char *wanted, const char *given)
{
	size_t size = strlen(wanted);
	return given != NULL && strncasecmp(given, wanted, size) == 0 && strchr("; \t", given[size]) != NULL;
}

static bool request_is_tus(const struct http_request *request)
{
	return http_request_header(request, "Tus-Resumable") != NULL || media_type_matches(TUS_MEDIA_TYPE, http_request_header(request, "Content-Type"));
}

/* tus lets a client whose surroundings know no PATCH and DELETE say them in a field of a POST. Only there, and only these; no
 * other route has such a second name. */
static const char *tus_method(const struct http_request *request)
{
	const char *method = http_request_method(request), *override = http_request_header(request, "X-HTTP-Method-Override");
	if (override == NULL || strcmp(method, "POST") != 0)
		return method;
	return strcmp(override, "PATCH") == 0 || strcmp(override, "DELETE") == 0 ? override : method;
}

/* 0, NO_INPUT, or USAGE when the path is known, but not with this method; ret_allow then lists those that are. */
static int route_find(struct exchange *exchange, char *ret_allow, size_t capacity)
{
	bool is_tus = request_is_tus(exchange->request);
	const char *plain = http_request_method(exchange->request), *in_tus = tus_method(exchange->request);
	struct builder allow = builder_from(ret_allow, capacity - 1);
	for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
		struct argument argument[ARGUMENTS_MAX] = { 0 };
		if ((routes[i].is_tus && !is_tus) || !pattern_matches(routes[i].pattern, exchange->path, argument))
			continue;
		if (method_matches(&routes[i], routes[i].is_tus ? in_tus : plain)) {
			exchange->route = &routes[i];
			exchange->argument = exchange->path + argument[0].at;
			exchange->second_argument = exchange->path + argument[1].at;
			for (unsigned n = 0; n < ARGUMENTS_MAX && argument[n].size > 0; n++)
				exchange->path[argument[n].at + argument[n].size] = '\0';
			exchange->upload.is_tus = routes[i].is_tus;
			return 0;
		}
		if (routes[i].is_tus)
			continue;
		builder_printf(&allow, "%s%s%s", allow.size > 0 ? ", " : "", routes[i].method, strcmp(routes[i].method, "GET") == 0 ? ", HEAD" : "");
	}
	ret_allow[allow.size] = '\0';
	return allow.size > 0 ? -SIS_ERR_USAGE : -SIS_ERR_NO_INPUT;
}

/* ------------------------------------------------ refusing ------------------------------------------------ */

void route_respond_problem(struct exchange *exchange, const struct http_problem *problem)
{
	/* Every answer in tus says so. */
	struct http_header headers[PROBLEM_HEADERS_MAX] = { { "Tus-Resumable", TUS_VERSION } };
	struct http_problem told = *problem;
	if (exchange->upload.is_tus && problem->n_headers < ARRAY_SIZE(headers)) {
		for (size_t i = 0; i < problem->n_headers; i++)
			headers[i + 1] = problem->headers[i];
		told.headers = headers;
		told.n_headers = problem->n_headers + 1;
	}
	http_respond_problem_with(exchange->request, &told);
}

void route_refuse_with(struct exchange *exchange, const struct http_problem *problem)
{
	unsigned status = problem->status != 0 ? problem->status : (unsigned)error_http_status(problem->error);
	worker_count_refusal(exchange->worker, problem->error);
	if (log_limiter_allows(&exchange->worker->refused, LOG_BURST))
		log_event(&LOG(REQUEST_REFUSED, .route = exchange->route != NULL ? exchange->route->pattern : NULL,
			.user = *exchange->caller.user != '\0' ? exchange->caller.user : NULL,
			.device = *exchange->caller.device != '\0' ? exchange->caller.device : NULL, .peer = http_request_peer(exchange->request),
			.status = status, .reason = problem->detail != NULL ? problem->detail : error_text(problem->error)));
	route_respond_problem(exchange, problem);
}

void route_refuse(struct exchange *exchange, int error, const char *detail)
{
	route_refuse_with(exchange, &(struct http_problem){ .error = error, .detail = detail });
}

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

/* ------------------------------------------------ the way of a request ------------------------------------------------ */

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
	if (route->media_type != NULL && !media_type_matches(route->media_type, http_request_header(exchange->request, "Content-Type"))) {
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
	items_sent(exchange, complete, bytes);
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

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The one table of what the server answers to, which row a request is for, and how it is refused. */
#include "worker/tus.h"

#include "base/error.h"
#include "format/item.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#define CSR_BODY_MAX 8192
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
	{ "GET",     "/v1/items/*/manifest",            parts_get_manifest,  ACCESS_DEVICE, BODY_NONE,   0, NULL, "sealed manifest" },
	{ "GET",     "/v1/items/*/thumbnail",           parts_get_thumbnail, ACCESS_DEVICE, BODY_NONE,   0, NULL, "sealed thumbnail" },
	{ "GET",     "/v1/items/*/object",              parts_get_object,    ACCESS_DEVICE, BODY_NONE,   0, NULL, "sealed object" },
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

bool route_media_type_matches(const char *wanted, const char *given)
{
	size_t size = strlen(wanted);
	return given != NULL && strncasecmp(given, wanted, size) == 0 && strchr("; \t", given[size]) != NULL;
}

static bool request_is_tus(const struct http_request *request)
{
	return http_request_header(request, "Tus-Resumable") != NULL || route_media_type_matches(TUS_MEDIA_TYPE, http_request_header(request, "Content-Type"));
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

static void route_take(struct exchange *exchange, const struct route *route, const struct argument argument[ARGUMENTS_MAX])
{
	exchange->route = route;
	exchange->argument = exchange->path + argument[0].at;
	exchange->second_argument = exchange->path + argument[1].at;
	for (unsigned n = 0; n < ARGUMENTS_MAX && argument[n].size > 0; n++)
		exchange->path[argument[n].at + argument[n].size] = '\0';
	exchange->upload.is_tus = route->is_tus;
}

int route_find(struct exchange *exchange, char *ret_allow, size_t capacity)
{
	bool is_tus = request_is_tus(exchange->request);
	const char *plain = http_request_method(exchange->request), *in_tus = tus_method(exchange->request);
	struct builder allow = builder_from(ret_allow, capacity - 1);
	for (const struct route *route = routes; route < routes + ARRAY_SIZE(routes); route++) {
		struct argument argument[ARGUMENTS_MAX] = { 0 };
		if ((route->is_tus && !is_tus) || !pattern_matches(route->pattern, exchange->path, argument))
			continue;
		if (method_matches(route, route->is_tus ? in_tus : plain)) {
			route_take(exchange, route, argument);
			return 0;
		}
		if (!route->is_tus)
			builder_printf(&allow, "%s%s%s", allow.size > 0 ? ", " : "", route->method, strcmp(route->method, "GET") == 0 ? ", HEAD" : "");
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

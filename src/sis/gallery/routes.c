/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What may be asked, and the page's own files. The gate is asked first, whatever the path. */
#include "sis/gallery/gallery.h"
#include "sis/gallery/page.h"

#include <stdio.h>
#include <string.h>

#define TOKEN_MAX_BYTES 256u

static route_fn enter;

/* "*" is an item's id, "+" a word. */
static const struct route { const char *method, *path; enum gate_need need; route_fn *fn; } routes[] = {
	{ "POST", "/api/session", GATE_ENTER, enter },
	{ "GET", "/api/items", GATE_SESSION, items_list },
	{ "GET", "/api/items/*", GATE_SESSION, items_one },
	{ "DELETE", "/api/items/*", GATE_SESSION, change_delete },
	{ "GET", "/api/items/*/thumbnail", GATE_SESSION, items_thumbnail },
	{ "GET", "/api/items/*/text", GATE_SESSION, items_text },
	{ "GET", "/api/items/*/object", GATE_SESSION, view_object },
	{ "POST", "/api/items/*/ticket", GATE_SESSION, view_ticket },
	{ "GET", "/api/items/*/readers", GATE_SESSION, change_readers },
	{ "PUT", "/api/items/*/readers/+", GATE_SESSION, change_share },
	{ "DELETE", "/api/items/*/readers/+", GATE_SESSION, change_unshare },
	{ "GET", "/api/people", GATE_SESSION, change_people },
	{ "POST", "/api/uploads", GATE_SESSION, upload_begin },
	{ "GET", "/api/events", GATE_SESSION, live_begin },
	{ "GET", "/download/+", GATE_COOKIE, view_download },
};

/* ------------------------------------------------ paths ------------------------------------------------ */

static bool take_word(struct span word, char kind, struct captures *captures)
{
	uint8_t raw[ITEM_ID_BYTES];
	if (kind == '*') {
		if (item_id_decode(word, raw) < 0)
			return false;
		memcpy(captures->id, word.data, ITEM_ID_TEXT);
		return true;
	}
	if (word.size == 0 || word.size >= sizeof(captures->word))
		return false;
	memcpy(captures->word, word.data, word.size);
	return true;
}

static bool path_fits(const char *pattern, const char *path, struct captures *captures)
{
	*captures = (struct captures){ "" };
	for (; *pattern != '\0'; pattern++) {
		if (*pattern != '*' && *pattern != '+') {
			if (*path++ != *pattern)
				return false;
			continue;
		}
		size_t size = strcspn(path, "/");
		if (!take_word((struct span){ (const uint8_t *)path, size }, *pattern, captures))
			return false;
		path += size;
	}
	return *path == '\0';
}

/* *ret_method says that only the method is another. */
static const struct route *route_find(const char *method, const char *path, struct captures *captures, bool *ret_other_method)
{
	*ret_other_method = false;
	for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
		if (!path_fits(routes[i].path, path, captures))
			continue;
		if (strcmp(routes[i].method, method) == 0)
			return &routes[i];
		*ret_other_method = true;
	}
	return NULL;
}

/* ------------------------------------------------ the gate ------------------------------------------------ */

static bool passes(struct gallery *gallery, struct http_request *request, enum gate_need need)
{
	const struct gate_request asked = {
		.method = http_request_method(request), .host = http_request_header(request, "Host"), .origin = http_request_header(request, "Origin"),
		.fetch_site = http_request_header(request, "Sec-Fetch-Site"), .fetch_mode = http_request_header(request, "Sec-Fetch-Mode"),
		.cookie = http_request_header(request, "Cookie"), .key = http_request_header(request, GATE_KEY_HEADER),
	};
	const char *why = NULL;
	unsigned status = gate_check(&gallery->gate, need, &asked, &why);
	if (status != 0)
		answer_status(request, status, SIS_ERR_NOT_ALLOWED, why, NULL);
	return status == 0;
}

static void enter(struct gallery *gallery, struct http_request *request, const struct captures *captures)
{
	(void)gallery;
	(void)captures;
	http_request_collect(request, TOKEN_MAX_BYTES);
}

static void entered(struct gallery *gallery, struct http_request *request)
{
	struct span body = http_request_body(request);
	char token[TOKEN_MAX_BYTES + 1] = "", cookie[160];
	memcpy(token, body.data != NULL ? body.data : (const uint8_t *)"", body.size <= TOKEN_MAX_BYTES ? body.size : 0);
	if (!gate_enter(&gallery->gate, token)) {
		/* A link that somebody else used first: the one who was meant must hear of it. */
		answer_status(request, 403, SIS_ERR_NOT_ALLOWED, gallery->gate.is_open ? "This link was used already. If it was not you who used it, end \"sis gallery\""
		              " at once and start it again." : "This is not the link that was printed.", NULL);
		return;
	}
	gate_cookie_text(&gallery->gate, cookie, sizeof(cookie));
	answer_entered(request, cookie, gallery->gate.key);
	if (gallery->on_entered != NULL)
		gallery->on_entered(gallery);
}

/* ------------------------------------------------ the page ------------------------------------------------ */

static const struct page_file *file_find(const char *path)
{
	for (size_t i = 0; i < page_n_files; i++) {
		if (strcmp(page_files[i].path, path) == 0)
			return &page_files[i];
	}
	return NULL;
}

static void serve_file(struct gallery *gallery, struct http_request *request, const struct page_file *file)
{
	const char *method = http_request_method(request);
	if (!passes(gallery, request, GATE_PAGE))
		return;
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		answer_status(request, 405, SIS_ERR_USAGE, "This can only be read.", &(struct http_header){ "Allow", "GET, HEAD" });
	else
		answer_bytes(request, &(struct answer_bytes){ .type = file->type, .data = { file->data, file->size }, .fd = -1 });
}

static void on_request(struct http_request *request, void *arg)
{
	struct gallery *gallery = arg;
	struct captures captures;
	bool other_method;
	gallery->last_request_ns = time_monotonic_ns();
	const char *path = http_request_path(request);
	const struct page_file *file = file_find(strcmp(path, "/") == 0 ? "/index.html" : path);
	if (file != NULL) {
		serve_file(gallery, request, file);
		return;
	}
	const struct route *route = route_find(http_request_method(request), path, &captures, &other_method);
	if (!passes(gallery, request, route != NULL ? route->need : GATE_SESSION))
		return;
	if (route != NULL)
		route->fn(gallery, request, &captures);
	else if (other_method)
		answer_status(request, 405, SIS_ERR_USAGE, "That cannot be done with it.", NULL);
	else
		answer_problem(request, SIS_ERR_NO_INPUT, "There is nothing here.");
}

static void on_body(struct http_request *request, const uint8_t *data, size_t size, void *arg)
{
	(void)arg;
	upload_data(request, data, size);
}

static void on_body_end(struct http_request *request, void *arg)
{
	if (http_request_data(request) != NULL)
		upload_end(request);
	else
		entered(arg, request);
}

static void on_gone(struct http_request *request, void *arg)
{
	struct job *job = http_request_data(request);
	(void)arg;
	http_request_set_data(request, NULL);
	if (job != NULL)
		job_gone(job);
}

static void on_sent(struct http_request *request, bool complete, uint64_t bytes, void *arg)
{
	(void)complete;
	(void)bytes;
	live_gone(arg, request);
}

static void on_stream(struct http_request *request, void *arg)
{
	live_more(arg, request);
}

const struct http_handler routes_handler = {
	.on_request = on_request, .on_body = on_body, .on_body_end = on_body_end, .on_gone = on_gone, .on_sent = on_sent, .on_stream = on_stream,
};

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What happens while the page is open: a thread hears the server's events, judges them like everything else, and the loop tells each page. */
#include "sis/gallery/gallery.h"

#include "sis/events.h"
#include "sis/output.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define PAGES_MAX 16u
#define BACKLOG_MAX_BYTES (4u << 20)    /* a page that takes nothing is let go, and begins anew */
#define ALIVE_MS 15000                  /* so that a page that has gone is noticed */
#define WAIT_MS 500

/* An open answer; its backlog is what the socket has not been given yet. */
struct page {
	struct page *next;
	struct http_request *request;
	char *backlog;
	size_t size;
};
struct live {
	struct gallery *gallery;
	struct page *pages;
	unsigned n_pages;
	struct loop_source *timer;
	pthread_t thread;
	bool started, online, told;
	atomic_bool ending;
};

/* ------------------------------------------------ pages ------------------------------------------------ */

static struct page *page_find(struct gallery *gallery, const struct http_request *request)
{
	struct page *page = gallery->live->pages;
	while (page != NULL && page->request != request)
		page = page->next;
	return page;
}

static void page_put(struct page *page, const char *text, size_t size)
{
	char *grown = page->size + size <= BACKLOG_MAX_BYTES ? realloc(page->backlog, page->size + size) : NULL;
	if (grown == NULL) {
		http_close(page->request);
		return;
	}
	memcpy(grown + page->size, text, size);
	page->backlog = grown;
	page->size += size;
	http_stream_wake(page->request);
}

static void tell_text(struct gallery *gallery, const char *text)
{
	/* A page that is let go leaves the list at once. */
	for (struct page *page = gallery->live->pages, *next; page != NULL; page = next) {
		next = page->next;
		page_put(page, text, strlen(text));
	}
}

void live_tell(struct gallery *gallery, json_t *json)
{
	CLEANUP_FREE char *line = json_print(json);
	CLEANUP_FREE char *text = line != NULL ? xasprintf("data: %s\n\n", line) : NULL;
	const json_t *online = json_object_get(json, "online");
	if (online != NULL)
		gallery->live->online = json_is_true(online);
	if (text != NULL)
		tell_text(gallery, text);
}

void live_begin(struct gallery *gallery, struct http_request *request, const struct captures *captures)
{
	struct live *live = gallery->live;
	(void)captures;
	if (live->n_pages == PAGES_MAX) {
		answer_problem(request, SIS_ERR_TOO_MANY, "The gallery is open in too many windows.");
		return;
	}
	struct page *page = xcalloc(1, sizeof(*page));
	page->request = request;
	page->next = live->pages;
	live->pages = page;
	live->n_pages++;
	answer_stream(request);
	const char *hello = live->online ? "data: {\"what\":\"hello\",\"online\":true}\n\n" : "data: {\"what\":\"hello\",\"online\":false}\n\n";
	page_put(page, hello, strlen(hello));
}

void live_more(struct gallery *gallery, struct http_request *request)
{
	struct page *page = page_find(gallery, request);
	if (page == NULL || page->size == 0)
		return;
	http_stream_send(request, page->backlog, page->size);
	free(page->backlog);
	page->backlog = NULL;
	page->size = 0;
}

void live_gone(struct gallery *gallery, struct http_request *request)
{
	struct live *live = gallery->live;
	for (struct page **at = &live->pages; *at != NULL; at = &(*at)->next) {
		struct page *page = *at;
		if (page->request != request)
			continue;
		*at = page->next;
		live->n_pages--;
		free(page->backlog);
		free(page);
		return;
	}
}

bool live_has_pages(const struct gallery *gallery)
{
	return gallery->live->pages != NULL;
}

static void on_alive(void *arg)
{
	struct live *live = arg;
	tell_text(live->gallery, ":\n\n");
	loop_timer_set(live->timer, ALIVE_MS);
}

/* ------------------------------------------------ the server's events ------------------------------------------------ */

static void tell_online(struct live *live, bool online)
{
	if (live->told == online)
		return;
	live->told = online;
	work_tell(live->gallery, json_pack("{s:s, s:b}", "what", "online", "online", online));
}

/* A grant, a device: what is known of it is asked for again. */
static json_t *translate(struct hand *hand, const struct event *event)
{
	const char *item = json_member_string(event->data, "item");
	uint8_t raw[ITEM_ID_BYTES];
	bool about_item = item != NULL && item_id_decode(span_from_string(item), raw) == 0;
	if (strcmp(event->kind, "item") == 0) {
		json_t *described = describe_json(event->data, hand);
		return described != NULL ? json_pack("{s:s, s:o}", "what", "item", "item", described) : json_pack("{s:s}", "what", "people");
	}
	if (strcmp(event->kind, "removed") == 0 && about_item) {
		shelf_drop(hand->gallery, item);
		return json_pack("{s:s, s:s}", "what", "removed", "item", item);
	}
	if (strcmp(event->kind, "grant") == 0 && about_item)
		return json_pack("{s:s, s:s}", "what", "changed", "item", item);
	if (strcmp(event->kind, "device") == 0)
		return json_pack("{s:s}", "what", "people");
	return strcmp(event->kind, "reset") == 0 ? json_pack("{s:s}", "what", "reset") : NULL;
}

static void hear(struct hand *hand, const struct event *event)
{
	struct why why = { "" };
	if (strcmp(event->kind, "device") == 0)
		trust_is_stale(hand->gallery);
	if (trust_take(hand, &why) < 0) {
		work_tell(hand->gallery, json_pack("{s:s}", "what", "reset"));
		return;
	}
	json_t *json = translate(hand, event);
	trust_give_back(hand, NULL);
	if (json != NULL)
		work_tell(hand->gallery, json);
}

/* Until the gallery ends (0), or an error says that the connection makes no sense any more. */
static int listen_on(struct live *live, struct hand *hand, struct events *events, struct why *why)
{
	while (!atomic_load(&live->ending)) {
		struct event event;
		int r = events_next(events, WAIT_MS, &event, why);
		tell_online(live, r >= 0 && events_fd(events) >= 0);
		if (r < 0)
			return r;
		if (r == 0)
			continue;
		hear(hand, &event);
		event_free(&event);
	}
	return 0;
}

static void *live_run(void *arg)
{
	struct live *live = arg;
	struct gallery *gallery = live->gallery;
	struct hand hand = { .gallery = gallery };
	struct events *events = NULL;
	struct why why = { "" };
	int r = session_open(gallery->profile, &hand.session);
	if (r == 0)
		r = events_open(gallery->sis, gallery->profile, true, 0, "content", &events, &why);
	if (r == 0)
		r = listen_on(live, &hand, events, &why);
	if (r < 0 && r != -SIS_ERR_INTERRUPTED) {
		output_error(gallery->sis, "live update", r, &why);
		work_tell(gallery, json_pack("{s:s, s:b, s:s}", "what", "online", "online", 0, "error", error_name(r)));
	}
	events_free(events);
	session_free(hand.session);
	return NULL;
}

struct live *live_new(struct gallery *gallery)
{
	struct live *live = xcalloc(1, sizeof(*live));
	live->gallery = gallery;
	return live;
}

int live_start(struct live *live, struct why *why)
{
	int r = loop_add_timer(live->gallery->loop, ALIVE_MS, on_alive, live, &live->timer);
	if (r == 0 && pthread_create(&live->thread, NULL, live_run, live) != 0)
		r = why_set(why, -SIS_ERR_NO_MEMORY, "no thread can be started");
	live->started = r == 0;
	return r;
}

void live_stop(struct live *live)
{
	if (live == NULL)
		return;
	atomic_store(&live->ending, true);
	if (live->started)
		pthread_join(live->thread, NULL);
	live->started = false;
}

void live_free(struct live *live)
{
	if (live == NULL)
		return;
	live_stop(live);
	loop_remove(live->timer);
	free(live);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * GET /v1/events: telling a device what is new, as it happens (Server-Sent Events, WHATWG HTML §9.2).
 *
 * The database is the only queue. A watcher is a cursor: what it is told is read from there whenever its socket takes more, so that a slow one costs
 * nothing, and none misses anything or hears it twice, whichever worker or daemon it comes back to. PUBLISHED wakes those whom the news concern.
 *
 * Why nobody sleeps while there is news, without any help from heartbeats:
 * - The ledger commits first and tells then (ledger/publish.c): a reading that begins after PUBLISHED was heard sees what it is about.
 * - Each reading begins anew. A statement that was left un-reset would hold the connection in the moment when it began; store_list_events() asserts
 *   that there is none.
 * - A watcher is in its bucket and hungry before the loop takes the next message. So its first look comes after it can be woken: what was committed before
 *   that look is seen by it, and whatever comes later is told later.
 * - What was told before the ledger knew this worker wakes everybody once it does (ledger/peers.c). A worker that the ledger no longer knows ends.
 * - Waking is a flag that only a look takes away, before it looks (stream_advance()). While the socket is full the flag stays, and epoll tells, by level,
 *   when there is room; TLS bytes that are sealed and not yet sent count as output that waits. */
#include "worker/item_json.h"

#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_EVENTS 64
#define BATCH_BYTES (256 * 1024)        /* read ahead for one watcher, and one item more */
#define HEARTBEAT_MS 20000
#define HEARTBEAT_SLICES 16             /* a timer for all, but not all at once */
#define RETRY_MS 1000

struct watch {
	struct exchange *exchange;
	struct watch *next, **previous;
	uint64_t cursor;                        /* everything up to here was told */
	enum item_include include;
	bool from_start, greeted, beat;
};

struct batch {
	struct exchange *exchange;
	size_t bytes;
	unsigned n;
	bool more;
};

/* ------------------------------------------------ events as text ------------------------------------------------ */

static int send_event(struct batch *batch, const char *kind, uint64_t sequence, json_t *data)
{
	CLEANUP_JSON json_t *owned = data;
	CLEANUP_FREE char *line = owned != NULL ? json_print(owned) : NULL;
	char head[96];
	if (line == NULL)
		return -SIS_ERR_NO_MEMORY;
	int head_size = snprintf(head, sizeof(head), "event: %s\nid: %llu\ndata: ", kind, (unsigned long long)sequence);
	size_t line_size = strlen(line), size = (size_t)head_size + line_size + 2;
	char *text = realloc(line, size + 1);
	if (text == NULL)
		return -SIS_ERR_NO_MEMORY;
	line = text;
	memmove(text + head_size, text, line_size);
	memcpy(text, head, (size_t)head_size);
	memcpy(text + head_size + line_size, "\n\n", 2);
	http_stream_send(batch->exchange->request, text, size);
	batch->bytes += size;
	batch->n++;
	return 0;
}

static json_t *event_data(const struct store_event *event)
{
	char item[ITEM_ID_TEXT + 1] = "", time[TIME_TEXT + 1] = "";
	(void)time_encode(event->time, time);
	item_id_encode(event->item, item);
	switch (event->kind) {
	case STORE_EVENT_GRANT:
		return json_pack("{s:s, s:s, s:s, s:s}", "item", item, "user", event->user, "by", event->device, "time", time);
	case STORE_EVENT_REMOVED:
		return json_pack("{s:s, s:s, s:s, s:s}", "item", item, "what", event->what, "by", event->user, "time", time);
	case STORE_EVENT_DEVICE:
		return json_pack("{s:s, s:s, s:s, s:s}", "user", event->user, "device", event->device, "what", event->what, "time", time);
	default:
		return json_object();
	}
}

static int send_item(struct batch *batch, const struct store_item *item)
{
	struct exchange *exchange = batch->exchange;
	json_t *json;
	size_t bytes;
	int error = item_json(exchange->worker, &exchange->caller, item, exchange->watch->include, &json, &bytes);
	if (error == -SIS_ERR_NO_ITEM)
		return 0;                       /* deleted between its row and its file */
	return error < 0 ? error : send_event(batch, "item", item->sequence, json);
}

static int add_event(const struct store_event *event, const struct store_item *item, void *arg)
{
	static const char *const kinds[] = { [STORE_EVENT_GRANT] = "grant", [STORE_EVENT_REMOVED] = "removed", [STORE_EVENT_DEVICE] = "device",
		[STORE_EVENT_RESET] = "reset" };
	struct batch *batch = arg;
	struct watch *watch = batch->exchange->watch;
	int error = 0;
	if (batch->bytes >= BATCH_BYTES) {
		batch->more = true;
		return 1;
	}
	/* Who begins at the beginning knows of nothing that may have gone. */
	bool is_told = item != NULL || (event->kind < ARRAY_SIZE(kinds) && kinds[event->kind] != NULL && !(event->kind == STORE_EVENT_RESET && watch->from_start));
	if (item != NULL)
		error = send_item(batch, item);
	else if (is_told)
		error = send_event(batch, kinds[event->kind], event->sequence, event_data(event));
	if (error == 0)
		watch->cursor = event->sequence;
	return error;
}

/* ------------------------------------------------ the watchers ------------------------------------------------ */

static struct watch **bucket_of(struct worker *worker, int64_t user_id)
{
	return &worker->watches[((uint64_t)user_id * 0x9e3779b97f4a7c15u) >> (64 - WATCH_BUCKET_BITS)];
}

static void beat(void *arg)
{
	struct worker *worker = arg;
	const unsigned n = WATCH_BUCKETS / HEARTBEAT_SLICES;
	for (unsigned i = 0; i < n; i++) {
		for (struct watch *watch = worker->watches[worker->beat_slice * n + i]; watch != NULL; watch = watch->next) {
			watch->beat = true;
			http_stream_wake(watch->exchange->request);
		}
	}
	worker->beat_slice = (worker->beat_slice + 1) % HEARTBEAT_SLICES;
	if (worker->n_watches > 0)
		loop_timer_set(worker->beat_timer, worker->heartbeat_ms / HEARTBEAT_SLICES);
}

/* Often enough for those between us who forget connections on which nothing moves, as we do ourselves. */
void events_configure(struct worker *worker, unsigned idle_timeout_ms)
{
	worker->heartbeat_ms = idle_timeout_ms / 2 < HEARTBEAT_MS ? idle_timeout_ms / 2 : HEARTBEAT_MS;
}

static bool watch_enter(struct exchange *exchange, struct watch *watch)
{
	struct worker *worker = exchange->worker;
	if (worker->beat_timer == NULL && loop_add_timer(worker->loop, -1, beat, worker, &worker->beat_timer) < 0)
		return false;
	struct watch **bucket = bucket_of(worker, exchange->caller.user_id);
	watch->exchange = exchange;
	watch->previous = bucket;
	watch->next = *bucket;
	if (watch->next != NULL)
		watch->next->previous = &watch->next;
	*bucket = watch;
	exchange->watch = watch;
	if (worker->n_watches++ == 0)
		loop_timer_set(worker->beat_timer, worker->heartbeat_ms / HEARTBEAT_SLICES);
	return true;
}

void events_gone(struct exchange *exchange)
{
	struct watch *watch = exchange->watch;
	if (watch == NULL)
		return;
	*watch->previous = watch->next;
	if (watch->next != NULL)
		watch->next->previous = watch->previous;
	exchange->worker->n_watches--;
	exchange->watch = NULL;
	free(watch);
}

static bool may_watch_more(const struct exchange *exchange)
{
	unsigned n = 0;
	for (const struct watch *watch = *bucket_of(exchange->worker, exchange->caller.user_id); watch != NULL; watch = watch->next)
		n += watch->exchange->caller.device_id == exchange->caller.device_id;
	return n < exchange->worker->event_streams_per_device;
}

static void wake_bucket(struct watch *watch, int64_t user_id)
{
	for (; watch != NULL; watch = watch->next)
		if (user_id == 0 || watch->exchange->caller.user_id == user_id)
			http_stream_wake(watch->exchange->request);
}

void events_published(struct worker *worker, struct channel_packet *packet)
{
	struct message_published message;
	if (message_published_decode(&packet->payload, &message) != 0)
		return;
	struct cursor users = cursor_from(message.users.data, message.users.size);
	while (cursor_left(&users) >= sizeof(uint64_t)) {
		int64_t user_id = (int64_t)cursor_get_u64(&users);
		wake_bucket(*bucket_of(worker, user_id), user_id);
	}
	for (unsigned i = 0; i < WATCH_BUCKETS && message.users.size == 0; i++)
		wake_bucket(worker->watches[i], 0);
}

/* ------------------------------------------------ one of them ------------------------------------------------ */

static int greet(struct batch *batch)
{
	struct exchange *exchange = batch->exchange;
	char retry[32];
	int size = snprintf(retry, sizeof(retry), "retry: %d\n", RETRY_MS);
	http_stream_send(exchange->request, retry, (size_t)size);
	return send_event(batch, "hello", exchange->watch->cursor, json_pack("{s:I, s:s, s:s}", "sequence", (json_int_t)exchange->watch->cursor, "user",
		exchange->caller.user, "device", exchange->caller.device));
}

/* Asked before each delivery: what was allowed when the stream began may have been revoked, or have expired. Whoever comes back is told why. */
static bool is_still_allowed(struct exchange *exchange)
{
	struct store_caller caller;
	int error = store_find_caller(exchange->worker->store, exchange->fingerprint, &caller);
	return error == 0 && caller.device_id == exchange->caller.device_id && caller.user_id == exchange->caller.user_id;
}

static int tell_news(struct batch *batch)
{
	const struct exchange *exchange = batch->exchange;
	unsigned n = batch->n;
	int error = store_list_events(exchange->worker->store, exchange->caller.user_id, exchange->watch->cursor, BATCH_EVENTS, add_event, batch);
	batch->more = batch->more || batch->n - n >= BATCH_EVENTS;
	return error < 0 ? error : 0;
}

void events_stream(struct exchange *exchange)
{
	struct watch *watch = exchange->watch;
	struct batch batch = { .exchange = exchange };
	int error = 0;
	if (!is_still_allowed(exchange)) {
		http_stream_end(exchange->request);
		return;
	}
	if (!watch->greeted)
		error = greet(&batch);
	watch->greeted = true;
	if (error == 0)
		error = tell_news(&batch);
	if (error < 0) {
		if (log_limiter_allows(&exchange->worker->refused, LOG_BURST))
			log_event(&LOG(STORE_FAILED, .reason = error_text(error)));
		http_stream_end(exchange->request);
		return;
	}
	if (watch->beat && batch.n == 0)
		http_stream_send(exchange->request, ":\n", 2);
	watch->beat = false;
	if (batch.more)
		http_stream_wake(exchange->request);
}

/* ------------------------------------------------ the request ------------------------------------------------ */

static bool read_number(const char *text, uint64_t *value)
{
	return text == NULL || span_to_u64(span_from_string(text), INT64_MAX, value);
}

/* Where to begin: after what the caller has seen, or now. A number that we have not given out yet (this store is older than what the caller has seen:
 * a backup) becomes our newest, from which the caller sees that we went back. */
static int find_start(struct exchange *exchange, struct watch *watch)
{
	const char *last = http_request_header(exchange->request, "Last-Event-ID"), *after = http_request_query(exchange->request, "after");
	uint64_t newest, start = 0;
	if (!read_number(after, &start) || !read_number(last, &start))
		return -SIS_ERR_USAGE;
	int error = store_get_sequence(exchange->worker->store, &newest);
	if (error < 0)
		return error;
	watch->cursor = (after == NULL && last == NULL) || start > newest ? newest : start;
	watch->from_start = watch->cursor == 0;
	return 0;
}

void events_watch(struct exchange *exchange)
{
	static const struct http_header headers[] = { { "Content-Type", "text/event-stream" }, { "Cache-Control", "no-store" } };
	struct watch *watch = calloc(1, sizeof(*watch));
	int error = watch == NULL ? -SIS_ERR_NO_MEMORY : find_start(exchange, watch);
	if (error == 0 && !item_include_parse(http_request_query(exchange->request, "include"), &watch->include))
		error = -SIS_ERR_USAGE;
	if (error == 0 && !may_watch_more(exchange)) {
		free(watch);
		load_refuse(exchange, LIMIT_EVENT_STREAMS, 0);
		return;
	}
	if (error == 0 && !watch_enter(exchange, watch))
		error = -SIS_ERR_NO_MEMORY;
	if (error == 0) {
		http_respond_stream(exchange->request, 200, headers, ARRAY_SIZE(headers));
		return;
	}
	free(watch);
	route_refuse(exchange, error, error == -SIS_ERR_USAGE ?
		"The query may hold after=SEQUENCE and include=manifest|content; Last-Event-ID is a number." : NULL);
}

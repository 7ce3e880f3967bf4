/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The connection, its return, and the order of what comes over it. */
#include "sis/events.h"

#include "base/secret.h"
#include "sis/renewal.h"
#include "sis/session.h"
#include "sis/sse.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BACKOFF_FIRST_MS 200u
#define BACKOFF_MAX_MS 30000u
#define ASKED_MAX_S 300u                /* of Retry-After */
#define SILENCE_MS 65000u               /* three heartbeats: whoever sends none is gone */
#define WAIT_MS 200                     /* how often ^C is looked at */
#define SHORT_NS 1000000000u
#define SHORT_MOST 10u

struct queued { struct event event; struct queued *next; };

struct events {
	const struct profile *profile;
	struct session *session;
	struct http_stream *stream;
	struct sse sse;
	char target[64], last_id[24];
	bool has_position, greeted;             /* greeted: hello has come over this connection */
	uint64_t position;                      /* the newest that came */
	struct queued *first, **last;
	uint64_t retry_ns, heard_ns, begun_ns;
	unsigned n_short;                       /* streams in a row that ended soon after they began */
	unsigned backoff_ms;
	int error;                              /* final */
	struct why why, trouble;
	struct blob problem;                    /* the body of a refusal */
};

void event_free(struct event *event)
{
	json_decref(event->data);
	*event = (struct event){ 0 };
}

/* ------------------------------------------------ what comes ------------------------------------------------ */

static int events_fail(struct events *events, int error, const char *words)
{
	if (events->error == 0) {
		events->error = error;
		snprintf(events->why.text, sizeof(events->why.text), "%s", words);
	}
	return error;
}

/* The server says where it begins: exactly where it was asked to. */
static int check_hello(struct events *events, uint64_t sequence)
{
	if (events->has_position && sequence < events->position)
		return events_fail(events, -SIS_ERR_ROLLED_BACK, "the server has gone back to before what it has told already: it plays old events again, or was set "
		                   "back to a backup; ask its administrator");
	if (events->has_position && sequence > events->position)
		return events_fail(events, -SIS_ERR_PROTOCOL, "the server would leave out what came after the last event that was seen");
	events->has_position = events->greeted = true;
	events->position = sequence;
	return 0;
}

static int check_order(struct events *events, const struct sse_event *told, const json_t *data)
{
	bool is_hello = strcmp(told->kind, "hello") == 0, is_item = strcmp(told->kind, "item") == 0;
	uint64_t sequence = 0;
	if (!told->has_id || is_hello == events->greeted)
		return events_fail(events, -SIS_ERR_PROTOCOL, is_hello ? "the server greets twice" : "the server's events cannot be told apart: one has no number");
	if ((is_hello || is_item) && (json_member_u64(data, "sequence", &sequence) < 0 || sequence != told->id))
		return events_fail(events, -SIS_ERR_PROTOCOL, "the server gives one event two numbers");
	if (is_hello)
		return check_hello(events, told->id);
	if (told->id <= events->position)
		return events_fail(events, -SIS_ERR_PROTOCOL, "the server repeats an event, or tells them out of order");
	events->position = told->id;
	return 0;
}

static int on_event(const struct sse_event *told, void *arg)
{
	struct events *events = arg;
	CLEANUP_JSON json_t *data = NULL;
	if (json_parse(told->data, SSE_LINE_MAX, &data) < 0 || !json_is_object(data))
		return events_fail(events, -SIS_ERR_PROTOCOL, "the server sent an event that cannot be read");
	int r = check_order(events, told, data);
	if (r < 0)
		return r;
	struct queued *queued = xcalloc(1, sizeof(*queued));
	queued->event.sequence = told->id;
	snprintf(queued->event.kind, sizeof(queued->event.kind), "%s", told->kind);
	queued->event.data = data;
	data = NULL;
	*events->last = queued;
	events->last = &queued->next;
	return 0;
}

static int on_data(const struct http_reply *reply, const uint8_t *data, size_t size, void *arg)
{
	struct events *events = arg;
	if (reply->status < 200 || reply->status >= 300)
		return session_collect_problem(&events->problem, data, size);
	int r = sse_feed(&events->sse, data, size, on_event, events);
	return r < 0 ? events_fail(events, r, "the server's event stream is malformed") : 0;
}

/* ------------------------------------------------ the connection ------------------------------------------------ */

/* Some milliseconds more or less, so that not everybody comes back at once. */
static unsigned jitter(unsigned ms)
{
	uint16_t number = 0;
	(void)random_bytes(&number, sizeof(number));
	return ms / 2 + (unsigned)((uint64_t)ms * number / 65535);
}

static void disconnect(struct events *events)
{
	http_stream_close(events->stream);
	events->stream = NULL;
	session_free(events->session);
	events->session = NULL;
	sse_free(&events->sse);
	blob_free(&events->problem);
	/* A stream that was good ended: at once; but not on and on with a server that only ever greets. Then ever more slowly. */
	bool is_short = time_monotonic_ns() - events->begun_ns < SHORT_NS;
	events->n_short = events->greeted && is_short ? events->n_short + 1 : 0;
	unsigned wait_ms = events->greeted && events->n_short < SHORT_MOST ? 0 : jitter(events->backoff_ms);
	events->backoff_ms = events->greeted ? BACKOFF_FIRST_MS : events->backoff_ms * 2 < BACKOFF_MAX_MS ? events->backoff_ms * 2 : BACKOFF_MAX_MS;
	events->retry_ns = time_monotonic_ns() + (uint64_t)wait_ms * 1000000;
	events->greeted = false;
}

/* A server that is away may come back; one that refuses us, or is another, will do so again. */
static bool is_final(int error, unsigned status)
{
	if (status >= 400)
		return status < 500 && status != 408 && status != 429;
	return error == -SIS_ERR_UNTRUSTED || error == -SIS_ERR_EXPIRED || error == -SIS_ERR_PROTOCOL || error == -SIS_ERR_TOO_LARGE ||
	       error == -SIS_ERR_NO_MEMORY || error == -SIS_ERR_INTERRUPTED;
}

static void lost(struct events *events, int error, unsigned status)
{
	struct why why = { "" };
	if (status >= 300)
		error = session_reply_error(&(struct http_reply){ .status = status, .content_type = "application/problem+json" },
		                            (struct span){ events->problem.data, events->problem.size }, &why);
	else if (events->session != NULL)
		error = session_transport_error(session_client(events->session), error, &why);
	if (is_final(error, status))
		events_fail(events, error, why.text);
	snprintf(events->trouble.text, sizeof(events->trouble.text), "%s", why_text(&why, error));
	disconnect(events);
}

/* The server may ask for more time than we would have let pass. */
static void lost_for(struct events *events, int error, const struct http_reply *reply)
{
	unsigned asked_s = error < 0 ? 0 : patience_asked_s(reply);
	lost(events, error, error < 0 ? 0 : reply->status);
	events->retry_ns += (uint64_t)(asked_s < ASKED_MAX_S ? asked_s : ASKED_MAX_S) * 1000000000u;
}

static void connect_once(struct events *events)
{
	const struct http_client_header headers[] = { { "Accept", "text/event-stream" }, { "Last-Event-ID", events->last_id } };
	struct http_call call = { .method = "GET", .target = events->target, .headers = headers, .n_headers = events->has_position ? 2 : 1,
		.data_fn = on_data, .arg = events };
	struct http_reply reply = { 0 };
	snprintf(events->last_id, sizeof(events->last_id), "%llu", (unsigned long long)events->position);
	int r = session_open(events->profile, &events->session);
	if (r == 0)
		r = http_stream_open(session_client(events->session), &call, &events->stream, &reply);
	events->heard_ns = events->begun_ns = time_monotonic_ns();
	if (events->error != 0)
		disconnect(events);
	else if (r < 0 || reply.status != 200)
		lost_for(events, r, &reply);
	else if (strncmp(reply.content_type, "text/event-stream", 17) != 0)
		events_fail(events, -SIS_ERR_PROTOCOL, "the server's answer is no event stream");
	else
		events->trouble.text[0] = '\0';
}

static int left_ms(uint64_t deadline_ns)
{
	uint64_t now = time_monotonic_ns();
	return deadline_ns <= now ? 0 : (int)((deadline_ns - now + 999999) / 1000000);
}

/* True when something came: perhaps there is more. */
static bool listen_on(struct events *events, int timeout_ms)
{
	int r = http_stream_read(events->stream, timeout_ms);
	if (r > 0)
		events->heard_ns = time_monotonic_ns();
	else if (r == 0 && time_monotonic_ns() - events->heard_ns > (uint64_t)SILENCE_MS * 1000000)
		lost(events, -SIS_ERR_TIMEOUT, 0);
	else if (r < 0 && events->error == 0)
		lost(events, r, 0);
	return r > 0;
}

/* Until the server may be asked again. */
static void wait_apart(struct events *events, int timeout_ms)
{
	int wait_ms = left_ms(events->retry_ns);
	if (wait_ms > timeout_ms)
		wait_ms = timeout_ms;
	if (wait_ms > 0)
		poll(NULL, 0, wait_ms);
	if (left_ms(events->retry_ns) == 0)
		connect_once(events);
}

/* ------------------------------------------------ for the caller ------------------------------------------------ */

int events_open(const struct sis *sis, const struct profile *profile, bool from_now, uint64_t after, const char *include, struct events **ret_events,
                struct why *why)
{
	struct events *events = xcalloc(1, sizeof(*events));
	(void)sis;
	(void)why;
	events->profile = profile;
	events->has_position = !from_now;
	events->position = after;
	events->last = &events->first;
	events->backoff_ms = BACKOFF_FIRST_MS;
	snprintf(events->target, sizeof(events->target), "/v1/events%s%s", include != NULL ? "?include=" : "", include != NULL ? include : "");
	snprintf(events->trouble.text, sizeof(events->trouble.text), "not connected yet");
	*ret_events = events;
	return 0;
}

static bool take_queued(struct events *events, struct event *ret_event)
{
	struct queued *queued = events->first;
	if (queued == NULL)
		return false;
	events->first = queued->next;
	if (events->first == NULL)
		events->last = &events->first;
	*ret_event = queued->event;
	free(queued);
	return true;
}

int events_next(struct events *events, int timeout_ms, struct event *ret_event, struct why *why)
{
	uint64_t deadline_ns = time_monotonic_ns() + (uint64_t)(timeout_ms > 0 ? timeout_ms : 0) * 1000000;
	for (bool last = false;;) {
		/* What came before the error was in order. */
		if (take_queued(events, ret_event))
			return 1;
		if (events->error != 0)
			return why_set(why, events->error, "%s", events->why.text);
		if (atomic_load(&sis_cancelled))
			return -SIS_ERR_INTERRUPTED;
		if (last)
			return 0;
		renewal_tick(events->profile);
		int wait_ms = left_ms(deadline_ns) < WAIT_MS ? left_ms(deadline_ns) : WAIT_MS;
		bool moved = events->stream != NULL && listen_on(events, wait_ms);
		if (events->stream == NULL)
			wait_apart(events, wait_ms);
		last = !moved && left_ms(deadline_ns) == 0;
	}
}

int events_fd(const struct events *events)
{
	return events->stream != NULL ? http_stream_fd(events->stream) : -1;
}

const char *events_trouble(const struct events *events)
{
	return events->trouble.text[0] != '\0' ? events->trouble.text : NULL;
}

void events_free(struct events *events)
{
	struct event event;
	if (events == NULL)
		return;
	while (take_queued(events, &event))
		event_free(&event);
	disconnect(events);
	free(events);
}

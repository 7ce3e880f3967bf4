/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the files of the worker share. The worker parses what strangers send and may be taken over by one of them: it holds no key, writes only
 * through descriptors that the ledger gave it, and everything it says to the others is checked there again. */
#pragma once

#include "base/error.h"
#include "base/limit.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/util.h"
#include "http/server.h"
#include "ipc/channel.h"
#include "pki/pki.h"
#include "store/store.h"

#include <stdbool.h>

#define EXCHANGE_BUCKETS 1024
#define UPLOAD_ID_MAX 64
#define WATCH_BUCKET_BITS 8
#define WATCH_BUCKETS (1u << WATCH_BUCKET_BITS)

/* At most some lines at once and then a few each second; what was left out is counted. */
struct log_limiter { double tokens; uint64_t at_ns; int64_t n_dropped; uint64_t summed_ns; };

struct worker {
	struct loop *loop;
	struct channel *master, *ledger, *signer;       /* signer: blocking, no loop of its own */
	int signer_fd;                                  /* a duplicate, to hear that the signer has something to say */
	struct loop_source *signer_source;
	struct http_server *server;
	struct store_reader *store;
	char *state_dir;
	unsigned index;
	uint64_t max_item_bytes;
	unsigned max_waiting, n_waiting;                /* exchanges that wait for the ledger */
	unsigned event_streams_per_device;
	uint64_t list_memory_per_user;
	bool confined, ready, ledger_lost;
	char sandbox[256];
	int listeners[MESSAGE_MAX_FDS];
	unsigned n_listeners;
	int metrics_listener;                           /* -1: none */
	struct exchange *waiting[EXCHANGE_BUCKETS];     /* by the id of the question to the ledger */
	struct exchange *uploading;                     /* those that hold an upload open */
	struct exchange *listing;                       /* those whose list is being sent */
	struct watch *watches[WATCH_BUCKETS];           /* event streams, by the user's id */
	unsigned n_watches, beat_slice, heartbeat_ms;
	struct loop_source *beat_timer;
	struct log_limiter refused, logins, limited[LIMIT_END];
	uint64_t served_at_ns;
	unsigned n_connections_told, n_watches_told, n_penalised_told;
	int64_t server_not_after, external_not_after;
	uint64_t refusals[SIS_ERR_END];                 /* by error, not yet told */
	uint64_t limits[LIMIT_END];                     /* how often each held somebody back, not yet told */
	bool has_figures;                               /* to tell */
};

struct exchange;
typedef void exchange_fn(struct exchange *exchange);
typedef void answer_fn(struct exchange *exchange, struct channel_packet *packet);

enum access { ACCESS_OPEN, ACCESS_DEVICE };
enum body_kind { BODY_NONE, BODY_WHOLE, BODY_STREAM };

struct route {
	const char *method, *pattern;   /* "*" is one path segment, given to the handler; at most two */
	exchange_fn *handle;            /* BODY_WHOLE: called when the body is there */
	enum access access;
	enum body_kind body;
	size_t body_max;
	const char *media_type;         /* of the body; NULL: not looked at */
	const char *help;
	bool is_tus;                    /* for requests in tus 1.0's words only; such rows come before others of the same method and pattern */
};

struct upload {
	char id[UPLOAD_ID_MAX + 1];
	int fd;                         /* -1: not open */
	uint64_t offset, length;        /* length UINT64_MAX: not known yet */
	uint64_t announced;             /* Content-Length and offset, or Upload-Length: what this request says */
	uint64_t provided_offset;
	uint64_t started_at;            /* where this request's bytes begin */
	int64_t expires;                /* when the server forgets it, if it is not finished */
	bool resumable, completes, is_append;
	bool is_tus, is_query;          /* in tus 1.0's words; only asked where it stands */
	struct upload_check *check;     /* NULL: no digest was given */
};

/* A request and what we know about it: http_request_data(). */
struct exchange {
	struct worker *worker;
	struct http_request *request;
	const struct route *route;
	char path[128], *argument, *second_argument;
	struct store_caller caller;     /* ACCESS_DEVICE only */
	uint8_t fingerprint[FINGERPRINT_BYTES];
	uint64_t question;              /* id, 0: the ledger owes nothing */
	answer_fn *on_answer;
	struct exchange *next_waiting;
	struct upload upload;
	struct exchange *next_uploading, **previous_uploading;
	size_t listed_bytes;            /* of a list that is being sent */
	struct exchange *next_listing, **previous_listing;
	struct watch *watch;            /* of an event stream */
	char fetched[ITEM_ID_TEXT + 1]; /* not empty: the answer reaches the end of this item's object */
};

/* exchange.c */
extern const struct http_handler worker_http_handler;
/* json: borrowed, NULL when there was no memory for it; the headers come besides those of every such answer. */
void exchange_respond_json(struct exchange *exchange, unsigned status, const char *json, const struct http_header *headers, size_t n);
/* routes.c: 0, NO_INPUT, or USAGE when the path is known, but not with this method; ret_allow then lists those that are. */
int route_find(struct exchange *exchange, char *ret_allow, size_t capacity);
bool route_media_type_matches(const char *wanted, const char *given);  /* given: a Content-Type, or NULL */
void route_refuse(struct exchange *exchange, int error, const char *detail);           /* problem document and log */
void route_refuse_with(struct exchange *exchange, const struct http_problem *problem);
void route_respond_problem(struct exchange *exchange, const struct http_problem *problem);     /* the answer alone */

/* caller.c: false after the refusal was answered */
bool caller_find(struct exchange *exchange);
void *caller_connected(struct span certificate, uint64_t *ret_account, void *arg);

/* load.c: what the server takes on */
bool load_limits(const struct message_config_worker *message, struct http_limits *ret_limits);         /* false: the message is wrong */
bool load_allows(struct exchange *exchange);            /* false after the refusal was answered */
bool load_enter_account(struct exchange *exchange);     /* the same */
void load_source_known(struct worker *worker, struct channel_packet *packet);
/* Answers, counts and logs that this limit was reached. wait_s 0: a few seconds. */
void load_refuse(struct exchange *exchange, enum limit limit, uint32_t wait_s);

/* log.c */
#define LOG_BURST 200
#define LOG_BURST_LIMITS 5
bool log_limiter_allows(struct log_limiter *limiter, double burst);
void worker_sum_dropped(struct worker *worker, bool at_once);  /* LIMIT_HIT for what was not logged; every 5 s at most, or at_once: at the end */
void worker_count_refusal(struct worker *worker, int error);    /* of either sign */
void worker_limit_hit(struct worker *worker, enum limit limit, const char *user, const char *peer);    /* counts, and says so in measure; user: NULL */
void worker_tell_figures(struct worker *worker);                /* when there are new ones */
void worker_tell_serving(struct worker *worker, const char *route, const char *peer);

/* ledger.c */
uint64_t ledger_expect(struct exchange *exchange, answer_fn *on_answer);
void ledger_forget(struct exchange *exchange);
void ledger_on_packet(struct channel *channel, struct channel_packet *packet, void *arg);
void ledger_on_broken(struct channel *channel, int error, const char *reason, void *arg);
/* Sends, with the id under which the answer is awaited. When it cannot be sent, the request is refused at once. */
#define LEDGER_ASK(exchange_, on_answer_, name_, NAME_, ...) do { \
	uint64_t id_ = ledger_expect((exchange_), (on_answer_)); \
	ledger_sent((exchange_), CHANNEL_SEND((exchange_)->worker->ledger, id_, name_, NAME_, __VA_ARGS__)); \
} while (0)
void ledger_sent(struct exchange *exchange, int error);
/* For questions that are answered by DONE alone: 204, or the problem. */
void ledger_answer_done(struct exchange *exchange, struct channel_packet *packet);

/* sign.c */
int sign_start(struct worker *worker, int fd);
int sign_handshake(uint32_t generation, enum key_algorithm algorithm, struct span data, uint8_t *ret_signature, size_t capacity, size_t *ret_size,
                   void *arg);
/* main.c */
void worker_become_ready(struct worker *worker);        /* when the first identity has come */
void worker_leave(struct worker *worker, unsigned grace_ms);    /* finishes what is being answered, for at most this long, and ends */

/* revoke.c */
struct caller_tag { int64_t user_id, device_id; };
void revoke_on_message(struct worker *worker, struct channel_packet *packet);

/* items.c */
void items_list(struct exchange *exchange);
void items_get(struct exchange *exchange);
/* Lists lie in memory until their reader has taken them: so much for each user. */
bool items_may_list_more(const struct exchange *exchange);
void items_enter_listing(struct exchange *exchange, size_t bytes);
void items_refuse_store(struct exchange *exchange, int error);
/* The item that the path names, for fn, once. NO_ITEM also when the caller may not see it, or it is no id. */
int items_find(const struct exchange *exchange, int (*fn)(const struct store_item *item, void *arg), void *arg);
void items_get_grants(struct exchange *exchange);
void items_put_grants(struct exchange *exchange);
void items_drop_grants(struct exchange *exchange);
void items_delete(struct exchange *exchange);
void items_gone(struct exchange *exchange);

/* parts.c */
void parts_get_manifest(struct exchange *exchange);
void parts_get_thumbnail(struct exchange *exchange);
void parts_get_object(struct exchange *exchange);
void parts_sent(struct exchange *exchange, bool complete, uint64_t bytes);     /* FETCHED in the log, when the object has gone out to its end */

/* events.c */
void events_configure(struct worker *worker, unsigned idle_timeout_ms);
void events_watch(struct exchange *exchange);
void events_stream(struct exchange *exchange);          /* its socket takes more */
void events_published(struct worker *worker, struct channel_packet *packet);
void events_gone(struct exchange *exchange);

/* uploads.c */
void uploads_create(struct exchange *exchange);
void uploads_append(struct exchange *exchange);
void uploads_query(struct exchange *exchange);
void uploads_cancel(struct exchange *exchange);
void uploads_options(struct exchange *exchange);
void uploads_body(struct exchange *exchange, const uint8_t *data, size_t size);
void uploads_body_end(struct exchange *exchange);
void uploads_gone(struct exchange *exchange);
void uploads_release(struct worker *worker, struct channel_packet *packet);

/* tus.c */
void tus_create(struct exchange *exchange);
void tus_append(struct exchange *exchange);
void tus_query(struct exchange *exchange);
void tus_cancel(struct exchange *exchange);

/* metrics.c */
int metrics_listen(struct worker *worker, int listener_fd);     /* takes the descriptor */
void metrics_stop(void);
void metrics_on_text(struct worker *worker, struct channel_packet *packet);
void metrics_lose_ledger(struct worker *worker);

/* users.c, devices.c, open.c, est.c */
void users_get(struct exchange *exchange);
void users_whoami(struct exchange *exchange);
void devices_put_key(struct exchange *exchange);
#define INVITE_BODY_MAX 1024u
void devices_invite(struct exchange *exchange);
void devices_put_endorsement(struct exchange *exchange);
void open_crl(struct exchange *exchange);
void open_health(struct exchange *exchange);
void est_cacerts(struct exchange *exchange);
void est_csrattrs(struct exchange *exchange);
void est_enroll(struct exchange *exchange);
void est_reenroll(struct exchange *exchange);

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the files of the server share. One connection is a small state machine that connection_run() drives until it can do no more; everything
 * else (a handler's answer, a timer, a revocation) only changes state and calls connection_run(), which never nests. */
#pragma once

#include "base/rate.h"
#include "base/siphash.h"
#include "base/util.h"
#include "http/message.h"
#include "http/server.h"
#include "http/transport.h"

#include <sys/socket.h>

#define NEVER UINT64_MAX
#define SCRATCH_BYTES (128 * 1024)      /* shared by all connections of a process: one for what is read, one for what is written */
#define RECORD_BYTES 16384              /* of TLS */
#define ROUND_BYTES (256 * 1024)        /* a connection's share of one loop round */
#define RATE_WINDOW_MS 30000
#define LINGER_MS 5000
#define ACCEPT_BATCH 32
#define ACCEPT_PAUSE_MS 200             /* after EMFILE and the like */
#define SURPLUS_PART 16                 /* this part of the connections more is taken, to be told that they are too many */
#define SURPLUS_MIN 4
#define CROWDED(n, max) ((n) > (max) / 4 * 3)   /* strangers are no longer kept after their answer */
#define SITE_FACTOR 4                   /* a /48 may do so many times what one source may */
#define SOURCE_LEVELS 2

enum connection_state {
	CONNECTION_PROXY,               /* a balancer has still to say for whom it connects */
	CONNECTION_HANDSHAKE,
	CONNECTION_IDLE,                /* between requests: holds no buffer */
	CONNECTION_HEAD,
	CONNECTION_REQUEST,             /* from the complete head to the end of the answer */
	CONNECTION_LINGER,              /* answered and shut down; what still comes is thrown away so that the answer is not lost to a reset */
	CONNECTION_CLOSED,
};

enum body_mode { BODY_UNDECIDED, BODY_COLLECT, BODY_STREAM };

struct http_request {
	struct http_connection *connection;
	struct http_message message;
	enum body_mode mode;
	bool was_paced;
	bool seen, answered, body_ended;        /* seen: by the handler, which must hear of its end */
	void *data;
	uint8_t *body;
	size_t body_size, body_capacity, body_max;
	uint64_t body_received, body_sent;
	int file;                       /* of the answer, -1: none */
	uint64_t file_offset, file_left;
	bool is_stream, stream_hungry, stream_ended;    /* hungry: on_stream is to be called */
};

struct out_buffer { uint8_t *data; size_t size, capacity, sent; };

/* The source itself, and for IPv6 its site. */
struct source { unsigned n; struct rate_key level[SOURCE_LEVELS]; };
struct holder { struct holder *next; struct rate_key key; uint64_t n; };        /* of connections */

/* Slots of the accounts of sources and users (base/rate.h). Score: of offences, not yet worn off. Open: no new penalty begins before. */
enum rate_slot { SLOT_HANDSHAKES, SLOT_REQUESTS, SLOT_BYTES, SLOT_SCORE, SLOT_BLOCKED, SLOT_OPEN, SLOT_END };
_Static_assert(SLOT_END <= RATE_SLOTS, "slots of an account");

struct proxy_reading;

struct http_connection {
	struct http_server *server;
	struct http_connection *next, **previous, *next_ready;
	void *session;                  /* of the server's transport */
	struct loop_source *io, *timer;
	int fd;
	enum connection_state state;
	bool running, is_ready, served_one, peers_turn, close_after, must_reset;
	bool is_surplus, has_offended, makes_known;
	uint32_t interest;
	uint8_t address[ADDRESS_BYTES];
	struct source source;
	unsigned n_held;                /* levels of the source that this connection is counted for */
	uint64_t account;               /* 0: nobody's yet */
	char peer[64];
	struct proxy_reading *proxy;    /* while the balancer speaks */
	struct http_request *request;
	void *tag;
	uint8_t *pending;               /* bytes read and not yet taken (pipelined, or the handler has not asked for the body yet); nothing is read while there are some */
	size_t pending_size, pending_at;
	struct out_buffer out;
	uint64_t moved;                 /* bytes in either direction in this rate window */
	uint64_t paced_until_ns;        /* nothing is read or written before; 0: now */
	uint64_t deadline_ns, armed_ns; /* the timer may fire earlier than the deadline, and is then set again */
};

struct listener { struct listener *next; struct http_server *server; struct loop_source *io; int fd; };

#define HOLDER_BUCKETS 1024

struct http_server {
	struct loop *loop;
	const struct http_handler *handler;
	void *arg;
	struct http_limits limits;
	const struct http_transport *transport;         /* NULL: none yet, nobody is served */
	struct tls_identity *identity;  /* of TLS */
	struct listener *listeners;
	struct http_connection *connections, *ready, **ready_end;
	struct loop_source *accept_timer, *ready_timer, *drain_timer;
	unsigned n_connections;
	uint8_t hash_key[SIPHASH_KEY_BYTES];
	struct holder *holders[HOLDER_BUCKETS];
	struct rate_table *sources, *known, *accounts;  /* known: sources from which one of ours came lately */
	uint64_t blocked_until_ns;      /* no penalty lasts longer */
	bool draining, busy;            /* busy: a connection runs, and uses the scratch buffers */
	void (*drained)(void *arg);
	void *drained_arg;
	uint8_t *read_scratch, *write_scratch;
};

/* listen.c */
void server_resume_accepting(void *server);
/* limits.c: connections, counted; false when the source or the account has reached its limit */
extern const unsigned source_factor[SOURCE_LEVELS];     /* how many times its limits each level of a source has */
struct source source_from(const uint8_t address[ADDRESS_BYTES]);
struct rate_key account_key(uint64_t account);
bool source_enter(struct http_connection *connection);
void source_leave(struct http_connection *connection);
bool account_enter(struct http_connection *connection, uint64_t account);
void account_leave(struct http_connection *connection);
void holders_free(struct http_server *server);
unsigned limits_surplus(const struct http_limits *limits);      /* connections beyond the limit, to be answered 503 */

/* rates.c */
struct rate_account *source_account(struct http_server *server, struct rate_key key, uint64_t now);     /* good until the next call */
bool rates_take_handshake(struct http_connection *connection);
uint64_t rates_take_request(struct http_connection *connection);                /* 0, or ns to wait */
uint64_t rates_take_account_request(struct http_connection *connection);        /* the same */
uint64_t rates_paced_until(const struct http_connection *connection, enum limit *ret_limit);           /* 0: more may be moved now */
void rates_moved(struct http_connection *connection, size_t n);
size_t rates_budget(const struct http_connection *connection);  /* bytes of one round */

/* penalty.c */
void penalty_add(struct http_connection *connection, enum http_offence offence);
bool penalty_is_due(const struct http_connection *connection);  /* a new connection from there is refused */
void penalty_know(struct http_connection *connection);  /* one of ours has come from there */

/* accept.c */
void connection_accept(struct http_server *server, int fd, const struct sockaddr *address);      /* takes fd */
void connection_set_peer(struct http_connection *connection, const struct sockaddr *address);
/* Whether its source may have one more connection: now, or why not. */
enum limit connection_admit(struct http_connection *connection);
void connection_hit(const struct http_connection *connection, enum limit limit);        /* tells the handler */

/* announce.c: what a balancer says first */
int announce_begin(struct http_connection *connection);
bool step_announce(struct http_connection *connection);
void announce_end(struct http_connection *connection);

/* steps.c: true when there may be more to do; budget in bytes */
bool connection_step(struct http_connection *connection, size_t *budget);

/* connection.c */
loop_io_fn connection_event;
loop_timer_fn connection_timer;
void connection_enter(struct http_connection *connection, enum connection_state state);
bool connection_wants_input(const struct http_connection *connection);
bool connection_wants_output(const struct http_connection *connection);
void connection_run(struct http_connection *connection);
void connection_make_ready(struct http_connection *connection);         /* to be run soon, not now */
void connection_refuse(struct http_connection *connection, const char *reason);         /* tells on_refused, then closes at the end of the run */
void connection_close(struct http_connection *connection, bool reset);
void connection_check_drained(struct http_server *server);

/* request.c */
struct http_request *request_new(struct http_connection *connection);
void request_free(struct http_request *request);
void request_gone(struct http_request *request);        /* tells the handler what it must know, frees */
/* Answers for the layer; a handler that has seen the request hears that it is gone. */
void request_fault(struct http_request *request, struct http_fault fault);
void request_too_soon(struct http_request *request, uint64_t wait_ns);  /* 429 */
/* Takes bytes; returns how many. */
size_t request_feed(struct http_request *request, const uint8_t *data, size_t size);
bool request_wants_body(const struct http_request *request);
/* Tells the handler when the body has ended; true when it did. */
bool request_advance(struct http_request *request);

/* stream.c */
bool stream_is_open(const struct http_request *request);        /* request may be NULL */
bool stream_is_hungry(const struct http_request *request);
bool stream_advance(struct http_request *request);              /* asks the handler for more; true when it was asked */

/* response.c */
#define LENGTH_UNKNOWN UINT64_MAX       /* chunked */
bool response_put_head(struct http_request *request, unsigned status, const struct http_header *headers, size_t n_headers, uint64_t size);
bool response_sends_body(const struct http_request *request, unsigned status);
bool out_append(struct out_buffer *out, const void *data, size_t size);
void out_free(struct out_buffer *out);
void response_fault(struct http_request *request, struct http_fault fault);
/* Puts the next bytes to send at the start of scratch; 0: nothing is left. A negative error when the file cannot be read. */
ssize_t response_gather(struct http_connection *connection, uint8_t *scratch, size_t capacity);
void response_consume(struct http_connection *connection, size_t size);

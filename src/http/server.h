/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * HTTP/1.1 over TLS for a worker (with http/plain.h, without it for the gallery of `sis`): connections, limits, timeouts, requests. Parsing is
 * http-parser's; nothing of it or of GnuTLS is seen outside.
 * A handler answers each request exactly once, at once or later (the connection then waits: requests on it are served in order). */
#pragma once

#include "base/limit.h"
#include "base/loop.h"
#include "base/prefix.h"
#include "tls/tls.h"

#include <netinet/in.h>
#include <stdbool.h>

struct http_server;
struct http_request;
struct http_connection;

/* What a source is penalised for; each but the last once for a connection. */
enum http_offence { OFFENCE_HANDSHAKE, OFFENCE_REQUEST, OFFENCE_CERTIFICATE, OFFENCE_ENROLLMENT, OFFENCE_END };

/* A rate of 0 is without limit. A source is an IPv4 address or an IPv6 /64; an account is what the handler says (http_request_set_account). */
struct http_limits {
	unsigned max_connections, max_connections_per_source, max_connections_per_account;
	unsigned header_timeout_ms, idle_timeout_ms, min_rate_bytes_s;
	uint64_t handshakes_per_s, source_requests_per_s, account_requests_per_s;       /* on average over ten seconds */
	uint64_t source_bytes_per_s, account_bytes_per_s;       /* in both directions together */
	unsigned penalty_ms[OFFENCE_END], penalty_min_ms, penalty_max_ms;              /* penalty_max_ms 0: none */
	struct prefix_list penalty_exempt;
	struct prefix_list proxy_from;  /* who connects from there says for whom, by the PROXY protocol (version 2) */
	uint64_t max_body_bytes;        /* for handlers that take a whole body */
	size_t max_head_bytes;          /* request line and fields, 431 beyond */
};

struct http_handler {
	/* The handshake is done, and the peer showed a certificate that the CA has signed: returns the connection's tag (malloc'd) and its account, or
	 * NULL. May be NULL. */
	void *(*on_connected)(struct span certificate, uint64_t *ret_account, void *arg);
	/* Head is complete. Answer, or call http_request_collect (whole small body), or http_request_stream. */
	void (*on_request)(struct http_request *request, void *arg);
	/* Streamed body bytes. Never called after the answer. */
	void (*on_body)(struct http_request *request, const uint8_t *data, size_t size, void *arg);
	void (*on_body_end)(struct http_request *request, void *arg);           /* collected or streamed body is complete */
	/* The connection was lost, or the peer revoked, before the answer was given: free what request_data holds. Not called after an answer. */
	void (*on_gone)(struct http_request *request, void *arg);
	/* The socket has taken all of the answer that http_respond_stream began, and the handler had asked for this call: give more. Not for long. */
	void (*on_stream)(struct http_request *request, void *arg);
	/* The answer was sent to its end (complete) or cut off. For the log of what was fetched. bytes: of the body. */
	void (*on_sent)(struct http_request *request, bool complete, uint64_t bytes, void *arg);
	/* A connection ended without a request being at fault: garbage, time. reason is one sentence. */
	void (*on_refused)(const char *peer, const char *reason, void *arg);
	/* A limit held somebody back. */
	void (*on_limit)(enum limit limit, const char *peer, void *arg);
};

/* handler is borrowed for the server's life. NO_MEMORY. */
int http_server_new(struct loop *loop, const struct http_handler *handler, void *arg, struct http_server **ret_server);
void http_server_free(struct http_server *server);                             /* ends every connection; accepts NULL */
void http_server_set_limits(struct http_server *server, const struct http_limits *limits);
void http_server_set_identity(struct http_server *server, struct tls_identity *identity);      /* takes a reference; for new connections */
int http_server_listen(struct http_server *server, int listener_fd);                            /* takes the descriptor, also when it fails; EPOLLEXCLUSIVE */
void http_server_stop_listening(struct http_server *server);
/* Busy connections close after their answer (Connection: close), event streams end; fn when the last is gone. Patient: idle ones, too, are answered once
 * more, or end by their timeout, since a request may be under way to us. Otherwise they close now, and who has just connected has two seconds. */
void http_server_drain(struct http_server *server, bool patient, void (*fn)(void *arg), void *arg);
unsigned http_server_n_connections(const struct http_server *server);
unsigned http_server_n_penalised(const struct http_server *server);            /* sources */
/* Closes at once (RST) every connection for whose tag match() is true: how a revocation reaches live sockets. Returns how many. */
unsigned http_server_close_if(struct http_server *server, bool (*match)(const void *tag, void *match_arg), void *match_arg);

/* The request. Strings are borrowed until the answer. */
const char *http_request_method(const struct http_request *request);
const char *http_request_path(const struct http_request *request);              /* percent-decoded once, starts with '/'; queries cut off */
const char *http_request_query(const struct http_request *request, const char *name);   /* decoded value, NULL when absent */
const char *http_request_header(const struct http_request *request, const char *name);  /* NULL when absent; repeated singletons were refused */
const char *http_request_peer(const struct http_request *request);              /* "192.0.2.1:4711" */
bool http_request_has_body(const struct http_request *request);
/* Content-Length, or UINT64_MAX when chunked. 0 without a body. */
uint64_t http_request_body_size(const struct http_request *request);
struct span http_request_certificate(const struct http_request *request);       /* DER, empty when none */
int http_request_certificate_error(const struct http_request *request);         /* tls_peer_error */
struct span http_request_body(const struct http_request *request);              /* when collected */
void *http_request_data(const struct http_request *request);
void http_request_set_data(struct http_request *request, void *data);
/* Per connection, for the worker's idea of who this is (used by http_server_close_if); freed with free(). */
void *http_request_tag(const struct http_request *request);
void http_request_set_tag(struct http_request *request, void *tag);
/* Whose request this is (not 0): it counts against that account from now on, and its source is known as one of ours. LIMIT_NONE; else the limit that the
 * account has reached, and the seconds after which it may try again: refuse the request. */
enum limit http_request_set_account(struct http_request *request, uint64_t account, uint32_t *ret_wait_s);
/* Whether this request made its source known, or known for longer: true once in an hour for each source, with its address. */
bool http_request_makes_known(struct http_request *request, uint8_t ret_address[ADDRESS_BYTES]);
/* Another server's request did. */
void http_server_know(struct http_server *server, const uint8_t address[ADDRESS_BYTES], uint64_t account);
void http_request_penalise(struct http_request *request, enum http_offence offence);
/* The server has as many connections as it takes, and this one is there to be told so: it ends with the answer. */
bool http_request_is_surplus(const struct http_request *request);

void http_request_collect(struct http_request *request, size_t max_bytes);      /* 413 beyond, answered by the layer */
void http_request_stream(struct http_request *request);                         /* sends 100 Continue when asked for */

struct http_header { const char *name, *value; };
/* Interim answer (104); any number before the final one. Sent soon: of this header's functions, only the final answers, http_request_stream
 * and http_close may end the request before they return, when called outside its callbacks. CONFLICT after
 * the answer; NO_MEMORY: the connection is closed. */
int http_inform(struct http_request *request, unsigned status, const struct http_header *headers, size_t n_headers);
/* Copies the body. HEAD sends the head alone. An unread request body closes the connection afterwards (lingering close, so the answer arrives). */
void http_respond(struct http_request *request, unsigned status, const struct http_header *headers, size_t n_headers, const void *body, size_t size);
/* Takes fd; sends length bytes from offset. */
void http_respond_file(struct http_request *request, unsigned status, const struct http_header *headers, size_t n_headers, int fd, uint64_t offset,
                       uint64_t length);
/* An answer of unknown length, given in pieces (chunked) for as long as the handler likes. There is no limit of time while nothing is to be sent; a peer that
 * takes nothing of what is there for the idle timeout is cut off, and a draining server ends the answer in order. The pieces are asked for: on_stream is
 * called soon, and after each http_stream_wake when all before is on its way. */
void http_respond_stream(struct http_request *request, unsigned status, const struct http_header *headers, size_t n_headers);
void http_stream_wake(struct http_request *request);
void http_stream_send(struct http_request *request, const void *data, size_t size);    /* copies; from on_stream only */
void http_stream_end(struct http_request *request);                             /* whole, after what was given; on_sent follows soon */
/* RFC 9457 problem document from an error of the table; detail is one sentence or NULL. */
void http_respond_problem(struct http_request *request, int error, const char *detail);
/* The same with what the table does not give. Every member may be 0 or NULL: the error's own then. */
struct http_problem {
	int error;
	unsigned status;
	const char *type;               /* instead of "urn:sis:error:..." */
	const char *title, *detail;
	const struct http_problem_member { const char *name; uint64_t value; } *members;
	size_t n_members;
	const struct http_header *headers;
	size_t n_headers;
};
/* With Retry-After (a few seconds) where the status is 429 or 503 and the caller gives none. */
void http_respond_problem_with(struct http_request *request, const struct http_problem *problem);
void http_close(struct http_request *request);                                  /* drop the connection without an answer */

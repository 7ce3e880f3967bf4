/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * HTTP/1.1 over TLS for `sis`: one blocking connection, kept open between requests, with deadlines. Parsing is http-parser's. */
#pragma once

#include "tls/tls.h"

#include <stdatomic.h>
#include <stdbool.h>

struct http_client;

struct http_client_config {
	const char *host, *port;
	struct tls_client_config tls;
	unsigned connect_timeout_ms, stall_timeout_ms;          /* stall: no byte either way */
	const atomic_bool *cancelled;                           /* checked at least every 200 ms: INTERRUPTED */
};

struct http_reply {
	unsigned status;
	char content_type[128], location[512], etag[128], content_range[128], upload_offset[32], upload_complete[8], retry_after[32];
	bool has_length;
	uint64_t length;
};

struct http_call {
	const char *method, *target;                            /* "/v1/items?after=4" */
	const struct http_client_header { const char *name, *value; } *headers;
	size_t n_headers;
	const void *body;                                       /* small bodies */
	uint64_t body_size;
	/* Large bodies: called for the next bytes until body_size is reached; *ret_data stays valid until the next call. */
	int (*body_fn)(const uint8_t **ret_data, size_t *ret_size, void *arg);
	/* Interim answers (104), may be NULL. */
	void (*interim_fn)(const struct http_reply *reply, void *arg);
	/* The answer's body, in pieces; head is complete before the first. Non-zero ends the call with that error. NULL: collected, see below. */
	int (*data_fn)(const struct http_reply *reply, const uint8_t *data, size_t size, void *arg);
	void *arg;
	size_t max_collect;                                     /* 0: 1 MiB */
};

int http_client_new(const struct http_client_config *config, struct http_client **ret_client);         /* connects at the first call */
void http_client_set_cancelled(struct http_client *client, const atomic_bool *cancelled);                /* for the calls from now on */
void http_client_free(struct http_client *client);
/* 0 when an answer of any status came; ret_body (malloc'd, may be NULL) gets the collected body. A kept connection that the server had closed is
 * reopened once, for calls whose body can be sent again. UNAVAILABLE, TIMEOUT, TLS, UNTRUSTED, PROTOCOL, INTERRUPTED. */
int http_client_call(struct http_client *client, const struct http_call *call, struct http_reply *ret_reply, struct blob *ret_body);

/* Whether the whole request of the last call left this machine: when no answer came, it may have been done all the same. */
bool http_client_has_asked(const struct http_client *client);

/* An answer without a foreseeable end (an event stream): data_fn gets the body as it comes. The call is copied; what it points to must live as long. */
struct http_stream;
/* 0 when the head is there, whatever the status: of anything but 2xx the whole body has been given to data_fn, too. On a connection of its own. */
int http_stream_open(struct http_client *client, const struct http_call *call, struct http_stream **ret_stream, struct http_reply *ret_reply);
/* 1: data_fn was called, or may have been; 0: nothing came within timeout_ms. CLOSED at the orderly end, and as http_client_call when it was cut off. With a
 * timeout of 0 everything is taken that has come: afterwards the descriptor tells when there is more. */
int http_stream_read(struct http_stream *stream, int timeout_ms);
int http_stream_fd(const struct http_stream *stream);
void http_stream_close(struct http_stream *stream);     /* accepts NULL */
const char *http_client_error_words(const struct http_client *client);
struct tls_session *http_client_tls(struct http_client *client);

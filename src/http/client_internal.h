/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What client.c, client_stream.c and outgoing.c share: one connection, what is still to be sent on it, and the single steps of sending and
 * listening. Each step returns 0 or a negative error, whose words it has put down. */
#pragma once

#include "base/cursor.h"
#include "http/client.h"
#include "http/reply.h"

#define FIRST_WRITE_BYTES 16384         /* one TLS record: a small request leaves in one segment train */
#define READ_BYTES 32768

struct http_client {
	struct http_client_config config;
	char *host, *port;
	int fd;
	struct tls_session *tls;
	bool used;                              /* this connection has carried a request before */
	bool asked;                             /* the last call's request, or an earlier try of it, has left whole */
	bool finished;                          /* and must not carry another; kept for its ticket */
	char words[256];
	uint8_t first[FIRST_WRITE_BYTES];
	uint8_t input[READ_BYTES];
};

/* What is still to be sent of one request. */
struct outgoing {
	struct span now;                        /* being written */
	struct span body;                       /* follows, when the body is in memory */
	uint64_t left;                          /* of the body, not yet handed out by body_fn */
	size_t unheard;                         /* written since we last listened */
	int error;                              /* writing failed: listen on, the reply may say why */
	bool stopped;
};

uint64_t client_deadline(unsigned timeout_ms);                          /* CLOCK_MONOTONIC, ns */
int client_fail(struct http_client *client, int error, const char *words);     /* returns error; words: NULL or "" for the error's own */
int client_open(struct http_client *client);
void client_close(struct http_client *client);
int client_read_failed(struct http_client *client, const struct reply_reader *reader, int error);

/* outgoing.c: the head is checked, and made, in client->first, with a small body behind it. PROTOCOL, TOO_LARGE. */
int outgoing_begin(struct http_client *client, const struct http_call *call, struct outgoing *ret_out);
/* Gets the next piece to write when there is none; body_fn's error, whose words are the caller's to find. */
int outgoing_refill(struct outgoing *out, const struct http_call *call);
bool outgoing_done(const struct outgoing *out);                         /* nothing is left, or writing has been given up */

/* One step of sending, then of listening; waits when neither moved, at most stall_timeout_ms, after which `stalled` are the words. */
int client_step(struct http_client *client, const struct http_call *call, struct reply_reader *reader, struct outgoing *out, const char *stalled);

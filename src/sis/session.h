/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One connection of a profile, and replies turned into our errors. Not shared between threads: each thread opens its own. */
#pragma once

#include "base/json.h"
#include "http/client.h"
#include "sis/patience.h"
#include "sis/profile.h"

/* A page of a listing: a server of ours ends one after 4 MiB and one item (worker/items.c). What is parsed takes up to eleven times as much. */
#define SESSION_PAGE_MAX_BYTES (16u << 20)

struct session;

/* Connects at the first call. */
int session_open(const struct profile *profile, struct session **ret_session);
void session_free(struct session *session);             /* saves the ticket when it is worth it */
void session_freep(struct session **session);
#define CLEANUP_SESSION __attribute__((cleanup(session_freep)))
/* What ends its calls early, instead of sis_cancelled. */
void session_set_cancelled(struct session *session, const atomic_bool *cancelled);
const struct profile *session_profile(const struct session *session);
struct http_client *session_client(struct session *session);    /* for what is no call: an event stream */

/* Waits when the last reply asked for it (sis/patience.h). */
bool session_wait(struct session *session, struct patience *patience);

/* Waits for so long, and a little longer by chance; false when cancelled. */
bool session_pause(struct session *session, unsigned ms);
/* The last call has failed with this error: may the server have done what it asked for all the same? */
bool session_may_be_done(const struct session *session, int error);

/* A call whose reply of status 400 and more becomes an error with the server's own words (RFC 9457) in why. data_fn sees 2xx bodies only. ret_body
 * may be NULL. When the server asks to come back later, that is done a few times, but not for calls with a body_fn: those are their callers' to repeat. */
int session_call(struct session *session, const struct http_call *call, struct http_reply *ret_reply, struct blob *ret_body, struct why *why);
int session_get(struct session *session, const char *target, size_t max, struct blob *ret_body, struct why *why);
int session_get_json(struct session *session, const char *target, size_t max, json_t **ret_json, struct why *why);
/* session_error.c: the error that a reply stands for: 0 below 400. body: what came with it. For replies to calls made without a session. */
int session_reply_error(const struct http_reply *reply, struct span body, struct why *why);
/* A piece more of what came with a status of 400 and more, for session_reply_error. TOO_LARGE beyond what a problem document can rightly be. */
int session_collect_problem(struct blob *problem, const uint8_t *data, size_t size);
/* Why the transport failed, in one clause. */
int session_transport_error(const struct http_client *client, int error, struct why *why);

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One connection of a profile. */
#include "sis/session.h"

#include "sis/authorities.h"
#include "sis/renewal.h"

#include <stdlib.h>
#include <string.h>

#define CONNECT_TIMEOUT_MS 15000
#define STALL_TIMEOUT_MS 60000
/* A ticket is used many times; a newer one is written this often, well within its life. */
#define TICKET_REFRESH_S 3600

struct session {
	const struct profile *profile;
	struct http_client *client;
	struct secret *ticket;
	int64_t ticket_age_s;
	struct blob newer;                      /* a certificate that is newer than the profile's in memory */
	struct certificate facts;               /* of the certificate that it shows */
	bool worked;                            /* the server has answered */
	const atomic_bool *cancelled;
	struct http_reply last;                 /* what was last answered; status 0: nothing */
};

/* With the newest certificate: another process, or thread, may have renewed the one that the profile had when it was read. */
static int session_connect(struct session *session)
{
	const struct profile *profile = session->profile;
	struct http_client_config config = {
		.host = profile->host, .port = profile->port,
		.tls = {
			.ca = { profile->ca.data, profile->ca.size },
			.server_name = profile->host,
			.certificate = session->newer.size > 0 ? (struct span){ session->newer.data, session->newer.size }
			                                       : (struct span){ profile->certificate.data, profile->certificate.size },
			.key = &profile->key,
		},
		.connect_timeout_ms = CONNECT_TIMEOUT_MS, .stall_timeout_ms = STALL_TIMEOUT_MS,
		.cancelled = session->cancelled,
	};
	if (session->ticket != NULL) {
		config.tls.resume = (struct span){ secret_peek(session->ticket), secret_size(session->ticket) };
		/* A ticket is kept only of a connection whose server had been checked. */
		config.tls.resume_is_checked = session->ticket_age_s >= 0 && session->ticket_age_s < TICKET_REFRESH_S;
	}
	return http_client_new(&config, &session->client);
}

int session_open(const struct profile *profile, struct session **ret_session)
{
	CLEANUP_SESSION struct session *session = xcalloc(1, sizeof(*session));
	session->profile = profile;
	session->cancelled = &sis_cancelled;
	session->facts = profile->facts;
	bool is_newer = renewal_is_due(&session->facts, time_now()) && renewal_find_newer(profile, &session->newer, &session->facts);
	session->ticket = is_newer ? NULL : profile_load_ticket(profile, &session->ticket_age_s);
	int r = session_connect(session);
	if (r < 0)
		return r;
	*ret_session = session;
	session = NULL;
	return 0;
}

/* A command may run for longer than its certificate holds: its next call is made with the one that has been renewed since. */
static void session_renew(struct session *session)
{
	CLEANUP_BLOB struct blob newer = { 0 };
	struct certificate facts;
	struct http_client *client = session->client;
	if (!renewal_is_due(&session->facts, time_now()) || !renewal_find_newer(session->profile, &newer, &facts) ||
	    memcmp(facts.fingerprint, session->facts.fingerprint, FINGERPRINT_BYTES) == 0)
		return;
	struct blob before = session->newer;
	SECRET_HEAP struct secret *ticket = session->ticket;
	session->newer = newer;
	session->ticket = NULL;
	if (session_connect(session) < 0) {
		session->client = client;
		session->newer = before;
		session->ticket = ticket;
		ticket = NULL;
		return;
	}
	newer = before;
	session->facts = facts;
	http_client_free(client);
}

static void session_save_ticket(struct session *session)
{
	struct tls_session *tls = session->client != NULL ? http_client_tls(session->client) : NULL;
	SECRET_HEAP struct secret *ticket = NULL;
	if (memcmp(session->facts.fingerprint, session->profile->facts.fingerprint, FINGERPRINT_BYTES) != 0)
		return;
	if (tls == NULL || (tls_is_resumed(tls) && session->ticket_age_s < TICKET_REFRESH_S))
		return;
	if (tls_session_save(tls, &ticket) == 0)
		profile_save_ticket(session->profile, ticket);
}

/* The first answer: the server was believed, perhaps by a successor of the authority that we knew. */
static void session_has_worked(struct session *session)
{
	CLEANUP_BLOB struct blob set = { 0 };
	struct tls_session *tls = http_client_tls(session->client);
	session->worked = true;
	if (tls != NULL && tls_client_ca(tls, &set) == 0 && set.size > session->profile->ca.size)
		authorities_adopt(session->profile, (struct span){ set.data, set.size });
}

void session_free(struct session *session)
{
	if (session == NULL)
		return;
	session_save_ticket(session);
	http_client_free(session->client);
	if (session->worked)
		renewal_after_session(session->profile);
	secret_free(session->ticket);
	blob_free(&session->newer);
	free(session);
}

void session_freep(struct session **session)
{
	session_free(*session);
}

void session_set_cancelled(struct session *session, const atomic_bool *cancelled)
{
	session->cancelled = cancelled;
	http_client_set_cancelled(session->client, cancelled);
}

const struct profile *session_profile(const struct session *session)
{
	return session->profile;
}

struct http_client *session_client(struct session *session)
{
	return session->client;
}

/* Bodies of errors are collected whoever reads the good ones. */
struct split {
	const struct http_call *call;
	struct blob problem;
};

static int split_data(const struct http_reply *reply, const uint8_t *data, size_t size, void *arg)
{
	struct split *split = arg;
	if (reply->status >= 200 && reply->status < 300)
		return split->call->data_fn(reply, data, size, split->call->arg);
	return session_collect_problem(&split->problem, data, size);
}

static int split_body(const uint8_t **ret_data, size_t *ret_size, void *arg)
{
	struct split *split = arg;
	return split->call->body_fn(ret_data, ret_size, split->call->arg);
}

static void split_interim(const struct http_reply *reply, void *arg)
{
	struct split *split = arg;
	split->call->interim_fn(reply, split->call->arg);
}

static int call_once(struct session *session, const struct http_call *call, struct http_reply *ret_reply, struct blob *ret_body, struct why *why)
{
	struct split split = { .call = call };
	struct http_call inner = *call;
	CLEANUP_BLOB struct blob body = { 0 };
	if (call->data_fn != NULL) {
		inner.data_fn = split_data;
		inner.body_fn = call->body_fn != NULL ? split_body : NULL;
		inner.interim_fn = call->interim_fn != NULL ? split_interim : NULL;
		inner.arg = &split;
	}
	session_renew(session);
	session->last = (struct http_reply){ 0 };
	int r = http_client_call(session->client, &inner, ret_reply, &body);
	if (r < 0 && why != NULL && why->text[0] == '\0')
		session_transport_error(session->client, r, why);
	if (r == 0) {
		session_has_worked(session);
		session->last = *ret_reply;
	}
	if (r == 0)
		r = session_reply_error(ret_reply, call->data_fn != NULL ? (struct span){ split.problem.data, split.problem.size }
		                                                         : (struct span){ body.data, body.size }, why);
	blob_free(&split.problem);
	if (r == 0 && ret_body != NULL) {
		*ret_body = body;
		body = (struct blob){ 0 };
	}
	return r;
}

bool session_wait(struct session *session, struct patience *patience)
{
	return patience_wait(patience, &session->last, session->cancelled);
}

bool session_pause(struct session *session, unsigned ms)
{
	return patience_pause(ms, session->cancelled);
}

/* Errors that leave it open; a refusal in clear words does not. */
bool session_may_be_done(const struct session *session, int error)
{
	static const struct { enum sis_error error; bool answered; } rows[] = {
		{ SIS_ERR_CLOSED, false }, { SIS_ERR_TLS, false }, { SIS_ERR_TIMEOUT, false }, { SIS_ERR_INTERRUPTED, false }, { SIS_ERR_UNAVAILABLE, false },
		{ SIS_ERR_UNAVAILABLE, true }, { SIS_ERR_INTERNAL, true },
	};
	bool answered = session->last.status != 0;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (error == -(int)rows[i].error && answered == rows[i].answered)
			return http_client_has_asked(session->client);
	}
	return false;
}

int session_call(struct session *session, const struct http_call *call, struct http_reply *ret_reply, struct blob *ret_body, struct why *why)
{
	struct patience patience = { 0 };
	for (;;) {
		int r = call_once(session, call, ret_reply, ret_body, why);
		if ((r != -SIS_ERR_BUSY && r != -SIS_ERR_TOO_MANY) || call->body_fn != NULL || !session_wait(session, &patience))
			return r;
		if (why != NULL)
			why->text[0] = '\0';
	}
}

int session_get(struct session *session, const char *target, size_t max, struct blob *ret_body, struct why *why)
{
	struct http_call call = { .method = "GET", .target = target, .max_collect = max };
	struct http_reply reply;
	return session_call(session, &call, &reply, ret_body, why);
}

int session_get_json(struct session *session, const char *target, size_t max, json_t **ret_json, struct why *why)
{
	CLEANUP_BLOB struct blob body = { 0 };
	int r = session_get(session, target, max, &body, why);
	if (r < 0)
		return r;
	r = json_parse((struct span){ body.data, body.size }, max, ret_json);
	return r < 0 ? why_set(why, -SIS_ERR_PROTOCOL, "the server sent JSON that cannot be read") : 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Who is asking. The database decides, at every request: a certificate that was good when the connection (or its resumed session) began may be
 * revoked by now. */
#include "worker/worker.h"

#include "base/error.h"
#include "base/util.h"

#include <stdlib.h>

static const char *refusal_words(int error)
{
	switch (-error) {
	case SIS_ERR_UNTRUSTED:
		return "The client certificate is not signed by this server's certificate authority.";
	case SIS_ERR_EXPIRED:
		return "The client certificate has expired: enroll the device again.";
	case SIS_ERR_REVOKED:
		return "The user or device of the client certificate was revoked.";
	case SIS_ERR_DISABLED:
		return "The administrator has disabled this user for now.";
	case SIS_ERR_NOT_ALLOWED:
		return "The client certificate belongs to no device of this server.";
	default:
		return "The store cannot be read.";
	}
}

/* Names are told only when our CA has signed them; otherwise they are anybody's claim. */
static void log_refusal(struct exchange *exchange, struct span der, int error)
{
	struct certificate certificate = { 0 };
	bool named = error != -SIS_ERR_UNTRUSTED && certificate_parse(der, &certificate) == 0;
	struct log_limiter *limiter = &exchange->worker->logins;
	if (!log_limiter_allows(limiter, LOG_BURST))
		return;
	log_event(&LOG(LOGIN_REFUSED, .user = named ? certificate.user : "?", .device = named ? certificate.device : "?",
		.peer = http_request_peer(exchange->request), .reason = refusal_words(error)));
}

static void refuse_without_certificate(struct exchange *exchange)
{
	const struct http_header header = { "WWW-Authenticate", "Certificate realm=\"sis\"" };
	route_refuse_with(exchange, &(struct http_problem){ .error = SIS_ERR_NOT_ALLOWED, .status = 401, .headers = &header, .n_headers = 1,
		.detail = "No client certificate was shown: enroll this device first." });
}

static const char not_valid_yet[] =
	"The client certificate is not valid yet: it was made when this server's clock was ahead, or its clock is behind now.";

static bool is_not_valid_yet(struct span der)
{
	struct certificate certificate;
	return certificate_parse(der, &certificate) == 0 && certificate.not_before > time_now();
}

static void refuse_certificate(struct exchange *exchange, struct span der, int error)
{
	bool is_theirs = error == -SIS_ERR_UNTRUSTED || error == -SIS_ERR_EXPIRED || error == -SIS_ERR_REVOKED ||
	                error == -SIS_ERR_DISABLED || error == -SIS_ERR_NOT_ALLOWED;
	worker_count_refusal(exchange->worker, error);
	if (is_theirs) {
		log_refusal(exchange, der, error);
		http_request_penalise(exchange->request, OFFENCE_CERTIFICATE);
		http_respond_problem(exchange->request, error, error == -SIS_ERR_EXPIRED && is_not_valid_yet(der) ? not_valid_yet : refusal_words(error));
		return;
	}
	log_event(&LOG(STORE_FAILED, .reason = error_text(error)));
	http_respond_problem(exchange->request, SIS_ERR_BUSY, refusal_words(error));
}

static struct caller_tag *tag_new(const struct store_caller *caller)
{
	struct caller_tag *tag = malloc(sizeof(*tag));
	if (tag != NULL)
		*tag = (struct caller_tag){ caller->user_id, caller->device_id };
	return tag;
}

/* How a later revocation finds a connection, also before its first request. */
void *caller_connected(struct span certificate, uint64_t *ret_account, void *arg)
{
	struct worker *worker = arg;
	uint8_t fingerprint[FINGERPRINT_BYTES];
	struct store_caller caller;
	certificate_fingerprint(certificate, fingerprint);
	if (store_find_caller(worker->store, fingerprint, &caller) != 0)
		return NULL;
	*ret_account = (uint64_t)caller.user_id;
	return tag_new(&caller);
}

static bool tag_connection(struct exchange *exchange)
{
	const struct caller_tag *old = http_request_tag(exchange->request);
	if (old != NULL && old->device_id == exchange->caller.device_id && old->user_id == exchange->caller.user_id)
		return true;
	struct caller_tag *tag = tag_new(&exchange->caller);
	if (tag == NULL)
		return false;
	http_request_set_tag(exchange->request, tag);
	return true;
}

bool caller_find(struct exchange *exchange)
{
	struct span der = http_request_certificate(exchange->request);
	if (der.size == 0) {
		refuse_without_certificate(exchange);
		return false;
	}
	int error = http_request_certificate_error(exchange->request);
	if (error == 0) {
		certificate_fingerprint(der, exchange->fingerprint);
		error = store_find_caller(exchange->worker->store, exchange->fingerprint, &exchange->caller);
	}
	if (error == 0 && !tag_connection(exchange))
		error = -SIS_ERR_NO_MEMORY;
	if (error != 0)
		refuse_certificate(exchange, der, error);
	return error == 0 && load_enter_account(exchange);
}

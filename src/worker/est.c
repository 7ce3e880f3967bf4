/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Enrollment over Secure Transport (RFC 7030, with the corrections of RFC 8951): how a device gets its certificate and renews it. The CSR is a
 * stranger's: it is parsed here, in the worker, and only name and raw key go on to the ledger. */
#include "worker/credentials.h"
#include "worker/worker.h"

#include "base/error.h"
#include "base/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void respond_base64(struct exchange *exchange, const char *type, const struct blob *base64)
{
	const struct http_header headers[] = { { "Content-Type", type }, { "Content-Transfer-Encoding", "base64" }, { "Cache-Control", "no-store" } };
	http_respond(exchange->request, 200, headers, ARRAY_SIZE(headers), base64->data, base64->size);
}

static int respond_certificate(struct span der, void *arg)
{
	CLEANUP_BLOB struct blob base64 = { 0 };
	int error = est_encode_certificates(&der, 1, &base64);
	if (error < 0)
		return error;
	respond_base64(arg, "application/pkcs7-mime; smime-type=certs-only", &base64);
	return 0;
}

/* RFC 7030 §4.1.3: with the certificates by which the generations vouch for each other. */
static int respond_cacerts(struct span ders, void *arg)
{
	CLEANUP_BLOB struct blob base64 = { 0 };
	struct span each[AUTHORITIES_OFFERED_MAX];
	size_t n = 0;
	while (n < AUTHORITIES_OFFERED_MAX && authorities_next(&ders, &each[n]))
		n++;
	int error = est_encode_certificates(each, n, &base64);
	if (error < 0)
		return error;
	respond_base64(arg, "application/pkcs7-mime; smime-type=certs-only", &base64);
	return 0;
}

void est_cacerts(struct exchange *exchange)
{
	int error = store_get_cacerts(exchange->worker->store, respond_cacerts, exchange);
	if (error < 0)
		route_refuse(exchange, SIS_ERR_INTERNAL, "The certificate authority's certificate cannot be read.");
}

void est_csrattrs(struct exchange *exchange)
{
	CLEANUP_BLOB struct blob base64 = { 0 };
	int error = est_encode_csrattrs(&base64);
	if (error < 0)
		route_refuse(exchange, error, NULL);
	else
		respond_base64(exchange, "application/csrattrs", &base64);
}

/* ------------------------------------------------ the CSR ------------------------------------------------ */

/* False when it was refused. */
static bool parse_csr(struct exchange *exchange, const char *user, struct csr *ret_csr)
{
	struct span body = http_request_body(exchange->request);
	CLEANUP_FREE uint8_t *der = malloc(body.size + 1);
	size_t size = 0;
	int error = der == NULL ? -SIS_ERR_NO_MEMORY : base64_decode_lenient(body, der, body.size, &size);
	if (error == 0)
		error = csr_parse((struct span){ der, size }, ret_csr);
	if (error < 0) {
		const char *why = error == -SIS_ERR_NOT_ALLOWED ? "The CSR's key must be Ed25519 or ECDSA P-256." :
		                  error == -SIS_ERR_BAD_SIGNATURE ? "The CSR's own signature does not hold." :
		                  "The body is not a base64 PKCS#10 request with a subject of at most CN and OU.";
		route_refuse_with(exchange, &(struct http_problem){ .error = error, .status = error == -SIS_ERR_NO_MEMORY ? 503 : 400, .detail = why });
		return false;
	}
	if (*ret_csr->user != '\0' && strcmp(ret_csr->user, user) != 0) {
		route_refuse(exchange, SIS_ERR_NOT_ALLOWED, "The CSR names another user than the one who asks.");
		return false;
	}
	return true;
}

/* ------------------------------------------------ the answer ------------------------------------------------ */

static void refuse_enrollment(struct exchange *exchange, int error, const char *detail, uint32_t retry_after_s)
{
	char seconds[16];
	struct http_header headers[2];
	size_t n = 0;
	snprintf(seconds, sizeof(seconds), "%u", retry_after_s);
	if (error_http_status(error) == 401)
		headers[n++] = (struct http_header){ "WWW-Authenticate", "Basic realm=\"sis\", charset=\"UTF-8\"" };
	if (retry_after_s > 0)
		headers[n++] = (struct http_header){ "Retry-After", seconds };
	route_refuse_with(exchange, &(struct http_problem){ .error = error, .detail = detail, .headers = headers, .n_headers = n });
}

static void on_enrolled(struct exchange *exchange, struct channel_packet *packet)
{
	struct message_enrolled message;
	char detail[512];
	bool is_enrolled = packet->type == MESSAGE_ENROLLED && message_enrolled_decode(&packet->payload, &message) == 0;
	if (is_enrolled && message.status == SIS_ERR_BAD_LOGIN)
		http_request_penalise(exchange->request, OFFENCE_ENROLLMENT);
	if (!is_enrolled)
		route_refuse(exchange, SIS_ERR_INTERNAL, NULL);
	else if (message.status != 0)
		refuse_enrollment(exchange, (int)message.status, span_to_string(message.detail, detail, sizeof(detail)) ? detail : NULL, message.retry_after_s);
	else if (respond_certificate(message.certificate, exchange) < 0)
		route_refuse(exchange, SIS_ERR_INTERNAL, NULL);
}

/* ------------------------------------------------ simpleenroll ------------------------------------------------ */

static void ask_to_enroll(struct exchange *exchange, const char *user, const char *password)
{
	struct csr csr;
	if (!parse_csr(exchange, user, &csr))
		return;
	LEDGER_ASK(exchange, on_enrolled, enroll, ENROLL, &(struct message_enroll){
		.user = span_from_string(user), .device = span_from_string(csr.device), .password = span_from_string(password),
		.peer = span_from_string(http_request_peer(exchange->request)), .key_algorithm = (uint8_t)csr.public_key.algorithm,
		.public_key = { csr.public_key.bytes, public_key_size(csr.public_key.algorithm) } });
}

void est_enroll(struct exchange *exchange)
{
	char credentials[CREDENTIALS_MAX + 1];
	const char *user, *password;
	if (!credentials_parse(http_request_header(exchange->request, "Authorization"), credentials, &user, &password))
		refuse_enrollment(exchange, SIS_ERR_BAD_LOGIN, "Enrolling needs a user name and an invite code or password (HTTP Basic).", 0);
	else if (!name_is_valid(span_from_string(user)))
		refuse_enrollment(exchange, SIS_ERR_BAD_NAME, NULL, 0);
	else
		ask_to_enroll(exchange, user, password);
	secret_wipe(credentials, sizeof(credentials));
}

/* ------------------------------------------------ simplereenroll ------------------------------------------------ */

/* False when it was refused. Whether the proof holds is for the ledger to say. */
static bool parse_proof(struct exchange *exchange, uint8_t proof[REKEY_PROOF_BYTES], struct span *ret_proof)
{
	const char *text = http_request_header(exchange->request, "Sis-Rekey-Proof");
	if (text != NULL && rekey_proof_parse(span_from_string(text), proof) < 0) {
		route_refuse(exchange, SIS_ERR_BAD_FORMAT, "Sis-Rekey-Proof is not an algorithm and a signature in unpadded base64: see sisd(8).");
		return false;
	}
	*ret_proof = (struct span){ proof, text != NULL ? REKEY_PROOF_BYTES : 0 };
	return true;
}

void est_reenroll(struct exchange *exchange)
{
	struct csr csr;
	uint8_t proof[REKEY_PROOF_BYTES];
	struct span proof_given;
	if (!parse_csr(exchange, exchange->caller.user, &csr))
		return;
	if (*csr.device != '\0' && strcmp(csr.device, exchange->caller.device) != 0) {
		route_refuse(exchange, SIS_ERR_NOT_ALLOWED, "The CSR names another device than the one that asks.");
		return;
	}
	if (!parse_proof(exchange, proof, &proof_given))
		return;
	struct message_renew message = { .peer = span_from_string(http_request_peer(exchange->request)), .key_algorithm = (uint8_t)csr.public_key.algorithm,
		.public_key = { csr.public_key.bytes, public_key_size(csr.public_key.algorithm) }, .proof = proof_given };
	memcpy(message.caller, exchange->fingerprint, sizeof(message.caller));
	LEDGER_ASK(exchange, on_enrolled, renew, RENEW, &message);
}

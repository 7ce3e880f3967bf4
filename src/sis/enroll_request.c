/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * EST as seen from a device (RFC 7030 §4.2, RFC 8951), and publishing the encryption key. */
#include "sis/enroll.h"

#include "crypto/hpke.h"
#include "format/item.h"

#include <string.h>

#define EST_MAX_BYTES (256u << 10)
#define EST_MAX_CERTIFICATES 8

int enroll_client(const struct profile *profile, const uint8_t ca_fingerprint[FINGERPRINT_BYTES], bool with_certificate, struct http_client **ret_client)
{
	struct http_client_config config = {
		.host = profile->host, .port = profile->port, .connect_timeout_ms = 15000, .stall_timeout_ms = 60000, .cancelled = &sis_cancelled,
		.tls = { .server_name = profile->host, .ca = { profile->ca.data, profile->ca.size } },
	};
	if (ca_fingerprint != NULL)
		memcpy(config.tls.ca_fingerprint, ca_fingerprint, FINGERPRINT_BYTES);
	if (with_certificate) {
		config.tls.certificate = (struct span){ profile->certificate.data, profile->certificate.size };
		config.tls.key = &profile->key;
	}
	return http_client_new(&config, ret_client);
}

static int enroll_call(struct http_client *client, const struct http_call *call, struct http_reply *ret_reply, struct blob *ret_body, struct why *why)
{
	int r = http_client_call(client, call, ret_reply, ret_body);
	if (r < 0)
		return session_transport_error(client, r, why);
	return session_reply_error(ret_reply, (struct span){ ret_body->data, ret_body->size }, why);
}

static bool is_for_key(struct span der, const struct signing_key *key, struct certificate *ret_facts)
{
	return certificate_parse(der, ret_facts) == 0 && memcmp(&ret_facts->public_key, &key->public_key, sizeof(ret_facts->public_key)) == 0;
}

static int check_certificate(struct span der, const struct certificate *facts, const struct profile *profile, struct why *why)
{
	int r = certificate_verify(der, (struct span){ profile->ca.data, profile->ca.size }, facts->not_before);
	if (r == 0 && strcmp(facts->user, profile->user) == 0 && name_is_valid(span_from_string(facts->device)))
		return 0;
	return why_set(why, r < 0 ? r : -SIS_ERR_MISMATCH, "the server sent a certificate that is not ours or not by its authority");
}

/* Takes the first certificate for our key that holds out of what the server sent. */
static int pick_certificate(struct span base64, const struct profile *profile, const struct signing_key *key, struct blob *ret_certificate, struct why *why)
{
	struct blob ders[EST_MAX_CERTIFICATES] = { 0 };
	size_t n = 0;
	if (est_decode_certificates(base64, ders, EST_MAX_CERTIFICATES, &n) < 0)
		return why_set(why, -SIS_ERR_PROTOCOL, "the server's certificate cannot be read");
	int r = why_set(why, -SIS_ERR_PROTOCOL, "the server sent no certificate for our key");
	for (size_t i = 0; i < n; i++) {
		struct certificate facts;
		struct span der = { ders[i].data, ders[i].size };
		if (r != 0 && is_for_key(der, key, &facts) && (r = check_certificate(der, &facts, profile, why)) == 0) {
			*ret_certificate = ders[i];
			ders[i] = (struct blob){ 0 };
			why->text[0] = '\0';
		}
		blob_free(&ders[i]);
	}
	return r;
}

int enroll_request(struct http_client *client, const char *path, const struct http_client_header *extra, const struct profile *profile,
                   const struct signing_key *key, struct blob *ret_certificate, struct why *why)
{
	CLEANUP_BLOB struct blob der = { 0 }, answer = { 0 };
	int r = csr_make(key, profile->user, profile->device, &der);
	if (r < 0)
		return r;
	CLEANUP_FREE char *body = xcalloc(1, 4 * ((der.size + 2) / 3) + 1);
	base64_encode_padded(der.data, der.size, body);
	struct http_client_header headers[] = {
		{ "Content-Type", "application/pkcs10" }, { "Content-Transfer-Encoding", "base64" }, { NULL, NULL },
	};
	if (extra != NULL)
		headers[2] = *extra;
	struct http_call call = {
		.method = "POST", .target = path, .headers = headers, .n_headers = extra != NULL ? 3 : 2, .body = body,
		.body_size = strlen(body), .max_collect = EST_MAX_BYTES,
	};
	struct http_reply reply;
	r = enroll_call(client, &call, &reply, &answer, why);
	if (r < 0)
		return r;
	if (reply.status == 202)
		return why_set(why, -SIS_ERR_BUSY, "the server has not decided yet; try again later");
	return pick_certificate((struct span){ answer.data, answer.size }, profile, key, ret_certificate, why);
}

int enroll_publish_key(struct http_client *client, const struct profile *profile, struct why *why)
{
	struct key_statement statement = { .time = time_now() };
	struct certificate facts;
	char text[KEY_STATEMENT_MAX_BYTES + 1];
	size_t size;
	CLEANUP_BLOB struct blob answer = { 0 };
	int r = certificate_parse((struct span){ profile->certificate.data, profile->certificate.size }, &facts);
	if (r < 0)
		return r;
	memcpy(statement.user, facts.user, sizeof(statement.user));
	memcpy(statement.device, facts.device, sizeof(statement.device));
	memcpy(statement.certificate, facts.fingerprint, sizeof(statement.certificate));
	hpke_public_key(&profile->encryption_key, statement.key);
	r = key_statement_write(&statement, &profile->key, text, &size);
	if (r < 0)
		return r;
	struct http_client_header headers[] = { { "Content-Type", "text/plain" } };
	struct http_call call = { .method = "PUT", .target = "/v1/devices/self/key", .headers = headers, .n_headers = 1, .body = text, .body_size = size };
	struct http_reply reply;
	return enroll_call(client, &call, &reply, &answer, why);
}

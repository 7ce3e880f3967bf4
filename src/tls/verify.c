/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Is the server the one that we know? By one authority (whose successor is known by what the one before has signed), no system trust, the server's
 * name checked, and by the CA's fingerprint alone when enrolling. */
#include "tls/client_internal.h"

#include "base/error.h"
#include "base/util.h"

#include <string.h>

#define CHAIN_MAX 8

struct peers {
	gnutls_x509_crt_t certificates[CHAIN_MAX];
	unsigned n;
};

static void peers_free(struct peers *peers)
{
	while (peers->n > 0)
		gnutls_x509_crt_deinit(peers->certificates[--peers->n]);
}
#define CLEANUP_PEERS __attribute__((cleanup(peers_free)))

static void trust_list_freep(gnutls_x509_trust_list_t *list)
{
	if (*list != NULL)
		gnutls_x509_trust_list_deinit(*list, 1);
}

static int trust(gnutls_x509_trust_list_t list, struct span authorities)
{
	struct span der;
	while (authorities_next(&authorities, &der)) {
		CLEANUP_CRT gnutls_x509_crt_t ca = NULL;
		int r = backend_crt_import(der, &ca);
		if (r < 0)
			return r;
		/* The list keeps what it is given. */
		if (gnutls_x509_trust_list_add_cas(list, &ca, 1, 0) < 0)
			return -SIS_ERR_UNTRUSTED;
		ca = NULL;
	}
	return 0;
}

static int chain_error(struct tls_session *session, unsigned status)
{
	if (status == 0)
		return 0;
	const unsigned out_of_date = GNUTLS_CERT_INVALID | GNUTLS_CERT_EXPIRED | GNUTLS_CERT_NOT_ACTIVATED;
	bool is_out_of_date = (status & ~out_of_date) == 0 && (status & (GNUTLS_CERT_EXPIRED | GNUTLS_CERT_NOT_ACTIVATED)) != 0;
	session->words = is_out_of_date && (status & GNUTLS_CERT_NOT_ACTIVATED) ? "the server's certificate is not valid yet: this clock is behind, or the server's was ahead"
	                 : is_out_of_date                          ? "the server's certificate is out of date, or this clock is wrong"
	                 : (status & GNUTLS_CERT_UNEXPECTED_OWNER) ? "the server's certificate is for another name"
	                 : (status & GNUTLS_CERT_PURPOSE_MISMATCH) ? "the certificate that the server shows is not for a server"
	                                                            : "the server's certificate is not from the expected authority";
	return is_out_of_date ? -SIS_ERR_EXPIRED : -SIS_ERR_UNTRUSTED;
}

static int verify_chain(struct tls_session *session, struct peers *peers, unsigned n, struct span authorities)
{
	__attribute__((cleanup(trust_list_freep))) gnutls_x509_trust_list_t list = NULL;
	if (gnutls_x509_trust_list_init(&list, 0) < 0)
		return -SIS_ERR_NO_MEMORY;
	int r = trust(list, authorities);
	if (r < 0)
		return r;
	static unsigned char purpose[] = GNUTLS_KP_TLS_WWW_SERVER;
	gnutls_typed_vdata_st data[] = {
		{ .type = GNUTLS_DT_DNS_HOSTNAME, .data = (unsigned char *)session->client->server_name },
		{ .type = GNUTLS_DT_KEY_PURPOSE_OID, .data = purpose },
	};
	unsigned status = 0;
	if (gnutls_x509_trust_list_verify_crt2(list, peers->certificates, n, data, ARRAY_SIZE(data), 0, &status, NULL) < 0)
		return -SIS_ERR_UNTRUSTED;
	return chain_error(session, status);
}

/* Enrolling: the invite told the fingerprint of the CA, and the server sends its CA with its chain. */
static int find_ca(struct tls_session *session, const gnutls_datum_t *ders, unsigned n)
{
	struct tls_client *client = session->client;
	uint8_t fingerprint[FINGERPRINT_BYTES];
	if (!client->by_fingerprint)
		return 0;
	for (unsigned i = 0; i < n; i++) {
		struct span der = { ders[i].data, ders[i].size };
		certificate_fingerprint(der, fingerprint);
		if (constant_time_compare(fingerprint, client->ca_fingerprint, sizeof(fingerprint)) != 0 || certificate_is_ca(der) < 0)
			continue;
		blob_free(&client->ca);
		return backend_blob_from(der.data, der.size, &client->ca);
	}
	session->words = "the server's authority is not the one that the invite names";
	return -SIS_ERR_UNTRUSTED;
}

static int import_peers(const gnutls_datum_t *ders, unsigned n, struct peers *peers)
{
	for (unsigned i = 0; i < n; i++) {
		int r = backend_crt_import((struct span){ ders[i].data, ders[i].size }, &peers->certificates[i]);
		if (r < 0)
			return r == -SIS_ERR_NO_MEMORY ? r : -SIS_ERR_UNTRUSTED;
		peers->n++;
	}
	return 0;
}

/* The authority that we know may have a successor: then the server shows what the one has signed for the other. */
static int learn(struct tls_client *client, const gnutls_datum_t *ders, unsigned n)
{
	struct span offered[CHAIN_MAX];
	struct blob set = { NULL, 0 };
	for (unsigned i = 0; i < n; i++)
		offered[i] = (struct span){ ders[i].data, ders[i].size };
	int r = authorities_extend((struct span){ client->ca.data, client->ca.size }, offered, n, time_now(), &set);
	if (r < 0)
		return r;
	blob_free(&client->ca);
	client->ca = set;
	return r;
}

static bool all_have_ended(struct span authorities)
{
	struct span der;
	struct certificate facts;
	int64_t now = time_now();
	while (authorities_next(&authorities, &der)) {
		if (certificate_parse(der, &facts) == 0 && facts.not_after >= now)
			return false;
	}
	return true;
}

static int verify_peers(struct tls_session *session, struct peers *peers, const gnutls_datum_t *ders, unsigned n)
{
	struct tls_client *client = session->client;
	int r = verify_chain(session, peers, 1, (struct span){ client->ca.data, client->ca.size });
	if (r != -SIS_ERR_UNTRUSTED)
		return r;
	r = learn(client, ders, n);
	if (r >= 0)
		r = verify_chain(session, peers, r > 0 ? 1 : n, (struct span){ client->ca.data, client->ca.size });
	if (r == -SIS_ERR_UNTRUSTED && all_have_ended((struct span){ client->ca.data, client->ca.size }))
		session->words = "the authority that is known here has ended, and its successor was not met in time: ask the administrator for an invite, and enroll "
		                 "with it here, where the keys stay";
	return r;
}

static int verify_server(struct tls_session *session)
{
	unsigned n = 0;
	const gnutls_datum_t *ders = gnutls_certificate_get_peers(session->gnutls, &n);
	session->words = "the server's certificates cannot be read";
	if (ders == NULL || n == 0 || n > CHAIN_MAX)
		return -SIS_ERR_UNTRUSTED;
	CLEANUP_PEERS struct peers peers = { .n = 0 };
	int r = import_peers(ders, n, &peers);
	if (r == 0)
		r = find_ca(session, ders, n);
	return r < 0 ? r : verify_peers(session, &peers, ders, n);
}

int client_on_certificate(gnutls_session_t gnutls)
{
	struct tls_session *session = gnutls_session_get_ptr(gnutls);
	session->client->verify_error = verify_server(session);
	return session->client->verify_error < 0 ? GNUTLS_E_CERTIFICATE_ERROR : 0;
}

int client_verify_error(const struct tls_session *session)
{
	return session->client->verify_error;
}

/* A resumed session has not come by client_on_certificate, but remembers whose it was. */
int client_finish(struct tls_session *session)
{
	if (!tls_is_resumed(session) || session->client->resume_is_checked)
		return 0;
	int r = verify_server(session);
	session->peer_error = r == -SIS_ERR_EXPIRED || r == -SIS_ERR_UNTRUSTED ? r : 0;
	return r;
}

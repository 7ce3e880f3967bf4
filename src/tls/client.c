/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The client's end of a session: no system trust, one authority (verify.c), and its own certificate shown to whoever asks. */
#include "tls/client_internal.h"

#include "base/error.h"
#include "base/util.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

void client_free(struct tls_client *client)
{
	if (client == NULL)
		return;
	if (client->credentials != NULL)
		gnutls_certificate_free_credentials(client->credentials);
	free(client->server_name);
	blob_free(&client->ca);
	free(client);
}

static bool is_address(const char *name)
{
	uint8_t address[16];
	return inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1;
}

static int set_certificate(struct tls_client *client, const struct tls_client_config *config)
{
	if (config->certificate.size == 0)
		return 0;
	CLEANUP_PRIVKEY gnutls_privkey_t key = NULL;
	gnutls_pcert_st certificate;
	gnutls_datum_t der = backend_datum(config->certificate);
	int r = backend_privkey_import(config->key, &key);
	if (r < 0)
		return r;
	r = gnutls_pcert_import_x509_raw(&certificate, &der, GNUTLS_X509_FMT_DER, 0);
	if (r < 0)
		return backend_error(r, -SIS_ERR_BAD_FORMAT);
	/* Comparing key and certificate would cost a signature at every start; the server refuses a wrong one. */
	gnutls_certificate_set_flags(client->credentials, GNUTLS_CERTIFICATE_SKIP_KEY_CERT_MATCH);
	r = gnutls_certificate_set_key(client->credentials, NULL, 0, &certificate, 1, key);
	if (r < 0) {
		gnutls_pcert_deinit(&certificate);
		return backend_error(r, -SIS_ERR_MISMATCH);
	}
	key = NULL;
	return 0;
}

static int client_fill(struct tls_client *client, const struct tls_client_config *config)
{
	client->server_name = strdup(config->server_name);
	if (client->server_name == NULL || gnutls_certificate_allocate_credentials(&client->credentials) < 0)
		return -SIS_ERR_NO_MEMORY;
	client->by_fingerprint = config->ca.size == 0;
	client->resume_is_checked = config->resume_is_checked;
	memcpy(client->ca_fingerprint, config->ca_fingerprint, sizeof(client->ca_fingerprint));
	gnutls_certificate_set_verify_function(client->credentials, client_on_certificate);
	int r = client->by_fingerprint ? 0 : backend_blob_from(config->ca.data, config->ca.size, &client->ca);
	return r < 0 ? r : set_certificate(client, config);
}

static int client_start(struct tls_session *session, const struct tls_client_config *config)
{
	session->client = calloc(1, sizeof(*session->client));
	if (session->client == NULL)
		return -SIS_ERR_NO_MEMORY;
	int r = client_fill(session->client, config);
	if (r < 0)
		return r;
	if (gnutls_credentials_set(session->gnutls, GNUTLS_CRD_CERTIFICATE, session->client->credentials) < 0)
		return -SIS_ERR_INTERNAL;
	if (!is_address(config->server_name) &&
	    gnutls_server_name_set(session->gnutls, GNUTLS_NAME_DNS, config->server_name, strlen(config->server_name)) < 0)
		return -SIS_ERR_BAD_NAME;
	/* Session data that cannot be used is no failure: there is a whole handshake then. */
	if (config->resume.size > 0)
		gnutls_session_set_data(session->gnutls, config->resume.data, config->resume.size);
	return 0;
}

int tls_client_new(const struct tls_client_config *config, int fd, struct tls_session **ret_session)
{
	struct tls_session *session;
	/* A foreign certificate is sent too: the server's answer is clearer than its silence. */
	int r = session_new(GNUTLS_CLIENT | GNUTLS_KEY_SHARE_TOP | GNUTLS_FORCE_CLIENT_CERT, fd, &session);
	if (r < 0)
		return r;
	r = client_start(session, config);
	if (r < 0) {
		tls_session_free(session);
		return r;
	}
	*ret_session = session;
	return 0;
}

int tls_session_save(struct tls_session *session, struct secret **ret_data)
{
	/* Asked without a ticket, GnuTLS would wait for one. */
	if (!session->is_complete || (gnutls_session_get_flags(session->gnutls) & GNUTLS_SFLAGS_SESSION_TICKET) == 0)
		return -SIS_ERR_AGAIN;
	CLEANUP_SECRET_DATUM gnutls_datum_t data = { NULL, 0 };
	int r = gnutls_session_get_data2(session->gnutls, &data);
	return r < 0 ? backend_error(r, -SIS_ERR_TLS) : secret_from(data.data, data.size, ret_data);
}

int tls_client_ca(const struct tls_session *session, struct blob *ret_der)
{
	if (!session->is_complete || session->client == NULL || session->client->ca.size == 0)
		return -SIS_ERR_UNTRUSTED;
	return backend_blob_from(session->client->ca.data, session->client->ca.size, ret_der);
}

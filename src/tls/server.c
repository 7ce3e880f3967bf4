/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The server's end: an identity whose private key is somewhere else, and the judgement of client certificates. */
#include "tls/session.h"

#include "base/error.h"
#include "base/util.h"
#include "crypto/digest.h"

#include <gnutls/crypto.h>
#include <stdlib.h>
#include <string.h>

#define CHAIN_MAX 8
#define TICKET_KEY_BYTES 64
#define N_VERIFIED 256                  /* power of two */

/* A certificate whose signature was found good: verifying it costs a tenth of a whole resumed handshake. Only the time can spoil it. */
struct verified {
	uint8_t fingerprint[FINGERPRINT_BYTES];
	int64_t not_before, not_after;
};

struct tls_identity {
	unsigned n_refs;
	uint32_t generation;
	enum key_algorithm algorithm;
	struct blob ca;
	uint8_t ticket_key[TICKET_KEY_BYTES];
	tls_sign_fn *sign;
	void *arg;
	gnutls_certificate_credentials_t credentials;
	struct tls_identity *external;          /* what strangers to the own authority are shown; a reference, or NULL */
	struct verified verified[N_VERIFIED];
};

/* --- the key: a function of the caller --- */

static int sign_to_datum(struct tls_identity *identity, const gnutls_datum_t *data, gnutls_datum_t *ret_signature)
{
	uint8_t raw[SIGNATURE_BYTES];
	size_t size = 0;
	int r = identity->sign(identity->generation, identity->algorithm, (struct span){ data->data, data->size }, raw, sizeof(raw), &size, identity->arg);
	if (r < 0 || size != sizeof(raw))
		return GNUTLS_E_PK_SIGN_FAILED;
	if (identity->algorithm == KEY_ECDSA_P256) {
		gnutls_datum_t half_r = { raw, SIGNATURE_BYTES / 2 }, half_s = { raw + SIGNATURE_BYTES / 2, SIGNATURE_BYTES / 2 };
		return gnutls_encode_rs_value(ret_signature, &half_r, &half_s);
	}
	ret_signature->data = gnutls_malloc(size);
	if (ret_signature->data == NULL)
		return GNUTLS_E_MEMORY_ERROR;
	memcpy(ret_signature->data, raw, size);
	ret_signature->size = (unsigned)size;
	return 0;
}

static int sign_data(gnutls_privkey_t key, gnutls_sign_algorithm_t algorithm, void *arg, unsigned flags, const gnutls_datum_t *data,
                     gnutls_datum_t *ret_signature)
{
	struct tls_identity *identity = arg;
	if (identity->algorithm == KEY_ED25519)
		return sign_to_datum(identity, data, ret_signature);
	uint8_t digest[DIGEST_BYTES];
	digest_sha256(data->data, data->size, digest);
	gnutls_datum_t hash = { digest, sizeof(digest) };
	return sign_to_datum(identity, &hash, ret_signature);
}

static int sign_hash(gnutls_privkey_t key, gnutls_sign_algorithm_t algorithm, void *arg, unsigned flags, const gnutls_datum_t *hash,
                     gnutls_datum_t *ret_signature)
{
	struct tls_identity *identity = arg;
	if (identity->algorithm != KEY_ECDSA_P256 || hash->size != DIGEST_BYTES)
		return GNUTLS_E_UNSUPPORTED_SIGNATURE_ALGORITHM;
	return sign_to_datum(identity, hash, ret_signature);
}

static int key_info(gnutls_privkey_t key, unsigned flags, void *arg)
{
	const struct tls_identity *identity = arg;
	bool is_eddsa = identity->algorithm == KEY_ED25519;
	if (flags & GNUTLS_PRIVKEY_INFO_PK_ALGO)
		return is_eddsa ? GNUTLS_PK_EDDSA_ED25519 : GNUTLS_PK_ECDSA;
	if (flags & GNUTLS_PRIVKEY_INFO_PK_ALGO_BITS)
		return 256;
	if (flags & GNUTLS_PRIVKEY_INFO_HAVE_SIGN_ALGO) {
		unsigned wanted = GNUTLS_FLAGS_TO_SIGN_ALGO(flags);
		return is_eddsa ? wanted == GNUTLS_SIGN_EDDSA_ED25519
		                : wanted == GNUTLS_SIGN_ECDSA_SECP256R1_SHA256 || wanted == GNUTLS_SIGN_ECDSA_SHA256;
	}
	return -1;
}

static int key_from(struct tls_identity *identity, gnutls_privkey_t *ret_key)
{
	CLEANUP_PRIVKEY gnutls_privkey_t key = NULL;
	if (gnutls_privkey_init(&key) < 0)
		return -SIS_ERR_NO_MEMORY;
	int r = gnutls_privkey_import_ext4(key, identity, sign_data, sign_hash, NULL, NULL, key_info, 0);
	if (r < 0)
		return backend_error(r, -SIS_ERR_INTERNAL);
	*ret_key = key;
	key = NULL;
	return 0;
}

/* --- the identity --- */

struct chain {
	gnutls_pcert_st certificates[CHAIN_MAX];
	unsigned n;
};

static void chain_free(struct chain *chain)
{
	while (chain->n > 0)
		gnutls_pcert_deinit(&chain->certificates[--chain->n]);
}

static int chain_parse(struct span sized, struct chain *chain)
{
	struct cursor cursor = cursor_from(sized.data, sized.size);
	while (cursor_left(&cursor) > 0) {
		struct span der = cursor_get_sized(&cursor);
		if (cursor.failed || der.size == 0 || chain->n == CHAIN_MAX)
			return -SIS_ERR_BAD_FORMAT;
		gnutls_datum_t datum = backend_datum(der);
		int r = gnutls_pcert_import_x509_raw(&chain->certificates[chain->n], &datum, GNUTLS_X509_FMT_DER, 0);
		if (r < 0)
			return backend_error(r, -SIS_ERR_BAD_FORMAT);
		chain->n++;
	}
	return cursor_done(&cursor) && chain->n > 0 ? 0 : -SIS_ERR_BAD_FORMAT;
}

static int set_key(struct tls_identity *identity, struct span sized_chain)
{
	__attribute__((cleanup(chain_free))) struct chain chain = { .n = 0 };
	CLEANUP_PRIVKEY gnutls_privkey_t key = NULL;
	int r = chain_parse(sized_chain, &chain);
	if (r == 0)
		r = key_from(identity, &key);
	if (r < 0)
		return r;
	/* The signer does not sign the test data with which GnuTLS would compare key and certificate. */
	gnutls_certificate_set_flags(identity->credentials, GNUTLS_CERTIFICATE_SKIP_KEY_CERT_MATCH);
	r = gnutls_certificate_set_key(identity->credentials, NULL, 0, chain.certificates, (int)chain.n, key);
	if (r < 0)
		return backend_error(r, -SIS_ERR_MISMATCH);
	key = NULL;             /* both now belong to the credentials */
	chain.n = 0;
	return 0;
}

/* The generations of an authority have one name, which is sent once. */
static int set_device_ca(struct tls_identity *identity, struct span authorities)
{
	CLEANUP_CRT gnutls_x509_crt_t ca = NULL;
	struct span rest = authorities, first;
	if (!authorities_next(&rest, &first))
		return -SIS_ERR_BAD_FORMAT;
	int r = backend_crt_import(first, &ca);
	if (r == 0)
		r = backend_blob_from(authorities.data, authorities.size, &identity->ca);
	if (r < 0)
		return r;
	return gnutls_certificate_set_x509_trust(identity->credentials, &ca, 1) < 0 ? -SIS_ERR_INTERNAL : 0;
}

static void identity_unrefp(struct tls_identity **identity)
{
	tls_identity_unref(*identity);
}

int tls_identity_new(uint32_t generation, enum key_algorithm algorithm, struct span chain, struct span ca, const uint8_t ticket_key[64],
                     tls_sign_fn *sign, void *arg, struct tls_identity **ret_identity)
{
	if (algorithm != KEY_ED25519 && algorithm != KEY_ECDSA_P256)
		return -SIS_ERR_NOT_ALLOWED;
	__attribute__((cleanup(identity_unrefp))) struct tls_identity *identity = calloc(1, sizeof(*identity));
	if (identity == NULL)
		return -SIS_ERR_NO_MEMORY;
	identity->n_refs = 1;
	identity->generation = generation;
	identity->algorithm = algorithm;
	identity->sign = sign;
	identity->arg = arg;
	memcpy(identity->ticket_key, ticket_key, TICKET_KEY_BYTES);
	if (gnutls_certificate_allocate_credentials(&identity->credentials) < 0)
		return -SIS_ERR_NO_MEMORY;
	int r = set_key(identity, chain);
	if (r == 0)
		r = set_device_ca(identity, ca);
	if (r < 0)
		return r;
	*ret_identity = identity;
	identity = NULL;
	return 0;
}

struct tls_identity *tls_identity_ref(struct tls_identity *identity)
{
	identity->n_refs++;
	return identity;
}

void tls_identity_unref(struct tls_identity *identity)
{
	if (identity == NULL || --identity->n_refs > 0)
		return;
	if (identity->credentials != NULL)
		gnutls_certificate_free_credentials(identity->credentials);
	tls_identity_unref(identity->external);
	secret_wipe(identity->ticket_key, sizeof(identity->ticket_key));
	blob_free(&identity->ca);
	free(identity);
}

void tls_identity_set_external(struct tls_identity *identity, struct tls_identity *external)
{
	struct tls_identity *before = identity->external;
	identity->external = external != NULL ? tls_identity_ref(external) : NULL;
	tls_identity_unref(before);
}

/* --- sessions --- */

/* Everything of the ClientHello has been read, and no certificate has been chosen. */
static int on_client_hello(gnutls_session_t gnutls)
{
	const struct tls_session *session = gnutls_session_get_ptr(gnutls);
	if (session_is_by_ours(session))
		return 0;
	return gnutls_credentials_set(gnutls, GNUTLS_CRD_CERTIFICATE, session->identity->external->credentials);
}

int tls_server_new(struct tls_identity *identity, int fd, struct tls_session **ret_session)
{
	struct tls_session *session;
	int r = session_new(GNUTLS_SERVER | GNUTLS_NO_AUTO_SEND_TICKET, fd, &session);
	if (r < 0)
		return r;
	session->identity = tls_identity_ref(identity);
	gnutls_datum_t ticket_key = { identity->ticket_key, TICKET_KEY_BYTES };
	if (gnutls_credentials_set(session->gnutls, GNUTLS_CRD_CERTIFICATE, identity->credentials) < 0 ||
	    gnutls_session_ticket_enable_server(session->gnutls, &ticket_key) < 0) {
		tls_session_free(session);
		return -SIS_ERR_INTERNAL;
	}
	gnutls_certificate_server_set_request(session->gnutls, GNUTLS_CERT_REQUEST);
	if (identity->external != NULL)
		gnutls_handshake_set_post_client_hello_function(session->gnutls, on_client_hello);
	*ret_session = session;
	return 0;
}

static int verified_add(struct tls_identity *identity, struct verified *slot, struct span leaf)
{
	struct certificate certificate;
	int r = certificate_verify(leaf, (struct span){ identity->ca.data, identity->ca.size }, time_now());
	if (r < 0)
		return r;
	if (certificate_parse(leaf, &certificate) < 0)
		return -SIS_ERR_UNTRUSTED;
	memcpy(slot->fingerprint, certificate.fingerprint, sizeof(slot->fingerprint));
	slot->not_before = certificate.not_before;
	slot->not_after = certificate.not_after;        /* its authority lives at least as long: pki_ca_issue_device */
	return 0;
}

static int verify_peer(struct tls_identity *identity, struct span leaf)
{
	uint8_t fingerprint[FINGERPRINT_BYTES];
	certificate_fingerprint(leaf, fingerprint);
	struct verified *slot = &identity->verified[fingerprint[0] & (N_VERIFIED - 1)];
	if (slot->not_after == 0 || memcmp(slot->fingerprint, fingerprint, sizeof(fingerprint)) != 0)
		return verified_add(identity, slot, leaf);
	int64_t now = time_now();
	return now < slot->not_before || now > slot->not_after ? -SIS_ERR_EXPIRED : 0;
}

int server_finish(struct tls_session *session)
{
	struct span leaf = session_peer_leaf(session);
	if (leaf.size == 0)
		return 0;
	session->peer_error = verify_peer(session->identity, leaf);
	if (session->peer_error < 0) {
		session->words = session->peer_error == -SIS_ERR_EXPIRED ? "the client certificate is out of date"
		                                                         : "the client certificate is not from our authority";
		return 0;
	}
	/* Only who can use it gets a ticket. One: the client takes a new one with each connection. */
	int r = gnutls_session_ticket_send(session->gnutls, 1, 0);
	return r < 0 ? session_failed(session, r) : 0;
}

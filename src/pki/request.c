/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Certificate signing requests, RFC 2986. The parser reads what strangers send before they have proved anything. */
#include "pki/authority.h"

#include "base/error.h"

#include <string.h>

#define CSR_MAX_BYTES 4096
#define SUBJECT_MAX_PARTS 16

static void crq_freep(gnutls_x509_crq_t *crq)
{
	gnutls_x509_crq_deinit(*crq);
}
#define CLEANUP_CRQ __attribute__((cleanup(crq_freep)))

/* One value of the attribute at most; it is a name, or the request is refused with words that say so. */
static int read_name(gnutls_x509_crq_t crq, const char *oid, char ret_name[NAME_MAX_TEXT + 1])
{
	char text[NAME_MAX_TEXT + 1];
	size_t size = sizeof(text), more = 0;
	int r = gnutls_x509_crq_get_dn_by_oid(crq, oid, 0, 0, text, &size);
	if (r == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE) {
		ret_name[0] = '\0';
		return 0;
	}
	if (gnutls_x509_crq_get_dn_by_oid(crq, oid, 1, 0, NULL, &more) != GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
		return -SIS_ERR_BAD_FORMAT;
	struct span name = { (const uint8_t *)text, size };
	if (r < 0 || !name_is_valid(name) || !span_to_string(name, ret_name, NAME_MAX_TEXT + 1))
		return -SIS_ERR_BAD_NAME;
	return 0;
}

static int check_subject_size(gnutls_x509_crq_t crq)
{
	char oid[64];
	size_t size = sizeof(oid);
	int r = gnutls_x509_crq_get_dn_oid(crq, SUBJECT_MAX_PARTS, oid, &size);
	return r == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE ? 0 : -SIS_ERR_TOO_LARGE;
}

static int read_public_key(gnutls_x509_crq_t crq, struct public_key *ret_key)
{
	CLEANUP_PUBKEY gnutls_pubkey_t pubkey = NULL;
	if (gnutls_pubkey_init(&pubkey) < 0)
		return -SIS_ERR_NO_MEMORY;
	int r = gnutls_pubkey_import_x509_crq(pubkey, crq, 0);
	if (r < 0)
		return backend_error(r, -SIS_ERR_NOT_ALLOWED);
	r = backend_pubkey_export(pubkey, ret_key);
	if (r == 0 && ret_key->algorithm == KEY_ECDSA_P256 && gnutls_pubkey_verify_params(pubkey) < 0)
		return -SIS_ERR_BAD_FORMAT;
	return r;
}

/* The proof that whoever asks has the private key. */
static int check_signature(gnutls_x509_crq_t crq, enum key_algorithm algorithm)
{
	int wanted = algorithm == KEY_ED25519 ? GNUTLS_SIGN_EDDSA_ED25519 : GNUTLS_SIGN_ECDSA_SHA256;
	if (gnutls_x509_crq_get_signature_algorithm(crq) != wanted)
		return -SIS_ERR_NOT_ALLOWED;
	return gnutls_x509_crq_verify(crq, 0) < 0 ? -SIS_ERR_BAD_SIGNATURE : 0;
}

static int csr_read(gnutls_x509_crq_t crq, struct csr *csr)
{
	int r = read_public_key(crq, &csr->public_key);
	if (r == 0)
		r = check_signature(crq, csr->public_key.algorithm);
	if (r == 0)
		r = check_subject_size(crq);
	if (r == 0)
		r = read_name(crq, GNUTLS_OID_X520_COMMON_NAME, csr->user);
	if (r == 0)
		r = read_name(crq, GNUTLS_OID_X520_ORGANIZATIONAL_UNIT_NAME, csr->device);
	return r;
}

int csr_parse(struct span der, struct csr *ret_csr)
{
	if (der.size > CSR_MAX_BYTES)
		return -SIS_ERR_TOO_LARGE;
	CLEANUP_CRQ gnutls_x509_crq_t crq = NULL;
	if (gnutls_x509_crq_init(&crq) < 0)
		return -SIS_ERR_NO_MEMORY;
	gnutls_datum_t datum = backend_datum(der);
	int r = gnutls_x509_crq_import(crq, &datum, GNUTLS_X509_FMT_DER);
	if (r < 0)
		return backend_error(r, -SIS_ERR_BAD_FORMAT);
	struct csr csr = { 0 };
	r = csr_read(crq, &csr);
	if (r == 0)
		*ret_csr = csr;
	return r;
}

static int set_name(gnutls_x509_crq_t crq, const char *oid, const char *value)
{
	if (value == NULL || *value == '\0')
		return 0;
	return gnutls_x509_crq_set_dn_by_oid(crq, oid, 0, value, (unsigned)strlen(value)) < 0 ? -SIS_ERR_BAD_NAME : 0;
}

static int csr_fill(gnutls_x509_crq_t crq, const struct signing_key *key, const char *user, const char *device)
{
	CLEANUP_PUBKEY gnutls_pubkey_t pubkey = NULL;
	int r = backend_pubkey_import(&key->public_key, &pubkey);
	if (r == 0 && (gnutls_x509_crq_set_version(crq, 1) < 0 || gnutls_x509_crq_set_pubkey(crq, pubkey) < 0))
		r = -SIS_ERR_INTERNAL;
	if (r == 0)
		r = set_name(crq, GNUTLS_OID_X520_COMMON_NAME, user);
	if (r == 0)
		r = set_name(crq, GNUTLS_OID_X520_ORGANIZATIONAL_UNIT_NAME, device);
	return r;
}

int csr_make(const struct signing_key *key, const char *user, const char *device, struct blob *ret_der)
{
	CLEANUP_CRQ gnutls_x509_crq_t crq = NULL;
	CLEANUP_PRIVKEY gnutls_privkey_t privkey = NULL;
	if (gnutls_x509_crq_init(&crq) < 0)
		return -SIS_ERR_NO_MEMORY;
	int r = csr_fill(crq, key, user, device);
	if (r == 0)
		r = backend_privkey_import(key, &privkey);
	if (r < 0)
		return r;
	CLEANUP_DATUM gnutls_datum_t der = { NULL, 0 };
	r = gnutls_x509_crq_privkey_sign(crq, privkey, backend_digest_for(key->public_key.algorithm), 0);
	if (r >= 0)
		r = gnutls_x509_crq_export2(crq, GNUTLS_X509_FMT_DER, &der);
	return r < 0 ? backend_error(r, -SIS_ERR_INTERNAL) : backend_blob_from(der.data, der.size, ret_der);
}

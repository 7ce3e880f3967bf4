/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The certificate authority: its own certificate, and the server and device certificates that it issues. */
#include "pki/authority.h"

#include "base/error.h"
#include "base/util.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLOCK_SKEW_S 300                /* a peer's clock may be this much behind ours */
#define SERIAL_BYTES 16

void pki_ca_free(struct pki_ca *ca)
{
	if (ca == NULL)
		return;
	signing_key_wipe(&ca->key);
	gnutls_privkey_deinit(ca->privkey);
	gnutls_x509_crt_deinit(ca->crt);
	blob_free(&ca->certificate);
	free(ca);
}

static void pki_ca_freep(struct pki_ca **ca)
{
	pki_ca_free(*ca);
}
#define CLEANUP_CA __attribute__((cleanup(pki_ca_freep)))

/* RFC 5280 §4.1.2.2: positive, at most 20 bytes; random, so that nobody can foretell the bytes to be signed. */
static int set_serial(gnutls_x509_crt_t crt)
{
	uint8_t serial[SERIAL_BYTES];
	int r = random_bytes(serial, sizeof(serial));
	if (r < 0)
		return r;
	serial[0] = (serial[0] & 0x7f) | 0x40;
	return gnutls_x509_crt_set_serial(crt, serial, sizeof(serial)) < 0 ? -SIS_ERR_INTERNAL : 0;
}

static int set_lifetime(gnutls_x509_crt_t crt, int64_t not_after)
{
	if (gnutls_x509_crt_set_activation_time(crt, time_now() - CLOCK_SKEW_S) < 0 || gnutls_x509_crt_set_expiration_time(crt, not_after) < 0)
		return -SIS_ERR_INTERNAL;
	return 0;
}

static int set_key(gnutls_x509_crt_t crt, const struct public_key *key)
{
	CLEANUP_PUBKEY gnutls_pubkey_t pubkey = NULL;
	int r = backend_pubkey_import(key, &pubkey);
	if (r < 0)
		return r;
	uint8_t id[KEY_ID_BYTES];
	size_t size = sizeof(id);
	if (gnutls_x509_crt_set_pubkey(crt, pubkey) < 0 || gnutls_pubkey_get_key_id(pubkey, GNUTLS_KEYID_USE_SHA1, id, &size) < 0 ||
	    gnutls_x509_crt_set_subject_key_id(crt, id, size) < 0)
		return -SIS_ERR_INTERNAL;
	return 0;
}

static int set_name(gnutls_x509_crt_t crt, const char *oid, struct span value)
{
	return gnutls_x509_crt_set_dn_by_oid(crt, oid, 0, value.data, (unsigned)value.size) < 0 ? -SIS_ERR_BAD_NAME : 0;
}

/* What every certificate has; the lifetime ends with the authority's at the latest. */
int authority_crt_begin(const struct public_key *key, int64_t not_after, gnutls_x509_crt_t *ret_crt)
{
	CLEANUP_CRT gnutls_x509_crt_t crt = NULL;
	if (gnutls_x509_crt_init(&crt) < 0)
		return -SIS_ERR_NO_MEMORY;
	if (gnutls_x509_crt_set_version(crt, 3) < 0)
		return -SIS_ERR_INTERNAL;
	int r = set_serial(crt);
	if (r == 0)
		r = set_lifetime(crt, not_after);
	if (r == 0)
		r = set_key(crt, key);
	if (r < 0)
		return r;
	*ret_crt = crt;
	crt = NULL;
	return 0;
}

static int leaf_begin(const struct pki_ca *ca, const struct public_key *key, uint64_t lifetime_s, const char *purpose,
                      gnutls_x509_crt_t *ret_crt)
{
	int64_t ca_not_after = gnutls_x509_crt_get_expiration_time(ca->crt), now = time_now();
	if (ca_not_after <= now)
		return -SIS_ERR_EXPIRED;
	int64_t not_after = lifetime_s < (uint64_t)(ca_not_after - now) ? now + (int64_t)lifetime_s : ca_not_after;
	CLEANUP_CRT gnutls_x509_crt_t crt = NULL;
	int r = authority_crt_begin(key, not_after, &crt);
	if (r < 0)
		return r;
	uint8_t id[KEY_ID_BYTES];
	size_t size = sizeof(id);
	if (gnutls_x509_crt_set_basic_constraints(crt, 0, -1) < 0 || gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_DIGITAL_SIGNATURE) < 0 ||
	    gnutls_x509_crt_set_key_purpose_oid(crt, purpose, 0) < 0 || gnutls_x509_crt_get_subject_key_id(ca->crt, id, &size, NULL) < 0 ||
	    gnutls_x509_crt_set_authority_key_id(crt, id, size) < 0)
		return -SIS_ERR_INTERNAL;
	*ret_crt = crt;
	crt = NULL;
	return 0;
}

int authority_crt_finish(gnutls_x509_crt_t crt, gnutls_x509_crt_t issuer, gnutls_privkey_t key, struct blob *ret_der)
{
	CLEANUP_DATUM gnutls_datum_t der = { NULL, 0 };
	int r = gnutls_x509_crt_privkey_sign(crt, issuer, key, GNUTLS_DIG_SHA512, 0);
	if (r >= 0)
		r = gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_DER, &der);
	if (r < 0)
		return backend_error(r, -SIS_ERR_INTERNAL);
	if (der.size > CERTIFICATE_MAX_BYTES)
		return -SIS_ERR_TOO_LARGE;
	return backend_blob_from(der.data, der.size, ret_der);
}

int authority_from(const struct signing_key *key, struct span der, struct pki_ca **ret_ca)
{
	struct certificate certificate;
	int r = certificate_is_ca(der);
	if (r == 0)
		r = certificate_parse(der, &certificate);
	if (r < 0)
		return r;
	if (certificate.public_key.algorithm != KEY_ED25519 || key->public_key.algorithm != KEY_ED25519 ||
	    memcmp(certificate.public_key.bytes, key->public_key.bytes, public_key_size(KEY_ED25519)) != 0)
		return -SIS_ERR_MISMATCH;
	CLEANUP_CA struct pki_ca *ca = calloc(1, sizeof(*ca));
	if (ca == NULL)
		return -SIS_ERR_NO_MEMORY;
	ca->key = *key;
	r = backend_blob_from(der.data, der.size, &ca->certificate);
	if (r == 0)
		r = backend_crt_import(der, &ca->crt);
	if (r == 0)
		r = backend_privkey_import(key, &ca->privkey);
	if (r < 0)
		return r;
	*ret_ca = ca;
	ca = NULL;
	return 0;
}

/* Two servers' authorities must not have the same name: a verifier that knows both looks them up by it. Generations of one have. */
static int set_ca_name(gnutls_x509_crt_t crt)
{
	uint8_t tail[4];
	char name[32];
	int r = random_bytes(tail, sizeof(tail));
	if (r < 0)
		return r;
	snprintf(name, sizeof(name), "sis CA %02x%02x%02x%02x", tail[0], tail[1], tail[2], tail[3]);
	return set_name(crt, GNUTLS_OID_X520_COMMON_NAME, span_from_string(name));
}

int pki_ca_create(uint64_t lifetime_s, struct pki_ca **ret_ca)
{
	CLEANUP_CRT gnutls_x509_crt_t name = NULL;
	int r = gnutls_x509_crt_init(&name) < 0 ? -SIS_ERR_NO_MEMORY : set_ca_name(name);
	return r < 0 ? r : authority_create(name, lifetime_s, ret_ca);
}

int pki_ca_load(struct span private_key_pem, struct span certificate_pem, struct pki_ca **ret_ca)
{
	SIGNING_KEY struct signing_key key = { 0 };
	CLEANUP_BLOB struct blob der = { NULL, 0 };
	int r = signing_key_from_pem(private_key_pem, NULL, &key);
	if (r == 0)
		r = certificate_from_pem(certificate_pem, &der);
	return r < 0 ? r : authority_from(&key, (struct span){ der.data, der.size }, ret_ca);
}

int pki_ca_export(const struct pki_ca *ca, struct secret **ret_private_key_pem, struct blob *ret_certificate_pem)
{
	SECRET_HEAP struct secret *key_pem = NULL;
	int r = signing_key_to_pem(&ca->key, NULL, &key_pem);
	if (r == 0)
		r = certificate_to_pem((struct span){ ca->certificate.data, ca->certificate.size }, ret_certificate_pem);
	if (r < 0)
		return r;
	*ret_private_key_pem = key_pem;
	key_pem = NULL;
	return 0;
}

int pki_ca_certificate(const struct pki_ca *ca, struct blob *ret_der, uint8_t ret_fingerprint[FINGERPRINT_BYTES])
{
	int r = backend_blob_from(ca->certificate.data, ca->certificate.size, ret_der);
	if (r == 0)
		certificate_fingerprint((struct span){ ca->certificate.data, ca->certificate.size }, ret_fingerprint);
	return r;
}

static int add_server_name(gnutls_x509_crt_t crt, struct span name)
{
	char text[254];                         /* the longest DNS name, RFC 1035 §2.3.4 */
	uint8_t address[16];
	if (name.size == 0 || !span_to_string(name, text, sizeof(text)))
		return -SIS_ERR_BAD_NAME;
	gnutls_x509_subject_alt_name_t type = GNUTLS_SAN_DNSNAME;
	const void *data = text;
	unsigned size = (unsigned)name.size;
	if (inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1) {
		type = GNUTLS_SAN_IPADDRESS;
		data = address;
		size = strchr(text, ':') != NULL ? 16 : 4;
	}
	return gnutls_x509_crt_set_subject_alt_name(crt, type, data, size, GNUTLS_FSAN_APPEND) < 0 ? -SIS_ERR_BAD_NAME : 0;
}

static int add_server_names(gnutls_x509_crt_t crt, struct span names)
{
	bool first = true;
	while (names.size > 0) {
		const uint8_t *end = memchr(names.data, '\n', names.size);
		struct span name = { names.data, end != NULL ? (size_t)(end - names.data) : names.size };
		int r = add_server_name(crt, name);
		/* A common name is at most 64 characters, RFC 5280 appendix A; nobody matches against it any more. */
		if (r == 0 && first && name.size <= 64)
			r = set_name(crt, GNUTLS_OID_X520_COMMON_NAME, name);
		if (r < 0)
			return r;
		first = false;
		size_t used = name.size + (end != NULL);
		names = (struct span){ names.data + used, names.size - used };
	}
	return first ? -SIS_ERR_BAD_NAME : 0;
}

int pki_ca_issue_server(const struct pki_ca *ca, const struct public_key *key, struct span names, uint64_t lifetime_s, struct blob *ret_der)
{
	CLEANUP_CRT gnutls_x509_crt_t crt = NULL;
	int r = leaf_begin(ca, key, lifetime_s, GNUTLS_KP_TLS_WWW_SERVER, &crt);
	if (r == 0)
		r = add_server_names(crt, names);
	return r < 0 ? r : authority_crt_finish(crt, ca->crt, ca->privkey, ret_der);
}

int pki_ca_issue_device(const struct pki_ca *ca, const struct public_key *key, const char *user, const char *device, uint64_t lifetime_s,
                        struct blob *ret_der)
{
	struct span user_name = span_from_string(user), device_name = span_from_string(device);
	if (!name_is_valid(user_name) || !name_is_valid(device_name))
		return -SIS_ERR_BAD_NAME;
	CLEANUP_CRT gnutls_x509_crt_t crt = NULL;
	int r = leaf_begin(ca, key, lifetime_s, GNUTLS_KP_TLS_WWW_CLIENT, &crt);
	if (r == 0)
		r = set_name(crt, GNUTLS_OID_X520_COMMON_NAME, user_name);
	if (r == 0)
		r = set_name(crt, GNUTLS_OID_X520_ORGANIZATIONAL_UNIT_NAME, device_name);
	return r < 0 ? r : authority_crt_finish(crt, ca->crt, ca->privkey, ret_der);
}

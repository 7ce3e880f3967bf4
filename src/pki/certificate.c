/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Reading and verifying X.509 certificates (RFC 5280). */
#include "pki/backend.h"

#include "base/error.h"
#include "crypto/digest.h"

#include <string.h>

void certificate_fingerprint(struct span der, uint8_t ret_fingerprint[FINGERPRINT_BYTES])
{
	digest_sha256(der.data, der.size, ret_fingerprint);
}

/* The one value of this attribute, or "" when there is none, more than one, or it is not a valid name. */
static void read_name(gnutls_x509_crt_t crt, const char *oid, char ret_name[NAME_MAX_TEXT + 1])
{
	char text[NAME_MAX_TEXT + 1];
	size_t size = sizeof(text), more = 0;
	ret_name[0] = '\0';
	if (gnutls_x509_crt_get_dn_by_oid(crt, oid, 1, 0, NULL, &more) != GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
		return;
	if (gnutls_x509_crt_get_dn_by_oid(crt, oid, 0, 0, text, &size) < 0)
		return;
	struct span name = { (const uint8_t *)text, size };
	if (name_is_valid(name))
		span_to_string(name, ret_name, NAME_MAX_TEXT + 1);
}

static int read_public_key(gnutls_x509_crt_t crt, struct public_key *ret_key)
{
	CLEANUP_PUBKEY gnutls_pubkey_t pubkey = NULL;
	if (gnutls_pubkey_init(&pubkey) < 0)
		return -SIS_ERR_NO_MEMORY;
	if (gnutls_pubkey_import_x509(pubkey, crt, 0) < 0)
		return -SIS_ERR_NOT_ALLOWED;
	return backend_pubkey_export(pubkey, ret_key);
}

int certificate_parse(struct span der, struct certificate *ret_certificate)
{
	CLEANUP_CRT gnutls_x509_crt_t crt = NULL;
	int r = backend_crt_import(der, &crt);
	if (r < 0)
		return r;
	struct certificate certificate = { .serial_size = SERIAL_MAX };
	if (gnutls_x509_crt_get_serial(crt, certificate.serial, &certificate.serial_size) < 0)
		return -SIS_ERR_BAD_FORMAT;
	certificate.not_before = gnutls_x509_crt_get_activation_time(crt);
	certificate.not_after = gnutls_x509_crt_get_expiration_time(crt);
	if (certificate.not_before == (time_t)-1 || certificate.not_after == (time_t)-1)
		return -SIS_ERR_BAD_FORMAT;
	r = read_public_key(crt, &certificate.public_key);
	if (r == -SIS_ERR_NO_MEMORY)
		return r;
	read_name(crt, GNUTLS_OID_X520_COMMON_NAME, certificate.user);
	read_name(crt, GNUTLS_OID_X520_ORGANIZATIONAL_UNIT_NAME, certificate.device);
	certificate_fingerprint(der, certificate.fingerprint);
	*ret_certificate = certificate;
	return 0;
}

/* GnuTLS counts a certificate without the extension as good for every purpose; ours must name it. */
static bool has_purpose(gnutls_x509_crt_t crt, const char *wanted)
{
	for (unsigned i = 0; i < 16; i++) {
		char oid[64];
		size_t size = sizeof(oid);
		int r = gnutls_x509_crt_get_key_purpose_oid(crt, i, oid, &size, NULL);
		if (r == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
			return false;
		if (r >= 0 && strcmp(oid, wanted) == 0)
			return true;
	}
	return false;
}

int backend_crt_check_time(gnutls_x509_crt_t crt, int64_t at)
{
	time_t from = gnutls_x509_crt_get_activation_time(crt), to = gnutls_x509_crt_get_expiration_time(crt);
	if (from == (time_t)-1 || to == (time_t)-1)
		return -SIS_ERR_UNTRUSTED;
	return at < from || at > to ? -SIS_ERR_EXPIRED : 0;
}

bool backend_crt_is_ca(gnutls_x509_crt_t crt)
{
	unsigned usage = 0, critical = 0;
	return gnutls_x509_crt_get_ca_status(crt, &critical) > 0 && gnutls_x509_crt_get_key_usage(crt, &usage, &critical) >= 0 &&
	       (usage & GNUTLS_KEY_KEY_CERT_SIGN) != 0;
}

/* Only the signature and CA constraints: the time is the caller's to judge, at the moment that it names. */
bool backend_crt_is_signed_by(gnutls_x509_crt_t crt, gnutls_x509_crt_t ca)
{
	unsigned status = 0;
	unsigned flags = GNUTLS_VERIFY_DISABLE_TIME_CHECKS | GNUTLS_VERIFY_DISABLE_TRUSTED_TIME_CHECKS;
	return gnutls_x509_crt_verify(crt, &ca, 1, flags, &status) >= 0 && status == 0;
}

/* 0 when this authority has issued it, and both are good at that time. */
static int verify_by(gnutls_x509_crt_t crt, struct span ca_der, int64_t at)
{
	CLEANUP_CRT gnutls_x509_crt_t ca = NULL;
	if (backend_crt_import(ca_der, &ca) < 0 || !backend_crt_is_ca(ca) || !backend_crt_is_signed_by(crt, ca))
		return -SIS_ERR_UNTRUSTED;
	int r = backend_crt_check_time(ca, at);
	return r < 0 ? r : backend_crt_check_time(crt, at);
}

int certificate_verify(struct span der, struct span authorities, int64_t at)
{
	CLEANUP_CRT gnutls_x509_crt_t crt = NULL;
	struct span ca;
	int r = -SIS_ERR_UNTRUSTED;
	if (backend_crt_import(der, &crt) < 0 || gnutls_x509_crt_get_ca_status(crt, NULL) > 0 || !has_purpose(crt, GNUTLS_KP_TLS_WWW_CLIENT))
		return -SIS_ERR_UNTRUSTED;
	while (r == -SIS_ERR_UNTRUSTED && authorities_next(&authorities, &ca))
		r = verify_by(crt, ca, at);
	return r;
}

int certificate_is_ca(struct span der)
{
	CLEANUP_CRT gnutls_x509_crt_t crt = NULL;
	int r = backend_crt_import(der, &crt);
	if (r < 0)
		return r;
	return backend_crt_is_ca(crt) && gnutls_x509_crt_check_issuer(crt, crt) && backend_crt_is_signed_by(crt, crt) ? 0 : -SIS_ERR_UNTRUSTED;
}

int certificate_from_pem(struct span pem, struct blob *ret_der)
{
	if (pem.size > 4 * CERTIFICATE_MAX_BYTES)
		return -SIS_ERR_TOO_LARGE;
	gnutls_datum_t text = backend_datum(pem);
	CLEANUP_DATUM gnutls_datum_t der = { NULL, 0 };
	int r = gnutls_pem_base64_decode2("CERTIFICATE", &text, &der);
	if (r < 0)
		return backend_error(r, -SIS_ERR_BAD_FORMAT);
	CLEANUP_CRT gnutls_x509_crt_t crt = NULL;
	r = backend_crt_import((struct span){ der.data, der.size }, &crt);
	return r < 0 ? r : backend_blob_from(der.data, der.size, ret_der);
}

int certificate_to_pem(struct span der, struct blob *ret_pem)
{
	gnutls_datum_t datum = backend_datum(der);
	CLEANUP_DATUM gnutls_datum_t pem = { NULL, 0 };
	int r = gnutls_pem_base64_encode2("CERTIFICATE", &datum, &pem);
	if (r < 0)
		return backend_error(r, -SIS_ERR_INTERNAL);
	return backend_blob_from(pem.data, pem.size, ret_pem);
}

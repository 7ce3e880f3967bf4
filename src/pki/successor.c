/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * CA certificates: the self-signed one, and those by which the generations of an authority vouch for each other (RFC 4210 §4.4). They all have one name,
 * so that a path through them counts as no longer than one without (RFC 5280 §6.1.4 (l): self-issued). GnuTLS counts it all the same, so there is no
 * pathLenConstraint. */
#include "pki/authority.h"

#include "base/error.h"
#include "base/util.h"

static int set_ca_extensions(gnutls_x509_crt_t crt)
{
	if (gnutls_x509_crt_set_basic_constraints(crt, 1, -1) < 0 ||
	    gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN) < 0)
		return -SIS_ERR_INTERNAL;
	return 0;
}

/* By its one attribute, so that it is encoded in the same way: names are compared byte by byte (RFC 5280 §7.1 would allow more). */
static int copy_name(gnutls_x509_crt_t crt, gnutls_x509_crt_t from)
{
	char name[65];                          /* ub-common-name, RFC 5280 appendix A */
	size_t size = sizeof(name);
	int r = gnutls_x509_crt_get_dn_by_oid(from, GNUTLS_OID_X520_COMMON_NAME, 0, 0, name, &size);
	if (r >= 0)
		r = gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, name, (unsigned)size);
	return r < 0 ? backend_error(r, -SIS_ERR_INTERNAL) : 0;
}

static int self_sign(const struct signing_key *key, gnutls_x509_crt_t name, uint64_t lifetime_s, struct blob *ret_der)
{
	CLEANUP_CRT gnutls_x509_crt_t crt = NULL;
	CLEANUP_PRIVKEY gnutls_privkey_t privkey = NULL;
	int r = authority_crt_begin(&key->public_key, time_now() + (int64_t)lifetime_s, &crt);
	if (r == 0)
		r = copy_name(crt, name);
	if (r == 0)
		r = backend_privkey_import(key, &privkey);
	if (r == 0)
		r = set_ca_extensions(crt);
	return r < 0 ? r : authority_crt_finish(crt, crt, privkey, ret_der);
}

int authority_create(gnutls_x509_crt_t name, uint64_t lifetime_s, struct pki_ca **ret_ca)
{
	SIGNING_KEY struct signing_key key = { 0 };
	CLEANUP_BLOB struct blob der = { NULL, 0 };
	if (lifetime_s > CA_LIFETIME_MAX_S)
		return -SIS_ERR_USAGE;
	int r = signing_key_generate(KEY_ED25519, &key);
	if (r == 0)
		r = self_sign(&key, name, lifetime_s, &der);
	return r < 0 ? r : authority_from(&key, (struct span){ der.data, der.size }, ret_ca);
}

int pki_ca_create_successor(const struct pki_ca *ca, uint64_t lifetime_s, struct pki_ca **ret_ca)
{
	return authority_create(ca->crt, lifetime_s, ret_ca);
}

int pki_ca_cross_sign(const struct pki_ca *ca, struct span other_ca_der, struct blob *ret_der)
{
	CLEANUP_CRT gnutls_x509_crt_t other = NULL, crt = NULL;
	struct certificate facts;
	int64_t end = gnutls_x509_crt_get_expiration_time(ca->crt);
	uint8_t id[KEY_ID_BYTES];
	size_t size = sizeof(id);
	int r = certificate_is_ca(other_ca_der);
	if (r == 0)
		r = certificate_parse(other_ca_der, &facts);
	if (r == 0)
		r = backend_crt_import(other_ca_der, &other);
	if (r == 0)
		r = authority_crt_begin(&facts.public_key, facts.not_after < end ? facts.not_after : end, &crt);
	if (r == 0 && gnutls_x509_crt_set_activation_time(crt, facts.not_before) < 0)
		r = -SIS_ERR_INTERNAL;
	if (r == 0)
		r = copy_name(crt, other);
	if (r == 0)
		r = set_ca_extensions(crt);
	if (r < 0)
		return r;
	if (gnutls_x509_crt_get_subject_key_id(ca->crt, id, &size, NULL) < 0 || gnutls_x509_crt_set_authority_key_id(crt, id, size) < 0)
		return -SIS_ERR_INTERNAL;
	return authority_crt_finish(crt, ca->crt, ca->privkey, ret_der);
}

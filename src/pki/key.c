/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Device keys on disk: PKCS#8 (RFC 5958) in PEM, under PBES2 when there is a passphrase. */
#include "pki/authority.h"

#include "base/error.h"

#include <gnutls/crypto.h>
#include <string.h>

#define KEY_PEM_MAX_BYTES 8192
#define SCALAR_BYTES 32

static void x509_privkey_freep(gnutls_x509_privkey_t *key)
{
	gnutls_x509_privkey_deinit(*key);
}
#define CLEANUP_X509_PRIVKEY __attribute__((cleanup(x509_privkey_freep)))

static int x509_privkey_from(const struct signing_key *key, gnutls_x509_privkey_t *ret_key)
{
	CLEANUP_X509_PRIVKEY gnutls_x509_privkey_t result = NULL;
	if (gnutls_x509_privkey_init(&result) < 0)
		return -SIS_ERR_NO_MEMORY;
	bool is_eddsa = key->public_key.algorithm == KEY_ED25519;
	gnutls_datum_t x = backend_datum((struct span){ key->public_key.bytes, SCALAR_BYTES });
	gnutls_datum_t y = backend_datum((struct span){ key->public_key.bytes + SCALAR_BYTES, SCALAR_BYTES });
	gnutls_datum_t k = backend_datum((struct span){ key->secret.bytes, SCALAR_BYTES });
	int r = gnutls_x509_privkey_import_ecc_raw(result, is_eddsa ? GNUTLS_ECC_CURVE_ED25519 : GNUTLS_ECC_CURVE_SECP256R1, &x,
	                                           is_eddsa ? NULL : &y, &k);
	if (r < 0)
		return backend_error(r, -SIS_ERR_BAD_FORMAT);
	*ret_key = result;
	result = NULL;
	return 0;
}

int signing_key_to_pem(const struct signing_key *key, const char *passphrase, struct secret **ret_pem)
{
	CLEANUP_X509_PRIVKEY gnutls_x509_privkey_t privkey = NULL;
	int r = x509_privkey_from(key, &privkey);
	if (r < 0)
		return r;
	CLEANUP_SECRET_DATUM gnutls_datum_t pem = { NULL, 0 };
	r = gnutls_x509_privkey_export2_pkcs8(privkey, GNUTLS_X509_FMT_PEM, passphrase,
	                                      passphrase != NULL ? GNUTLS_PKCS_PBES2_AES_256 : GNUTLS_PKCS_PLAIN, &pem);
	return r < 0 ? backend_error(r, -SIS_ERR_INTERNAL) : secret_from(pem.data, pem.size, ret_pem);
}

/* Right-aligned: GnuTLS leaves out leading zeros, or adds one. */
static int scalar_put(const gnutls_datum_t *datum, uint8_t ret_scalar[SCALAR_BYTES])
{
	const uint8_t *data = datum->data;
	size_t size = datum->size;
	for (; size > SCALAR_BYTES && *data == 0; data++)
		size--;
	if (data == NULL || size > SCALAR_BYTES)
		return -SIS_ERR_BAD_FORMAT;
	memset(ret_scalar, 0, SCALAR_BYTES);
	memcpy(ret_scalar + SCALAR_BYTES - size, data, size);
	return 0;
}

static int signing_key_from(gnutls_x509_privkey_t privkey, struct signing_key *ret_key)
{
	CLEANUP_SECRET_DATUM gnutls_datum_t x = { NULL, 0 }, y = { NULL, 0 }, k = { NULL, 0 };
	gnutls_ecc_curve_t curve;
	if (gnutls_x509_privkey_export_ecc_raw(privkey, &curve, &x, &y, &k) < 0)
		return -SIS_ERR_NOT_ALLOWED;
	if (curve != GNUTLS_ECC_CURVE_ED25519 && curve != GNUTLS_ECC_CURVE_SECP256R1)
		return -SIS_ERR_NOT_ALLOWED;
	SIGNING_KEY struct signing_key key = { .public_key.algorithm = curve == GNUTLS_ECC_CURVE_ED25519 ? KEY_ED25519 : KEY_ECDSA_P256 };
	int r = scalar_put(&k, key.secret.bytes);
	if (r == 0)
		r = scalar_put(&x, key.public_key.bytes);
	if (r == 0 && key.public_key.algorithm == KEY_ECDSA_P256)
		r = scalar_put(&y, key.public_key.bytes + SCALAR_BYTES);
	if (r == 0)
		*ret_key = key;
	return r;
}

/* The one form that we write for Ed25519 without a passphrase (RFC 8410 section 7), whose 48 bytes need no ASN.1 library. */
static bool is_plain_ed25519(struct span pem, struct secret32 *ret_secret)
{
	static const char begin[] = "-----BEGIN PRIVATE KEY-----\n", end[] = "\n-----END PRIVATE KEY-----\n";
	static const uint8_t prefix[] = { 0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20 };
	uint8_t der[sizeof(prefix) + SCALAR_BYTES];
	const size_t size = BASE64_SIZE(sizeof(der));
	if (pem.size != sizeof(begin) - 1 + size + sizeof(end) - 1 || memcmp(pem.data, begin, sizeof(begin) - 1) != 0 ||
	    memcmp(pem.data + pem.size - (sizeof(end) - 1), end, sizeof(end) - 1) != 0)
		return false;
	bool is_plain = base64_decode((struct span){ pem.data + sizeof(begin) - 1, size }, der, sizeof(der)) == 0 &&
	                memcmp(der, prefix, sizeof(prefix)) == 0;
	if (is_plain)
		memcpy(ret_secret->bytes, der + sizeof(prefix), SCALAR_BYTES);
	secret_wipe(der, sizeof(der));
	return is_plain;
}

int signing_secret_from_pem(struct span pem, const char *passphrase, struct secret32 *ret_secret)
{
	SIGNING_KEY struct signing_key key;
	if (is_plain_ed25519(pem, ret_secret))
		return 0;
	int r = signing_key_from_pem(pem, passphrase, &key);
	if (r == 0)
		*ret_secret = key.secret;
	return r;
}

int signing_key_from_pem(struct span pem, const char *passphrase, struct signing_key *ret_key)
{
	SECRET struct secret32 secret;
	if (pem.size > KEY_PEM_MAX_BYTES)
		return -SIS_ERR_TOO_LARGE;
	if (is_plain_ed25519(pem, &secret)) {
		signing_key_from_secret(&secret, ret_key);
		return 0;
	}
	CLEANUP_X509_PRIVKEY gnutls_x509_privkey_t privkey = NULL;
	if (gnutls_x509_privkey_init(&privkey) < 0)
		return -SIS_ERR_NO_MEMORY;
	static const char encrypted[] = "BEGIN ENCRYPTED";
	bool is_encrypted = memmem(pem.data, pem.size, encrypted, sizeof(encrypted) - 1) != NULL;
	if (is_encrypted && passphrase == NULL)
		return -SIS_ERR_BAD_LOGIN;
	gnutls_datum_t text = backend_datum(pem);
	int r = gnutls_x509_privkey_import2(privkey, &text, GNUTLS_X509_FMT_PEM, is_encrypted ? passphrase : NULL, 0);
	if (r == GNUTLS_E_DECRYPTION_FAILED)
		return -SIS_ERR_BAD_LOGIN;
	return r < 0 ? backend_error(r, -SIS_ERR_BAD_FORMAT) : signing_key_from(privkey, ret_key);
}

int pki_sign_digest(const struct signing_key *key, const uint8_t digest[32], uint8_t ret_signature[SIGNATURE_BYTES])
{
	if (key->public_key.algorithm != KEY_ECDSA_P256)
		return -SIS_ERR_NOT_ALLOWED;
	CLEANUP_PRIVKEY gnutls_privkey_t privkey = NULL;
	int r = backend_privkey_import(key, &privkey);
	if (r < 0)
		return r;
	CLEANUP_DATUM gnutls_datum_t der = { NULL, 0 }, half_r = { NULL, 0 }, half_s = { NULL, 0 };
	gnutls_datum_t hash = backend_datum((struct span){ digest, 32 });
	r = gnutls_privkey_sign_hash2(privkey, GNUTLS_SIGN_ECDSA_SHA256, 0, &hash, &der);
	if (r >= 0)
		r = gnutls_decode_rs_value(&der, &half_r, &half_s);
	if (r < 0)
		return backend_error(r, -SIS_ERR_INTERNAL);
	uint8_t signature[SIGNATURE_BYTES];
	r = scalar_put(&half_r, signature);
	if (r == 0)
		r = scalar_put(&half_s, signature + SCALAR_BYTES);
	if (r == 0)
		memcpy(ret_signature, signature, sizeof(signature));
	return r;
}

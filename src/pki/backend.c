/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Conversions between our raw keys and GnuTLS objects, and their owners. */
#include "pki/backend.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

#define COORDINATE_BYTES 32             /* of Curve25519 and P-256 alike */

void backend_crt_freep(gnutls_x509_crt_t *crt)
{
	gnutls_x509_crt_deinit(*crt);
}

void backend_pubkey_freep(gnutls_pubkey_t *key)
{
	gnutls_pubkey_deinit(*key);
}

void backend_privkey_freep(gnutls_privkey_t *key)
{
	gnutls_privkey_deinit(*key);
}

void backend_datum_free(gnutls_datum_t *datum)
{
	gnutls_free(datum->data);
	*datum = (gnutls_datum_t){ NULL, 0 };
}

void backend_datum_wipe(gnutls_datum_t *datum)
{
	if (datum->data != NULL)
		secret_wipe(datum->data, datum->size);
	backend_datum_free(datum);
}

gnutls_datum_t backend_datum(struct span span)
{
	union { const uint8_t *borrowed; uint8_t *data; } view = { .borrowed = span.data };
	return (gnutls_datum_t){ .data = view.data, .size = (unsigned)span.size };
}

int backend_error(int gnutls_code, int otherwise)
{
	return gnutls_code == GNUTLS_E_MEMORY_ERROR ? -SIS_ERR_NO_MEMORY : otherwise;
}

int backend_blob_from(const void *data, size_t size, struct blob *ret_blob)
{
	uint8_t *copy = malloc(size > 0 ? size : 1);
	if (copy == NULL)
		return -SIS_ERR_NO_MEMORY;
	if (size > 0)
		memcpy(copy, data, size);
	*ret_blob = (struct blob){ .data = copy, .size = size };
	return 0;
}

void blob_free(struct blob *blob)
{
	free(blob->data);
	*blob = (struct blob){ NULL, 0 };
}

int backend_crt_import(struct span der, gnutls_x509_crt_t *ret_crt)
{
	if (der.size > CERTIFICATE_MAX_BYTES)
		return -SIS_ERR_TOO_LARGE;
	CLEANUP_CRT gnutls_x509_crt_t crt = NULL;
	if (gnutls_x509_crt_init(&crt) < 0)
		return -SIS_ERR_NO_MEMORY;
	gnutls_datum_t datum = backend_datum(der);
	int r = gnutls_x509_crt_import(crt, &datum, GNUTLS_X509_FMT_DER);
	if (r < 0)
		return backend_error(r, -SIS_ERR_BAD_FORMAT);
	*ret_crt = crt;
	crt = NULL;
	return 0;
}

static gnutls_ecc_curve_t curve_of(enum key_algorithm algorithm)
{
	return algorithm == KEY_ED25519 ? GNUTLS_ECC_CURVE_ED25519 : GNUTLS_ECC_CURVE_SECP256R1;
}

gnutls_digest_algorithm_t backend_digest_for(enum key_algorithm algorithm)
{
	return algorithm == KEY_ED25519 ? GNUTLS_DIG_SHA512 : GNUTLS_DIG_SHA256;
}

int backend_pubkey_import(const struct public_key *key, gnutls_pubkey_t *ret_key)
{
	if (key->algorithm != KEY_ED25519 && key->algorithm != KEY_ECDSA_P256)
		return -SIS_ERR_NOT_ALLOWED;
	CLEANUP_PUBKEY gnutls_pubkey_t pubkey = NULL;
	if (gnutls_pubkey_init(&pubkey) < 0)
		return -SIS_ERR_NO_MEMORY;
	gnutls_datum_t x = backend_datum((struct span){ key->bytes, COORDINATE_BYTES });
	gnutls_datum_t y = backend_datum((struct span){ key->bytes + COORDINATE_BYTES, COORDINATE_BYTES });
	int r = gnutls_pubkey_import_ecc_raw(pubkey, curve_of(key->algorithm), &x, key->algorithm == KEY_ED25519 ? NULL : &y);
	/* A point off the curve would pass the import. */
	if (r >= 0 && key->algorithm == KEY_ECDSA_P256)
		r = gnutls_pubkey_verify_params(pubkey);
	if (r < 0)
		return backend_error(r, -SIS_ERR_BAD_FORMAT);
	*ret_key = pubkey;
	pubkey = NULL;
	return 0;
}

/* GnuTLS gives coordinates without leading zeros. */
static int coordinate_put(const gnutls_datum_t *datum, uint8_t ret_bytes[COORDINATE_BYTES])
{
	if (datum->data == NULL || datum->size > COORDINATE_BYTES)
		return -SIS_ERR_BAD_FORMAT;
	memset(ret_bytes, 0, COORDINATE_BYTES);
	memcpy(ret_bytes + COORDINATE_BYTES - datum->size, datum->data, datum->size);
	return 0;
}

int backend_pubkey_export(gnutls_pubkey_t key, struct public_key *ret_key)
{
	int kind = gnutls_pubkey_get_pk_algorithm(key, NULL);
	if (kind != GNUTLS_PK_EDDSA_ED25519 && kind != GNUTLS_PK_ECDSA)
		return -SIS_ERR_NOT_ALLOWED;
	CLEANUP_DATUM gnutls_datum_t x = { NULL, 0 }, y = { NULL, 0 };
	gnutls_ecc_curve_t curve;
	int r = gnutls_pubkey_export_ecc_raw2(key, &curve, &x, &y, GNUTLS_EXPORT_FLAG_NO_LZ);
	if (r < 0)
		return backend_error(r, -SIS_ERR_BAD_FORMAT);
	struct public_key result = { .algorithm = curve == GNUTLS_ECC_CURVE_ED25519 ? KEY_ED25519 : KEY_ECDSA_P256 };
	if (curve != curve_of(result.algorithm))
		return -SIS_ERR_NOT_ALLOWED;
	r = coordinate_put(&x, result.bytes);
	if (r == 0 && result.algorithm == KEY_ECDSA_P256)
		r = coordinate_put(&y, result.bytes + COORDINATE_BYTES);
	if (r < 0)
		return r;
	*ret_key = result;
	return 0;
}

int backend_privkey_import(const struct signing_key *key, gnutls_privkey_t *ret_key)
{
	CLEANUP_PRIVKEY gnutls_privkey_t privkey = NULL;
	if (gnutls_privkey_init(&privkey) < 0)
		return -SIS_ERR_NO_MEMORY;
	const uint8_t *public_bytes = key->public_key.bytes;
	gnutls_datum_t x = backend_datum((struct span){ public_bytes, COORDINATE_BYTES });
	gnutls_datum_t y = backend_datum((struct span){ public_bytes + COORDINATE_BYTES, COORDINATE_BYTES });
	gnutls_datum_t k = backend_datum((struct span){ key->secret.bytes, sizeof(key->secret.bytes) });
	int r = gnutls_privkey_import_ecc_raw(privkey, curve_of(key->public_key.algorithm), &x,
	                                      key->public_key.algorithm == KEY_ED25519 ? NULL : &y, &k);
	if (r < 0)
		return backend_error(r, -SIS_ERR_BAD_FORMAT);
	*ret_key = privkey;
	privkey = NULL;
	return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * EST bodies: base64 (RFC 8951) of a certs-only PKCS#7 (RFC 7030 §4.1.3), and the csrattrs. */
#include "pki/backend.h"

#include "base/error.h"
#include "base/util.h"

#include <gnutls/pkcs7.h>
#include <stdlib.h>
#include <string.h>

#define EST_BODY_MAX_BYTES (64 * 1024)

static void pkcs7_freep(gnutls_pkcs7_t *pkcs7)
{
	gnutls_pkcs7_deinit(*pkcs7);
}
#define CLEANUP_PKCS7 __attribute__((cleanup(pkcs7_freep)))

/* In one line (RFC 8951 §3.1 asks for RFC 4648's base64, which has no line feeds of its own): strongSwan cannot read any other. */
static int encode_body(struct span der, struct blob *ret_base64)
{
	size_t n_characters = (der.size + 2) / 3 * 4;
	char *body = malloc(n_characters + 1);
	if (body == NULL)
		return -SIS_ERR_NO_MEMORY;
	base64_encode_padded(der.data, der.size, body);
	*ret_base64 = (struct blob){ .data = (uint8_t *)body, .size = n_characters };
	return 0;
}

static size_t der_header_size(size_t content_size)
{
	return content_size < 0x80 ? 2 : content_size < 0x100 ? 3 : 4;
}

static void put_der_header(struct builder *der, uint8_t tag, size_t content_size)
{
	builder_put_u8(der, tag);
	if (content_size >= 0x100)
		builder_put_u8(der, 0x82);
	else if (content_size >= 0x80)
		builder_put_u8(der, 0x81);
	if (content_size >= 0x100)
		builder_put_u8(der, (uint8_t)(content_size >> 8));
	builder_put_u8(der, (uint8_t)content_size);
}

/* A certs-only SignedData (RFC 5652 §5.1, RFC 7030 §4.1.3), written here because GnuTLS gives its absent content the type digestedData, which
 * strongSwan then looks for in vain. */
static void put_certs_only(struct builder *der, const struct span *certificates, size_t n, size_t certificates_size)
{
	static const uint8_t signed_data_oid[] = { 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02 };
	static const uint8_t before[] = { 0x02, 0x01, 0x01, 0x31, 0x00, 0x30, 0x0b, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01 };
	static const uint8_t after[] = { 0x31, 0x00 };
	size_t set = der_header_size(certificates_size) + certificates_size;
	size_t data = sizeof(before) + set + sizeof(after), wrapped = der_header_size(data) + data;
	size_t content = sizeof(signed_data_oid) + der_header_size(wrapped) + wrapped;

	put_der_header(der, 0x30, content);
	builder_put_bytes(der, signed_data_oid, sizeof(signed_data_oid));
	put_der_header(der, 0xa0, wrapped);
	put_der_header(der, 0x30, data);
	builder_put_bytes(der, before, sizeof(before));         /* version 1, no digest algorithms, content of type data */
	put_der_header(der, 0xa0, certificates_size);
	for (size_t i = 0; i < n; i++)
		builder_put_bytes(der, certificates[i].data, certificates[i].size);
	builder_put_bytes(der, after, sizeof(after));           /* no signers */
}

int est_encode_certificates(const struct span *ders, size_t n, struct blob *ret_base64)
{
	size_t size = 0;
	for (size_t i = 0; i < n; i++) {
		CLEANUP_CRT gnutls_x509_crt_t crt = NULL;
		int r = backend_crt_import(ders[i], &crt);
		if (r < 0)
			return r;
		size += ders[i].size;
		if (size > EST_BODY_MAX_BYTES / 2)
			return -SIS_ERR_TOO_LARGE;
	}
	CLEANUP_FREE uint8_t *bytes = malloc(size + 64);
	if (bytes == NULL)
		return -SIS_ERR_NO_MEMORY;
	struct builder der = builder_from(bytes, size + 64);
	put_certs_only(&der, ders, n, size);
	return der.failed ? -SIS_ERR_INTERNAL : encode_body((struct span){ der.data, der.size }, ret_base64);
}

static void free_all(struct blob *blobs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		blob_free(&blobs[i]);
}

static int take_certificate(gnutls_pkcs7_t pkcs7, unsigned index, struct blob *ret_der)
{
	CLEANUP_DATUM gnutls_datum_t der = { NULL, 0 };
	CLEANUP_CRT gnutls_x509_crt_t crt = NULL;
	int r = gnutls_pkcs7_get_crt_raw2(pkcs7, index, &der);
	if (r < 0)
		return backend_error(r, -SIS_ERR_BAD_FORMAT);
	r = backend_crt_import((struct span){ der.data, der.size }, &crt);
	return r < 0 ? r : backend_blob_from(der.data, der.size, ret_der);
}

static int take_certificates(gnutls_pkcs7_t pkcs7, struct blob *ret_ders, size_t capacity, size_t *ret_n)
{
	int n = gnutls_pkcs7_get_crt_count(pkcs7);
	if (n <= 0)
		return -SIS_ERR_BAD_FORMAT;
	if ((size_t)n > capacity)
		return -SIS_ERR_TOO_LARGE;
	struct blob *ders = calloc((size_t)n, sizeof(*ders));
	if (ders == NULL)
		return -SIS_ERR_NO_MEMORY;
	int r = 0;
	for (int i = 0; i < n && r == 0; i++)
		r = take_certificate(pkcs7, (unsigned)i, &ders[i]);
	if (r == 0) {
		memcpy(ret_ders, ders, (size_t)n * sizeof(*ders));
		*ret_n = (size_t)n;
	} else {
		free_all(ders, (size_t)n);
	}
	free(ders);
	return r;
}

int est_decode_certificates(struct span base64, struct blob *ret_ders, size_t capacity, size_t *ret_n)
{
	if (base64.size > EST_BODY_MAX_BYTES)
		return -SIS_ERR_TOO_LARGE;
	CLEANUP_PKCS7 gnutls_pkcs7_t pkcs7 = NULL;
	CLEANUP_BLOB struct blob der = { .data = malloc(base64.size + 1) };
	if (der.data == NULL || gnutls_pkcs7_init(&pkcs7) < 0)
		return -SIS_ERR_NO_MEMORY;
	int r = base64_decode_lenient(base64, der.data, base64.size, &der.size);
	if (r < 0)
		return r;
	gnutls_datum_t datum = backend_datum((struct span){ der.data, der.size });
	r = gnutls_pkcs7_import(pkcs7, &datum, GNUTLS_X509_FMT_DER);
	return r < 0 ? backend_error(r, -SIS_ERR_BAD_FORMAT) : take_certificates(pkcs7, ret_ders, capacity, ret_n);
}

int est_encode_csrattrs(struct blob *ret_base64)
{
	/* RFC 7030 §4.5.2: id-Ed25519, ecPublicKey with secp256r1, ecdsa-with-SHA256. */
	static const uint8_t attributes[] = {
		0x30, 0x26,
		0x06, 0x03, 0x2b, 0x65, 0x70,
		0x30, 0x15, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
		0x31, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07,
		0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02,
	};
	_Static_assert(sizeof(attributes) == 2 + 0x26, "the outer length");
	return encode_body((struct span){ attributes, sizeof(attributes) }, ret_base64);
}

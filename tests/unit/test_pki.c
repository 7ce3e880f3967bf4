/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The authority and what is read from others: certificates, requests, lists, EST bodies, keys on disk. Where openssl, certtool or strongSwan's
 * pki are installed, they read what we make and we read what they make. */
#include "base/error.h"
#include "base/util.h"
#include "pki/backend.h"
#include "pki/pki.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DAY_S 86400

static struct pki_ca *ca, *foreign;
static struct blob ca_der, foreign_der;
static struct signing_key keys[2];              /* Ed25519, P-256 */
static char directory[] = "/tmp/sis-test-pki-XXXXXX";

static struct span span_of(const struct blob *blob)
{
	return (struct span){ blob->data, blob->size };
}

static struct blob issue(const struct pki_ca *by, const struct signing_key *key, uint64_t lifetime_s)
{
	struct blob der;
	assert_int_equal(pki_ca_issue_device(by, &key->public_key, "alice", "laptop", lifetime_s, &der), 0);
	return der;
}

/* --- certificates --- */

static void test_device_certificate(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		struct certificate certificate;
		CLEANUP_BLOB struct blob der = issue(ca, &keys[i], DAY_S);
		assert_int_equal(certificate_parse(span_of(&der), &certificate), 0);
		assert_string_equal(certificate.user, "alice");
		assert_string_equal(certificate.device, "laptop");
		assert_int_equal(certificate.public_key.algorithm, keys[i].public_key.algorithm);
		assert_memory_equal(certificate.public_key.bytes, keys[i].public_key.bytes, public_key_size(certificate.public_key.algorithm));
		assert_in_range(certificate.not_after, time_now() + DAY_S - 10, time_now() + DAY_S);
		assert_in_range(certificate.serial_size, 8, SERIAL_MAX);
		assert_int_equal(certificate_verify(span_of(&der), span_of(&ca_der), time_now()), 0);
		assert_int_equal(certificate_is_ca(span_of(&der)), -SIS_ERR_UNTRUSTED);
	}
}

static void test_certificate_out_of_date(void **state)
{
	CLEANUP_BLOB struct blob der = issue(ca, &keys[0], DAY_S);
	assert_int_equal(certificate_verify(span_of(&der), span_of(&ca_der), time_now() + DAY_S + 1), -SIS_ERR_EXPIRED);
	assert_int_equal(certificate_verify(span_of(&der), span_of(&ca_der), time_now() - DAY_S), -SIS_ERR_EXPIRED);
}

static void test_certificate_outlives_no_authority(void **state)
{
	struct certificate certificate;
	CLEANUP_BLOB struct blob der = issue(ca, &keys[0], UINT64_MAX);
	assert_int_equal(certificate_parse(span_of(&der), &certificate), 0);
	assert_in_range(certificate.not_after, time_now(), time_now() + 30 * DAY_S);
}

static void test_certificate_of_another_authority(void **state)
{
	CLEANUP_BLOB struct blob der = issue(foreign, &keys[0], DAY_S);
	assert_int_equal(certificate_verify(span_of(&der), span_of(&ca_der), time_now()), -SIS_ERR_UNTRUSTED);
	assert_int_equal(certificate_verify(span_of(&ca_der), span_of(&ca_der), time_now()), -SIS_ERR_UNTRUSTED);
	/* A device is no authority, whatever it signs. */
	assert_int_equal(certificate_verify(span_of(&der), span_of(&der), time_now()), -SIS_ERR_UNTRUSTED);
}

static void test_server_certificate_is_no_device(void **state)
{
	CLEANUP_BLOB struct blob der = { NULL, 0 };
	assert_int_equal(pki_ca_issue_server(ca, &keys[0].public_key, span_from_string("localhost\n::1"), DAY_S, &der), 0);
	assert_int_equal(certificate_verify(span_of(&der), span_of(&ca_der), time_now()), -SIS_ERR_UNTRUSTED);
	blob_free(&der);
	assert_int_equal(pki_ca_issue_server(ca, &keys[0].public_key, span_from_string(""), DAY_S, &der), -SIS_ERR_BAD_NAME);
	assert_int_equal(pki_ca_issue_server(ca, &keys[0].public_key, span_from_string("a\n\nb"), DAY_S, &der), -SIS_ERR_BAD_NAME);
}

static void test_every_flipped_bit_is_seen(void **state)
{
	CLEANUP_BLOB struct blob der = issue(ca, &keys[0], DAY_S);
	for (size_t i = 0; i < der.size * 8; i++) {
		der.data[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_int_not_equal(certificate_verify(span_of(&der), span_of(&ca_der), time_now()), 0);
		der.data[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	for (size_t size = 0; size < der.size; size++)
		assert_int_not_equal(certificate_verify((struct span){ der.data, size }, span_of(&ca_der), time_now()), 0);
}

static void test_trailing_bytes(void **state)
{
	struct certificate certificate;
	CLEANUP_BLOB struct blob der = issue(ca, &keys[0], DAY_S);
	uint8_t longer[CERTIFICATE_MAX_BYTES + 1] = { 0 };
	memcpy(longer, der.data, der.size);
	assert_int_equal(certificate_parse((struct span){ longer, der.size + 1 }, &certificate), -SIS_ERR_BAD_FORMAT);
	assert_int_equal(certificate_parse((struct span){ longer, sizeof(longer) }, &certificate), -SIS_ERR_TOO_LARGE);
}

static void test_names_that_are_none(void **state)
{
	static const char *const bad[] = { "", "Alice", "a b", "..", "a,OU=b", "abcdefghijklmnopqrstuvwxyz0123456" };
	struct blob der;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(pki_ca_issue_device(ca, &keys[0].public_key, bad[i], "d", DAY_S, &der), -SIS_ERR_BAD_NAME);
		assert_int_equal(pki_ca_issue_device(ca, &keys[0].public_key, "u", bad[i], DAY_S, &der), -SIS_ERR_BAD_NAME);
	}
}

static void test_point_off_the_curve(void **state)
{
	struct public_key key = keys[1].public_key;
	struct blob der;
	key.bytes[63] ^= 1;
	assert_int_equal(pki_ca_issue_device(ca, &key, "alice", "d", DAY_S, &der), -SIS_ERR_BAD_FORMAT);
}

static void test_pem(void **state)
{
	CLEANUP_BLOB struct blob der = issue(ca, &keys[0], DAY_S), pem = { NULL, 0 }, back = { NULL, 0 };
	assert_int_equal(certificate_to_pem(span_of(&der), &pem), 0);
	assert_int_equal(certificate_from_pem(span_of(&pem), &back), 0);
	assert_int_equal(back.size, der.size);
	assert_memory_equal(back.data, der.data, der.size);
	assert_int_equal(certificate_from_pem((struct span){ pem.data, pem.size / 2 }, &back), -SIS_ERR_BAD_FORMAT);
}

static void test_authority_load(void **state)
{
	SECRET_HEAP struct secret *key = NULL, *other_key = NULL;
	CLEANUP_BLOB struct blob pem = { NULL, 0 }, other_pem = { NULL, 0 }, der = { NULL, 0 };
	struct pki_ca *loaded;
	uint8_t fingerprint[FINGERPRINT_BYTES], expected[FINGERPRINT_BYTES];
	assert_int_equal(pki_ca_export(ca, &key, &pem), 0);
	assert_int_equal(pki_ca_export(foreign, &other_key, &other_pem), 0);
	struct span key_span = { secret_peek(key), secret_size(key) };
	assert_int_equal(pki_ca_load(key_span, span_of(&pem), &loaded), 0);
	assert_int_equal(pki_ca_certificate(loaded, &der, fingerprint), 0);
	certificate_fingerprint(span_of(&ca_der), expected);
	assert_memory_equal(fingerprint, expected, sizeof(expected));
	pki_ca_free(loaded);
	assert_int_equal(pki_ca_load(key_span, span_of(&other_pem), &loaded), -SIS_ERR_MISMATCH);
	assert_int_equal(pki_ca_load(span_of(&pem), span_of(&pem), &loaded), -SIS_ERR_BAD_FORMAT);
}

/* --- requests --- */

static void test_request(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		CLEANUP_BLOB struct blob der = { NULL, 0 }, nameless = { NULL, 0 };
		struct csr csr;
		assert_int_equal(csr_make(&keys[i], "alice", "laptop", &der), 0);
		assert_int_equal(csr_parse(span_of(&der), &csr), 0);
		assert_string_equal(csr.user, "alice");
		assert_string_equal(csr.device, "laptop");
		assert_memory_equal(csr.public_key.bytes, keys[i].public_key.bytes, public_key_size(keys[i].public_key.algorithm));
		assert_int_equal(csr_make(&keys[i], "", NULL, &nameless), 0);
		assert_int_equal(csr_parse(span_of(&nameless), &csr), 0);
		assert_string_equal(csr.user, "");
		assert_string_equal(csr.device, "");
		der.data[der.size - 5] ^= 1;
		assert_int_equal(csr_parse(span_of(&der), &csr), -SIS_ERR_BAD_SIGNATURE);
	}
}

static void test_request_altered_anywhere(void **state)
{
	CLEANUP_BLOB struct blob der = { NULL, 0 };
	struct csr csr;
	assert_int_equal(csr_make(&keys[0], "alice", "laptop", &der), 0);
	for (size_t i = 0; i < der.size * 8; i++) {
		der.data[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_int_not_equal(csr_parse(span_of(&der), &csr), 0);
		der.data[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	for (size_t size = 0; size < der.size; size++)
		assert_int_not_equal(csr_parse((struct span){ der.data, size }, &csr), 0);
}

/* A request with whatever subject and key, made with GnuTLS itself. NULL ends the pairs of object identifier and value. */
static struct blob strange_request(gnutls_pk_algorithm_t kind, unsigned bits, gnutls_digest_algorithm_t digest, const char *const *subject)
{
	gnutls_x509_privkey_t key;
	gnutls_x509_crq_t crq;
	gnutls_datum_t der = { NULL, 0 };
	struct blob result;
	gnutls_x509_privkey_init(&key);
	gnutls_x509_crq_init(&crq);
	assert_true(gnutls_x509_privkey_generate(key, kind, bits, 0) >= 0);
	gnutls_x509_crq_set_version(crq, 1);
	for (; *subject != NULL; subject += 2)
		assert_true(gnutls_x509_crq_set_dn_by_oid(crq, subject[0], 0, subject[1], (unsigned)strlen(subject[1])) >= 0);
	gnutls_x509_crq_set_key(crq, key);
	assert_true(gnutls_x509_crq_sign2(crq, key, digest, 0) >= 0);
	assert_true(gnutls_x509_crq_export2(crq, GNUTLS_X509_FMT_DER, &der) >= 0);
	assert_int_equal(backend_blob_from(der.data, der.size, &result), 0);
	gnutls_free(der.data);
	gnutls_x509_crq_deinit(crq);
	gnutls_x509_privkey_deinit(key);
	return result;
}

static void request_is(struct blob der, int wanted)
{
	struct csr csr;
	assert_int_equal(csr_parse(span_of(&der), &csr), wanted);
	blob_free(&der);
}

static void test_request_with_other_keys(void **state)
{
	static const char *const subject[] = { GNUTLS_OID_X520_COMMON_NAME, "alice", NULL };
	request_is(strange_request(GNUTLS_PK_RSA, 2048, GNUTLS_DIG_SHA256, subject), -SIS_ERR_NOT_ALLOWED);
	request_is(strange_request(GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP384R1), GNUTLS_DIG_SHA384, subject), -SIS_ERR_NOT_ALLOWED);
	request_is(strange_request(GNUTLS_PK_EDDSA_ED448, 0, GNUTLS_DIG_SHAKE_256, subject), -SIS_ERR_NOT_ALLOWED);
	unsigned p256 = GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1);
	request_is(strange_request(GNUTLS_PK_ECDSA, p256, GNUTLS_DIG_SHA1, subject), -SIS_ERR_NOT_ALLOWED);
	request_is(strange_request(GNUTLS_PK_ECDSA, p256, GNUTLS_DIG_SHA256, subject), 0);
}

static void test_request_with_other_subjects(void **state)
{
	static const struct { const char *subject[9]; int wanted; } cases[] = {
		{ { "2.5.4.6", "DE", "2.5.4.10", "Some Club", GNUTLS_OID_X520_COMMON_NAME, "alice", NULL }, 0 },
		{ { GNUTLS_OID_X520_COMMON_NAME, "alice", GNUTLS_OID_X520_COMMON_NAME, "bob", NULL }, -SIS_ERR_BAD_FORMAT },
		{ { GNUTLS_OID_X520_ORGANIZATIONAL_UNIT_NAME, "a", GNUTLS_OID_X520_ORGANIZATIONAL_UNIT_NAME, "a", NULL }, -SIS_ERR_BAD_FORMAT },
		{ { GNUTLS_OID_X520_COMMON_NAME, "Alice Liddell", NULL }, -SIS_ERR_BAD_NAME },
		{ { GNUTLS_OID_X520_COMMON_NAME, "abcdefghijklmnopqrstuvwxyz01234567", NULL }, -SIS_ERR_BAD_NAME },
		{ { GNUTLS_OID_X520_COMMON_NAME, "alice", GNUTLS_OID_X520_ORGANIZATIONAL_UNIT_NAME, "../x", NULL }, -SIS_ERR_BAD_NAME },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		request_is(strange_request(GNUTLS_PK_EDDSA_ED25519, 0, GNUTLS_DIG_SHA512, cases[i].subject), cases[i].wanted);
}

static void test_request_too_large(void **state)
{
	static const uint8_t zeros[5000];
	struct csr csr;
	assert_int_equal(csr_parse((struct span){ zeros, sizeof(zeros) }, &csr), -SIS_ERR_TOO_LARGE);
	assert_int_equal(csr_parse((struct span){ zeros, 0 }, &csr), -SIS_ERR_BAD_FORMAT);
}

/* --- lists --- */

static struct blob list_of(const struct crl_entry *entries, size_t n)
{
	struct blob der;
	assert_int_equal(pki_ca_issue_crl(ca, 300, time_now(), time_now() + DAY_S, entries, n, &der), 0);
	return der;
}

static void test_list(void **state)
{
	static const struct crl_entry entries[] = {
		{ { 0x41, 2, 3 }, 3, 1700000000, 0 }, { { 0, 0x80 }, 2, 1700000001, 1 }, { { 1 }, 1, 2600000000, 5 },
	};
	CLEANUP_BLOB struct blob der = list_of(entries, ARRAY_SIZE(entries));
	for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
		int64_t time;
		uint8_t reason;
		struct span serial = { entries[i].serial, entries[i].serial_size };
		assert_int_equal(crl_lookup(span_of(&der), span_of(&ca_der), serial, time_now(), &time, &reason), 1);
		assert_int_equal(time, entries[i].time);
		assert_int_equal(reason, entries[i].reason);
	}
	int64_t time = -7;
	uint8_t reason = 77;
	struct span absent = { (const uint8_t *)"\x42", 1 };
	assert_int_equal(crl_lookup(span_of(&der), span_of(&ca_der), absent, time_now(), &time, &reason), 0);
	assert_int_equal(crl_lookup(span_of(&der), span_of(&foreign_der), absent, time_now(), &time, &reason), -SIS_ERR_UNTRUSTED);
	assert_int_equal(crl_lookup(span_of(&der), span_of(&ca_der), absent, time_now() + DAY_S + 1, &time, &reason), -SIS_ERR_EXPIRED);
	assert_int_equal(crl_lookup(span_of(&der), span_of(&ca_der), absent, time_now() - DAY_S, &time, &reason), -SIS_ERR_EXPIRED);
	assert_int_equal(time, -7);
	assert_int_equal(reason, 77);
	for (size_t i = 0; i < der.size * 8; i++) {
		der.data[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_true(crl_lookup(span_of(&der), span_of(&ca_der), absent, time_now(), &time, &reason) < 0);
		der.data[i / 8] ^= (uint8_t)(1 << i % 8);
	}
}

static void test_list_refuses_bad_entries(void **state)
{
	static const struct crl_entry bad[] = {
		{ { 0x80 }, 1, 1, 0 }, { { 0 }, 0, 1, 0 }, { { 0, 1 }, 2, 1, 0 }, { { 1 }, 21, 1, 0 }, { { 1 }, 1, -1, 0 }, { { 1 }, 1, 1, 7 }, { { 1 }, 1, 1, 11 },
	};
	struct blob der;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(pki_ca_issue_crl(ca, 1, time_now(), time_now() + 1, &bad[i], 1, &der), -SIS_ERR_BAD_FORMAT);
	assert_int_equal(pki_ca_issue_crl(ca, 1, time_now(), time_now(), NULL, 0, &der), -SIS_ERR_BAD_FORMAT);
}

/* GnuTLS as the second reader of what was written by hand. */
static void test_list_is_read_by_gnutls(void **state)
{
	enum { N = 3000 };
	static struct crl_entry entries[N];
	for (size_t i = 0; i < N; i++)
		entries[i] = (struct crl_entry){ { 0x41, (uint8_t)(i >> 8), (uint8_t)i }, 3, 1700000000, i % 2 };
	CLEANUP_BLOB struct blob der = list_of(entries, N);
	gnutls_x509_crl_t crl;
	gnutls_datum_t datum = { der.data, (unsigned)der.size };
	CLEANUP_CRT gnutls_x509_crt_t authority = NULL;
	assert_int_equal(backend_crt_import(span_of(&ca_der), &authority), 0);
	gnutls_x509_crl_init(&crl);
	assert_int_equal(gnutls_x509_crl_import(crl, &datum, GNUTLS_X509_FMT_DER), 0);
	assert_int_equal(gnutls_x509_crl_get_crt_count(crl), N);
	unsigned status = 1;
	assert_int_equal(gnutls_x509_crl_verify(crl, &authority, 1, 0, &status), 0);
	assert_int_equal(status, 0);
	uint8_t number[8];
	size_t size = sizeof(number);
	assert_int_equal(gnutls_x509_crl_get_number(crl, number, &size, NULL), 0);
	assert_int_equal(size, 2);
	assert_memory_equal(number, "\x01\x2c", 2);
	gnutls_x509_crl_deinit(crl);
}

/* --- EST --- */

static void test_est_bodies(void **state)
{
	CLEANUP_BLOB struct blob device = issue(ca, &keys[0], DAY_S), body = { NULL, 0 };
	struct span ders[2] = { span_of(&device), span_of(&ca_der) };
	struct blob back[2];
	size_t n;
	assert_int_equal(est_encode_certificates(ders, 2, &body), 0);
	assert_int_equal(est_decode_certificates(span_of(&body), back, 2, &n), 0);
	assert_int_equal(n, 2);
	for (size_t i = 0; i < 2; i++) {
		/* A set has no order in DER. */
		size_t j = back[0].size == ders[0].size && memcmp(back[0].data, ders[0].data, ders[0].size) == 0 ? i : 1 - i;
		assert_int_equal(back[j].size, ders[i].size);
		assert_memory_equal(back[j].data, ders[i].data, ders[i].size);
	}
	blob_free(&back[0]);
	blob_free(&back[1]);
	assert_int_equal(est_decode_certificates(span_of(&body), back, 1, &n), -SIS_ERR_TOO_LARGE);
	assert_true(est_decode_certificates((struct span){ body.data, body.size / 2 }, back, 2, &n) < 0);
	assert_true(est_decode_certificates(span_from_string("AAAA"), back, 2, &n) < 0);
	assert_true(est_decode_certificates(span_from_string(""), back, 2, &n) < 0);
}

/* --- keys --- */

static void test_keys_on_disk(void **state)
{
	static const char *const passphrases[] = { NULL, "correct horse" };
	for (size_t i = 0; i < ARRAY_SIZE(keys) * ARRAY_SIZE(passphrases); i++) {
		const struct signing_key *key = &keys[i / 2];
		const char *passphrase = passphrases[i % 2];
		SECRET_HEAP struct secret *pem = NULL;
		struct signing_key back;
		assert_int_equal(signing_key_to_pem(key, passphrase, &pem), 0);
		struct span text = { secret_peek(pem), secret_size(pem) };
		assert_int_equal(signing_key_from_pem(text, passphrase, &back), 0);
		assert_memory_equal(back.secret.bytes, key->secret.bytes, 32);
		assert_memory_equal(back.public_key.bytes, key->public_key.bytes, public_key_size(key->public_key.algorithm));
		if (passphrase != NULL) {
			assert_int_equal(signing_key_from_pem(text, NULL, &back), -SIS_ERR_BAD_LOGIN);
			assert_int_equal(signing_key_from_pem(text, "wrong", &back), -SIS_ERR_BAD_LOGIN);
		}
		assert_int_equal(signing_key_from_pem((struct span){ text.data, text.size / 2 }, passphrase, &back), -SIS_ERR_BAD_FORMAT);
	}
}

/* About one in 256 has a coordinate or scalar that begins with a zero byte. */
static void test_keys_with_leading_zeros(void **state)
{
	for (unsigned i = 0; i < 600; i++) {
		struct signing_key key, back;
		SECRET_HEAP struct secret *pem = NULL;
		assert_int_equal(signing_key_generate(KEY_ECDSA_P256, &key), 0);
		if (key.public_key.bytes[0] != 0 && key.public_key.bytes[32] != 0 && key.secret.bytes[0] != 0)
			continue;
		assert_int_equal(signing_key_to_pem(&key, NULL, &pem), 0);
		assert_int_equal(signing_key_from_pem((struct span){ secret_peek(pem), secret_size(pem) }, NULL, &back), 0);
		assert_memory_equal(back.secret.bytes, key.secret.bytes, 32);
		assert_memory_equal(back.public_key.bytes, key.public_key.bytes, 64);
		struct certificate certificate;
		CLEANUP_BLOB struct blob der = issue(ca, &key, DAY_S);
		assert_int_equal(certificate_parse(span_of(&der), &certificate), 0);
		assert_memory_equal(certificate.public_key.bytes, key.public_key.bytes, 64);
	}
}

static void test_digest_signature(void **state)
{
	static const struct span message = { (const uint8_t *)"message", 7 };
	for (unsigned i = 0; i < 300; i++) {            /* also with short r and s */
		uint8_t digest[32], signature[SIGNATURE_BYTES];
		gnutls_hash_fast(GNUTLS_DIG_SHA256, message.data, message.size, digest);
		assert_int_equal(pki_sign_digest(&keys[1], digest, signature), 0);
		assert_int_equal(signature_verify(&keys[1].public_key, message, signature), 0);
	}
	uint8_t signature[SIGNATURE_BYTES];
	assert_int_equal(pki_sign_digest(&keys[0], signature, signature), -SIS_ERR_NOT_ALLOWED);
}

/* --- other people's tools --- */

static void put_file(const char *name, struct span data)
{
	int fd = open(directory, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	assert_int_equal(file_write_atomic(fd, name, data.data, data.size, 0600), 0);
	close(fd);
}

static struct blob get_file(const char *name)
{
	struct blob blob;
	char *data;
	int fd = open(directory, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	assert_int_equal(file_read(fd, name, 65536, &data, &blob.size), 0);
	blob.data = (uint8_t *)data;
	close(fd);
	return blob;
}

static bool have(const char *tool)
{
	char command[128];
	snprintf(command, sizeof(command), "command -v %s >/dev/null", tool);
	return system(command) == 0;
}

static void run(const char *command)
{
	char whole[512];
	snprintf(whole, sizeof(whole), "cd %s && { %s; } >log 2>&1", directory, command);
	int status = system(whole);
	if (status != 0) {
		print_message("# %s\n", command);
		fflush(stdout);
		snprintf(whole, sizeof(whole), "sed 's/^/# /' %s/log", directory);
		(void)!system(whole);
	}
	assert_int_equal(status, 0);
}

static void put_everything(void)
{
	static const struct crl_entry entry = { { 0x41, 2, 3 }, 3, 1700000000, 1 };
	CLEANUP_BLOB struct blob device = issue(ca, &keys[1], DAY_S), list = list_of(&entry, 1), body = { NULL, 0 }, pem = { NULL, 0 };
	struct span ders[2] = { span_of(&device), span_of(&ca_der) };
	SECRET_HEAP struct secret *key = NULL;
	put_file("ca.der", span_of(&ca_der));
	put_file("device.der", span_of(&device));
	put_file("list.der", span_of(&list));
	assert_int_equal(certificate_to_pem(span_of(&ca_der), &pem), 0);
	put_file("ca.pem", span_of(&pem));
	assert_int_equal(est_encode_certificates(ders, 2, &body), 0);
	put_file("body", span_of(&body));
	blob_free(&body);
	assert_int_equal(est_encode_csrattrs(&body), 0);
	put_file("csrattrs", span_of(&body));
	assert_int_equal(signing_key_to_pem(&keys[1], "secret", &key), 0);
	put_file("key.pem", (struct span){ secret_peek(key), secret_size(key) });
	CLEANUP_BLOB struct blob request = { NULL, 0 };
	assert_int_equal(csr_make(&keys[0], "alice", "laptop", &request), 0);
	put_file("request.der", span_of(&request));
}

static void check_foreign_files(void)
{
	CLEANUP_BLOB struct blob request = get_file("theirs.der"), key_pem = get_file("theirs.key");
	struct csr csr;
	struct signing_key key;
	assert_int_equal(csr_parse(span_of(&request), &csr), 0);
	assert_string_equal(csr.user, "bob");
	assert_int_equal(signing_key_from_pem(span_of(&key_pem), "geheim", &key), 0);
	assert_int_equal(csr.public_key.algorithm, key.public_key.algorithm);
	assert_memory_equal(csr.public_key.bytes, key.public_key.bytes, public_key_size(key.public_key.algorithm));
}

static void test_openssl(void **state)
{
	if (!have("openssl"))
		skip();
	put_everything();
	run("openssl x509 -inform DER -in device.der -out device.pem && openssl verify -x509_strict -CAfile ca.pem -purpose sslclient device.pem");
	run("openssl crl -inform DER -in list.der -CAfile ca.pem -noout -text && grep -q 'Key Compromise' log && grep -q 'verify OK' log");
	run("openssl base64 -d -A -in body | openssl pkcs7 -inform DER -print_certs | grep -c 'BEGIN CERT' | grep -qx 2");
	run("openssl base64 -d -A -in csrattrs | openssl asn1parse -inform DER");
	run("openssl pkey -in key.pem -passin pass:secret -noout -check");
	run("openssl req -inform DER -in request.der -noout -verify");
	run("openssl crl2pkcs7 -nocrl -certfile ca.pem -outform DER | openssl base64 -out body");
	CLEANUP_BLOB struct blob body = get_file("body"), back = { NULL, 0 };
	size_t n;
	assert_int_equal(est_decode_certificates(span_of(&body), &back, 1, &n), 0);
	assert_int_equal(back.size, ca_der.size);
	run("openssl genpkey -algorithm ed25519 -aes256 -pass pass:geheim -out theirs.key && "
	    "openssl req -new -key theirs.key -passin pass:geheim -subj /C=DE/O=Club/CN=bob/OU=phone -outform DER -out theirs.der");
	check_foreign_files();
	run("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -aes256 -pass pass:geheim -out theirs.key && "
	    "openssl req -new -key theirs.key -passin pass:geheim -subj /CN=bob -outform DER -out theirs.der");
	check_foreign_files();
}

static void test_certtool(void **state)
{
	if (!have("certtool"))
		skip();
	put_everything();
	run("certtool --inder --crl-info --infile list.der > list.pem && certtool --verify-crl --infile list.pem --load-ca-certificate ca.pem");
	run("base64 -d body | certtool --p7-info --inder");
	run("certtool --inder --crq-info --infile request.der");
	run("certtool --key-info --infile key.pem --password secret");
}

static void test_strongswan(void **state)
{
	/* Its plugins for elliptic curves are another package. */
	if (!have("pki") || system("pki --gen --type ecdsa --size 256 >/dev/null 2>&1") != 0)
		skip();
	run("pki --gen --type ecdsa --size 256 > raw.der && pki --req --type ecdsa --in raw.der --dn 'C=CH, O=Club, CN=bob' > theirs.der");
	CLEANUP_BLOB struct blob request = get_file("theirs.der");
	struct csr csr;
	assert_int_equal(csr_parse(span_of(&request), &csr), 0);
	assert_string_equal(csr.user, "bob");
}

static int set_up(void **state)
{
	uint8_t fingerprint[FINGERPRINT_BYTES];
	int r = pki_ca_create(30 * DAY_S, &ca);
	r = r < 0 ? r : pki_ca_create(30 * DAY_S, &foreign);
	r = r < 0 ? r : pki_ca_certificate(ca, &ca_der, fingerprint);
	r = r < 0 ? r : pki_ca_certificate(foreign, &foreign_der, fingerprint);
	r = r < 0 ? r : signing_key_generate(KEY_ED25519, &keys[0]);
	r = r < 0 ? r : signing_key_generate(KEY_ECDSA_P256, &keys[1]);
	return r < 0 || mkdtemp(directory) == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
	char command[128];
	pki_ca_free(ca);
	pki_ca_free(foreign);
	blob_free(&ca_der);
	blob_free(&foreign_der);
	snprintf(command, sizeof(command), "rm -r %s", directory);
	return system(command);
}

/* --- the proof for a new key --- */

static const uint8_t old_fingerprint[FINGERPRINT_BYTES] = { 1, 2, 3 };

static void make_proof(const struct signing_key *old_key, const struct signing_key *new_key, uint8_t ret_proof[REKEY_PROOF_BYTES])
{
	char text[REKEY_PROOF_TEXT + 1];
	assert_int_equal(rekey_proof_make(old_key, old_fingerprint, &new_key->public_key, text), 0);
	assert_int_equal(rekey_proof_parse(span_from_string(text), ret_proof), 0);
}

static int verify_proof(const uint8_t proof[REKEY_PROOF_BYTES], const struct signing_key *old_key, const struct signing_key *new_key)
{
	return rekey_proof_verify((struct span){ proof, REKEY_PROOF_BYTES }, &old_key->public_key, old_fingerprint, &new_key->public_key);
}

static void test_rekey_proof(void **state)
{
	uint8_t proof[REKEY_PROOF_BYTES];
	for (size_t i = 0; i < 2; i++) {
		for (size_t j = 0; j < 2; j++) {
			make_proof(&keys[i], &keys[j], proof);
			assert_int_equal(verify_proof(proof, &keys[i], &keys[j]), 0);
			assert_int_equal(verify_proof(proof, &keys[!i], &keys[j]), -SIS_ERR_BAD_SIGNATURE);
			assert_int_equal(verify_proof(proof, &keys[i], &keys[!j]), -SIS_ERR_BAD_SIGNATURE);
		}
	}
}

/* What is signed, written out here once more: context, certificate, algorithm and key all count. */
static void test_rekey_proof_of_something_else(void **state)
{
	uint8_t right[12 + FINGERPRINT_BYTES + 1 + 32], proof[REKEY_PROOF_BYTES] = { KEY_ED25519 };
	memcpy(right, "sis/1 rekey", 12);
	memcpy(right + 12, old_fingerprint, FINGERPRINT_BYTES);
	right[12 + FINGERPRINT_BYTES] = 1;
	memcpy(right + 12 + FINGERPRINT_BYTES + 1, keys[0].public_key.bytes, 32);
	for (size_t i = 0; i <= sizeof(right); i++) {
		uint8_t wrong[sizeof(right)];
		memcpy(wrong, right, sizeof(right));
		if (i < sizeof(right))
			wrong[i] ^= 1;
		assert_int_equal(signature_make(&keys[0], (struct span){ wrong, sizeof(wrong) }, proof + 1), 0);
		assert_int_equal(verify_proof(proof, &keys[0], &keys[0]), i < sizeof(right) ? -SIS_ERR_BAD_SIGNATURE : 0);
	}
	proof[0] = KEY_ECDSA_P256;
	assert_int_equal(verify_proof(proof, &keys[0], &keys[0]), -SIS_ERR_BAD_SIGNATURE);
	assert_int_equal(rekey_proof_verify((struct span){ NULL, 0 }, &keys[0].public_key, old_fingerprint, &keys[0].public_key), -SIS_ERR_BAD_SIGNATURE);
}

static void test_rekey_proof_malformed(void **state)
{
	char text[REKEY_PROOF_TEXT + 1], bad[REKEY_PROOF_TEXT + 8];
	uint8_t proof[REKEY_PROOF_BYTES];
	assert_int_equal(rekey_proof_make(&keys[0], old_fingerprint, &keys[1].public_key, text), 0);
	size_t size = strlen(text);
	for (size_t i = 0; i < size; i++)
		assert_int_equal(rekey_proof_parse((struct span){ (const uint8_t *)text, i }, proof), -SIS_ERR_BAD_FORMAT);
	static const char *const forms[] = { "%s=", "%s==", "%s ", " %s", "%sA", "x%s" };
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(bad, sizeof(bad), forms[i], text);
#pragma GCC diagnostic pop
		assert_int_equal(rekey_proof_parse(span_from_string(bad), proof), -SIS_ERR_BAD_FORMAT);
	}
	text[7] = '\t';
	assert_int_equal(rekey_proof_parse(span_from_string(text), proof), -SIS_ERR_BAD_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_device_certificate),
		cmocka_unit_test(test_certificate_out_of_date),
		cmocka_unit_test(test_certificate_outlives_no_authority),
		cmocka_unit_test(test_certificate_of_another_authority),
		cmocka_unit_test(test_server_certificate_is_no_device),
		cmocka_unit_test(test_every_flipped_bit_is_seen),
		cmocka_unit_test(test_trailing_bytes),
		cmocka_unit_test(test_names_that_are_none),
		cmocka_unit_test(test_point_off_the_curve),
		cmocka_unit_test(test_pem),
		cmocka_unit_test(test_authority_load),
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_request_altered_anywhere),
		cmocka_unit_test(test_request_with_other_keys),
		cmocka_unit_test(test_request_with_other_subjects),
		cmocka_unit_test(test_request_too_large),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_list_refuses_bad_entries),
		cmocka_unit_test(test_list_is_read_by_gnutls),
		cmocka_unit_test(test_est_bodies),
		cmocka_unit_test(test_keys_on_disk),
		cmocka_unit_test(test_keys_with_leading_zeros),
		cmocka_unit_test(test_digest_signature),
		cmocka_unit_test(test_rekey_proof),
		cmocka_unit_test(test_rekey_proof_of_something_else),
		cmocka_unit_test(test_rekey_proof_malformed),
		cmocka_unit_test(test_openssl),
		cmocka_unit_test(test_certtool),
		cmocka_unit_test(test_strongswan),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}

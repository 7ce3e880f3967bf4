/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Certificate revocation lists, RFC 5280 §5. Written and read here, because GnuTLS 3.7 can neither set nor get the reason of an entry. */
#include "pki/crl.h"

#include "base/error.h"
#include "pki/authority.h"
#include "pki/der.h"

#include <stdlib.h>
#include <string.h>

#define CRL_MAX_BYTES (16U << 20)
#define CRL_OVERHEAD_BYTES 1024         /* all but the entries; the issuer's name is ours and short */
#define CRL_ENTRY_BYTES 64              /* at most 58 */
#define CLOCK_SKEW_S 300
#define REASON_MAX 10

static const uint8_t algorithm_ed25519[] = { 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70 };        /* RFC 8410 §3: no parameters */
static const uint8_t oid_reason[] = { 0x06, 0x03, 0x55, 0x1d, 0x15 };
static const uint8_t oid_number[] = { 0x06, 0x03, 0x55, 0x1d, 0x14 };
static const uint8_t oid_authority_key_id[] = { 0x06, 0x03, 0x55, 0x1d, 0x23 };

/* --- writing: backwards, see der.h --- */

static void put_entry(struct der_writer *writer, const struct crl_entry *entry)
{
	size_t mark = der_mark(writer);
	if (entry->reason != 0) {       /* §5.3.1: unspecified is said by leaving it out */
		der_put_u64(writer, DER_ENUMERATED, entry->reason);
		der_wrap(writer, DER_OCTET_STRING, mark);
		der_put_raw(writer, oid_reason, sizeof(oid_reason));
		der_wrap(writer, DER_SEQUENCE, mark);
		der_wrap(writer, DER_SEQUENCE, mark);
	}
	der_put_time(writer, entry->time);
	der_put(writer, DER_INTEGER, entry->serial, entry->serial_size);
	der_wrap(writer, DER_SEQUENCE, mark);
}

static void put_extensions(struct der_writer *writer, uint64_t number, struct span key_id)
{
	size_t all = der_mark(writer), mark = all;
	der_put_u64(writer, DER_INTEGER, number);
	der_wrap(writer, DER_OCTET_STRING, mark);
	der_put_raw(writer, oid_number, sizeof(oid_number));
	der_wrap(writer, DER_SEQUENCE, mark);
	mark = der_mark(writer);
	der_put(writer, DER_CONTEXT_0_PRIMITIVE, key_id.data, key_id.size);
	der_wrap(writer, DER_SEQUENCE, mark);
	der_wrap(writer, DER_OCTET_STRING, mark);
	der_put_raw(writer, oid_authority_key_id, sizeof(oid_authority_key_id));
	der_wrap(writer, DER_SEQUENCE, mark);
	der_wrap(writer, DER_SEQUENCE, all);
	der_wrap(writer, DER_CONTEXT_0, all);
}

static bool entries_are_valid(const struct crl_entry *entries, size_t n_entries)
{
	for (size_t i = 0; i < n_entries; i++) {
		const struct crl_entry *entry = &entries[i];
		bool padded = entry->serial_size > 1 && entry->serial[0] == 0 && entry->serial[1] < 0x80;
		if (entry->serial_size == 0 || entry->serial_size > SERIAL_MAX || entry->serial[0] >= 0x80 || padded || entry->time < 0 ||
		    entry->reason > REASON_MAX || entry->reason == 7)
			return false;
	}
	return true;
}

static int put_issuer(struct der_writer *writer, const struct pki_ca *ca)
{
	CLEANUP_DATUM gnutls_datum_t name = { NULL, 0 };
	int r = gnutls_x509_crt_get_raw_dn(ca->crt, &name);
	if (r < 0)
		return backend_error(r, -SIS_ERR_INTERNAL);
	der_put_raw(writer, name.data, name.size);
	return 0;
}

static int put_tbs(struct der_writer *writer, const struct pki_ca *ca, uint64_t number, int64_t this_update, int64_t next_update,
                   const struct crl_entry *entries, size_t n_entries)
{
	uint8_t key_id[20];
	size_t key_id_size = sizeof(key_id), mark = der_mark(writer);
	if (gnutls_x509_crt_get_subject_key_id(ca->crt, key_id, &key_id_size, NULL) < 0)
		return -SIS_ERR_INTERNAL;
	put_extensions(writer, number, (struct span){ key_id, key_id_size });
	size_t list = der_mark(writer);
	for (size_t i = n_entries; i > 0; i--)
		put_entry(writer, &entries[i - 1]);
	if (n_entries > 0)              /* §5.1.2.6: absent, not empty */
		der_wrap(writer, DER_SEQUENCE, list);
	der_put_time(writer, next_update);
	der_put_time(writer, this_update);
	int r = put_issuer(writer, ca);
	if (r < 0)
		return r;
	der_put_raw(writer, algorithm_ed25519, sizeof(algorithm_ed25519));
	der_put_u64(writer, DER_INTEGER, 1);    /* version 2 */
	der_wrap(writer, DER_SEQUENCE, mark);
	return 0;
}

/* The whole list is tbs, algorithm, signature: the signature is known last but written first, so it is filled in afterwards. */
static int sign_list(struct der_writer *writer, const struct pki_ca *ca, uint8_t *signature_at, size_t after_tbs)
{
	if (writer->failed)
		return -SIS_ERR_TOO_LARGE;
	struct span tbs = { writer->at, der_mark(writer) - after_tbs };
	int r = signature_make(&ca->key, tbs, signature_at);
	if (r < 0)
		return r;
	der_wrap(writer, DER_SEQUENCE, 0);
	return writer->failed ? -SIS_ERR_TOO_LARGE : 0;
}

static int write_list(struct der_writer *writer, const struct pki_ca *ca, uint64_t number, int64_t this_update, int64_t next_update,
                      const struct crl_entry *entries, size_t n_entries)
{
	static const uint8_t room_for_signature[1 + SIGNATURE_BYTES];   /* no unused bits, then the signature */
	der_put(writer, DER_BIT_STRING, room_for_signature, sizeof(room_for_signature));
	der_put_raw(writer, algorithm_ed25519, sizeof(algorithm_ed25519));
	size_t after_tbs = der_mark(writer);
	int r = put_tbs(writer, ca, number, this_update, next_update, entries, n_entries);
	return r < 0 ? r : sign_list(writer, ca, writer->end - SIGNATURE_BYTES, after_tbs);
}

int pki_ca_issue_crl(const struct pki_ca *ca, uint64_t number, int64_t this_update, int64_t next_update, const struct crl_entry *entries,
                     size_t n_entries, struct blob *ret_der)
{
	if (this_update < 0 || next_update <= this_update || !entries_are_valid(entries, n_entries))
		return -SIS_ERR_BAD_FORMAT;
	if (n_entries > (CRL_MAX_BYTES - CRL_OVERHEAD_BYTES) / CRL_ENTRY_BYTES)
		return -SIS_ERR_TOO_LARGE;
	size_t capacity = CRL_OVERHEAD_BYTES + n_entries * CRL_ENTRY_BYTES;
	CLEANUP_BLOB struct blob buffer = { .data = malloc(capacity), .size = capacity };
	if (buffer.data == NULL)
		return -SIS_ERR_NO_MEMORY;
	struct der_writer writer = der_writer_from(buffer.data, capacity);
	int r = write_list(&writer, ca, number, this_update, next_update, entries, n_entries);
	return r < 0 ? r : backend_blob_from(writer.at, der_mark(&writer), ret_der);
}

/* --- reading --- */

/* We make none critical, and must not use a list with one that we do not know (§5.2). */
static void refuse_critical_extensions(struct cursor *outer, struct span extensions)
{
	struct cursor list = cursor_from(extensions.data, extensions.size);
	while (cursor_left(&list) > 0 && !list.failed) {
		struct span one = der_get(&list, DER_SEQUENCE);
		struct cursor cursor = cursor_from(one.data, one.size);
		der_get(&cursor, DER_OID);
		der_get(&cursor, DER_OCTET_STRING);
		if (!cursor_done(&cursor))
			cursor_fail(&list);
	}
	if (list.failed)
		cursor_fail(outer);
}

static void parse_tbs(struct cursor *outer, struct crl *crl)
{
	struct cursor cursor = cursor_from(crl->tbs.data, crl->tbs.size);
	struct span content = der_get(&cursor, DER_SEQUENCE);
	if (!cursor_done(&cursor)) {
		cursor_fail(outer);
		return;
	}
	cursor = cursor_from(content.data, content.size);
	if (der_get_u64(&cursor, DER_INTEGER) != 1)
		cursor_fail(&cursor);
	struct span algorithm = cursor_get_bytes(&cursor, sizeof(algorithm_ed25519));
	if (algorithm.size > 0 && memcmp(algorithm.data, algorithm_ed25519, sizeof(algorithm_ed25519)) != 0)
		cursor_fail(&cursor);
	crl->issuer = der_get(&cursor, DER_SEQUENCE);
	crl->this_update = der_get_time(&cursor);
	crl->next_update = der_get_time(&cursor);
	if (der_next_is(&cursor, DER_SEQUENCE))
		crl->entries = der_get(&cursor, DER_SEQUENCE);
	struct span wrapper = der_get(&cursor, DER_CONTEXT_0);
	struct cursor inner = cursor_from(wrapper.data, wrapper.size);
	refuse_critical_extensions(&cursor, der_get(&inner, DER_SEQUENCE));
	if (!cursor_done(&cursor) || !cursor_done(&inner))
		cursor_fail(outer);
}

int crl_parse(struct span der, struct crl *ret_crl)
{
	struct crl crl = { 0 };
	if (der.size > CRL_MAX_BYTES)
		return -SIS_ERR_TOO_LARGE;
	struct cursor whole = cursor_from(der.data, der.size);
	struct span content = der_get(&whole, DER_SEQUENCE);
	if (!cursor_done(&whole))
		return -SIS_ERR_BAD_FORMAT;
	struct cursor cursor = cursor_from(content.data, content.size);
	const uint8_t *tbs = cursor.at;
	der_get(&cursor, DER_SEQUENCE);
	crl.tbs = (struct span){ tbs, (size_t)(cursor.at - tbs) };
	struct span algorithm = cursor_get_bytes(&cursor, sizeof(algorithm_ed25519));
	struct span bits = der_get(&cursor, DER_BIT_STRING);
	if (!cursor_done(&cursor) || memcmp(algorithm.data, algorithm_ed25519, sizeof(algorithm_ed25519)) != 0 ||
	    bits.size != 1 + SIGNATURE_BYTES || bits.data[0] != 0)
		return -SIS_ERR_BAD_FORMAT;
	crl.signature = (struct span){ bits.data + 1, SIGNATURE_BYTES };
	parse_tbs(&cursor, &crl);
	if (cursor.failed)
		return -SIS_ERR_BAD_FORMAT;
	*ret_crl = crl;
	return 0;
}

/* The only entry extension that we make or take. */
static uint8_t parse_reason(struct cursor *entry)
{
	struct span extensions = der_get(entry, DER_SEQUENCE);
	struct cursor list = cursor_from(extensions.data, extensions.size);
	struct span one = der_get(&list, DER_SEQUENCE);
	struct cursor cursor = cursor_from(one.data, one.size);
	struct span oid = cursor_get_bytes(&cursor, sizeof(oid_reason));
	struct span value = der_get(&cursor, DER_OCTET_STRING);
	struct cursor inner = cursor_from(value.data, value.size);
	uint64_t reason = der_get_u64(&inner, DER_ENUMERATED);
	if (!cursor_done(&list) || !cursor_done(&cursor) || !cursor_done(&inner) || reason > REASON_MAX ||
	    memcmp(oid.data, oid_reason, sizeof(oid_reason)) != 0)
		cursor_fail(entry);
	return (uint8_t)reason;
}

int crl_find(struct span entries, struct span serial, int64_t *ret_time, uint8_t *ret_reason)
{
	struct cursor list = cursor_from(entries.data, entries.size);
	while (cursor_left(&list) > 0) {
		struct span one = der_get(&list, DER_SEQUENCE);
		struct cursor cursor = cursor_from(one.data, one.size);
		struct span number = der_get(&cursor, DER_INTEGER);
		int64_t time = der_get_time(&cursor);
		uint8_t reason = cursor_left(&cursor) > 0 ? parse_reason(&cursor) : 0;
		if (list.failed || !cursor_done(&cursor))
			return -SIS_ERR_BAD_FORMAT;
		if (number.size == serial.size && memcmp(number.data, serial.data, serial.size) == 0) {
			*ret_time = time;
			*ret_reason = reason;
			return 1;
		}
	}
	return list.failed ? -SIS_ERR_BAD_FORMAT : 0;
}

static int check_issuer(const struct crl *crl, struct span ca_der, int64_t at)
{
	struct certificate ca;
	if (certificate_is_ca(ca_der) < 0 || certificate_parse(ca_der, &ca) < 0 || ca.public_key.algorithm != KEY_ED25519 ||
	    signature_verify(&ca.public_key, crl->tbs, crl->signature.data) < 0)
		return -SIS_ERR_UNTRUSTED;
	return at < ca.not_before || at > ca.not_after ? -SIS_ERR_EXPIRED : 0;
}

int crl_lookup(struct span crl_der, struct span authorities, struct span serial, int64_t at, int64_t *ret_time, uint8_t *ret_reason)
{
	struct crl crl;
	struct span ca;
	int r = crl_parse(crl_der, &crl);
	if (r < 0)
		return r;
	r = -SIS_ERR_UNTRUSTED;
	while (r == -SIS_ERR_UNTRUSTED && authorities_next(&authorities, &ca))
		r = check_issuer(&crl, ca, at);
	if (r < 0)
		return r;
	if (at < crl.this_update - CLOCK_SKEW_S || at > crl.next_update)
		return -SIS_ERR_EXPIRED;
	return crl_find(crl.entries, serial, ret_time, ret_reason);
}

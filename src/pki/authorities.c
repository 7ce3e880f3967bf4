/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The generations of one authority, and how who knows one comes to know the others (RFC 4210 §4.4): each key is vouched for by another in a certificate
 * that is no root itself, a CA certificate of the same name ("self-issued", RFC 5280 §3.2). All of it is a peer's to send: whatever is not exactly that
 * changes nothing. */
#include "pki/backend.h"
#include "pki/der.h"

#include "base/error.h"
#include "base/util.h"

#include <stdlib.h>
#include <string.h>

struct offer {                          /* what is known of one certificate */
	struct span der;
	gnutls_x509_crt_t crt;
	struct certificate facts;
	bool is_root;                   /* self-signed */
};

struct offers { struct offer one[AUTHORITIES_MAX + AUTHORITIES_OFFERED_MAX]; size_t n; };

static void offers_free(struct offers *offers)
{
	while (offers->n > 0)
		gnutls_x509_crt_deinit(offers->one[--offers->n].crt);
}
#define CLEANUP_OFFERS __attribute__((cleanup(offers_free)))

bool authorities_next(struct span *rest, struct span *ret_der)
{
	struct cursor cursor = cursor_from(rest->data, rest->size);
	if (rest->size == 0)
		return false;
	(void)der_get(&cursor, DER_SEQUENCE);
	size_t size = (size_t)(cursor.at - rest->data);
	if (cursor.failed || size == 0)
		return false;
	*ret_der = (struct span){ rest->data, size };
	*rest = (struct span){ rest->data + size, rest->size - size };
	return true;
}

int authorities_check(struct span set)
{
	struct span der = { NULL, 0 };
	unsigned n = 0;
	while (authorities_next(&set, &der)) {
		if (++n > AUTHORITIES_MAX)
			return -SIS_ERR_TOO_LARGE;
		int r = certificate_is_ca(der);
		if (r < 0)
			return r;
	}
	return n == 0 || set.size > 0 ? -SIS_ERR_BAD_FORMAT : 0;
}

bool authorities_find(struct span set, const uint8_t fingerprint[FINGERPRINT_BYTES], struct span *ret_der)
{
	struct span der;
	uint8_t found[FINGERPRINT_BYTES];
	while (authorities_next(&set, &der)) {
		certificate_fingerprint(der, found);
		if (memcmp(found, fingerprint, sizeof(found)) != 0)
			continue;
		if (ret_der != NULL)
			*ret_der = der;
		return true;
	}
	return false;
}

struct span authorities_newest(struct span set)
{
	struct span der, newest = { NULL, 0 };
	struct certificate facts;
	int64_t begun = INT64_MIN;
	while (authorities_next(&set, &der)) {
		if (certificate_parse(der, &facts) < 0 || facts.not_before < begun)
			continue;
		begun = facts.not_before;
		newest = der;
	}
	return newest;
}

/* --- learning --- */

static int take_offer(struct offers *offers, struct span der)
{
	struct offer offer = { .der = der };
	if (offers->n == ARRAY_SIZE(offers->one))
		return -SIS_ERR_TOO_LARGE;
	if (certificate_parse(der, &offer.facts) < 0 || backend_crt_import(der, &offer.crt) < 0)
		return 0;                       /* nothing that we could use */
	offer.is_root = certificate_is_ca(der) == 0;
	offers->one[offers->n++] = offer;
	return 0;
}

static bool names_are_equal(gnutls_x509_crt_t crt, gnutls_x509_crt_t subject)
{
	CLEANUP_DATUM gnutls_datum_t issuer = { NULL, 0 }, name = { NULL, 0 }, wanted = { NULL, 0 };
	if (gnutls_x509_crt_get_raw_issuer_dn(crt, &issuer) < 0 || gnutls_x509_crt_get_raw_dn(crt, &name) < 0 ||
	    gnutls_x509_crt_get_raw_dn(subject, &wanted) < 0)
		return false;
	return name.size > 0 && issuer.size == name.size && memcmp(issuer.data, name.data, name.size) == 0 && wanted.size == name.size &&
	       memcmp(wanted.data, name.data, name.size) == 0;
}

/* Does `cross` certify the key of `root`, under the same name, signed by somebody who is known and not over? Who has ended vouches for nobody; but one
 * that has ended may be vouched for: it is good for what was signed in its time. */
static bool vouches(const struct offer *cross, const struct offer *root, const struct offer *known, int64_t at)
{
	int64_t then = at < root->facts.not_after ? at : root->facts.not_after;
	return !cross->is_root && backend_crt_is_ca(cross->crt) &&
	       memcmp(&cross->facts.public_key, &root->facts.public_key, sizeof(root->facts.public_key)) == 0 &&
	       names_are_equal(cross->crt, root->crt) && names_are_equal(cross->crt, known->crt) &&
	       backend_crt_check_time(cross->crt, then) == 0 && backend_crt_check_time(known->crt, at) == 0 &&
	       backend_crt_is_signed_by(cross->crt, known->crt);
}

static bool is_vouched_for(const struct offers *offers, size_t n_known, const bool known[], const struct offer *root, int64_t at)
{
	for (size_t i = n_known; i < offers->n; i++) {
		for (size_t j = 0; j < offers->n; j++) {
			if (known[j] && vouches(&offers->one[i], root, &offers->one[j], at))
				return true;
		}
	}
	return false;
}

static bool is_same(const struct offer *a, const struct offer *b)
{
	return memcmp(a->facts.fingerprint, b->facts.fingerprint, FINGERPRINT_BYTES) == 0;
}

/* Takes what it can, and then what that vouches for: each round takes one or ends. */
static size_t learn(const struct offers *offers, size_t n_known, bool known[], size_t order[AUTHORITIES_MAX], int64_t at)
{
	size_t n = n_known;
	for (bool took = true; took && n < AUTHORITIES_MAX;) {
		took = false;
		for (size_t i = n_known; i < offers->n && !took; i++) {
			const struct offer *offer = &offers->one[i];
			bool is_new = offer->is_root && !known[i] && offer->facts.public_key.algorithm == KEY_ED25519 && offer->facts.not_before <= at;
			for (size_t j = 0; j < n && is_new; j++)
				is_new = !is_same(offer, &offers->one[order[j]]);
			if (!is_new || !is_vouched_for(offers, n_known, known, offer, at))
				continue;
			known[i] = took = true;
			order[n++] = i;
		}
	}
	return n;
}

int authorities_extend(struct span known, const struct span *offered, size_t n_offered, int64_t at, struct blob *ret_set)
{
	CLEANUP_OFFERS struct offers offers = { .n = 0 };
	bool is_known[AUTHORITIES_MAX + AUTHORITIES_OFFERED_MAX] = { false };
	size_t order[AUTHORITIES_MAX], size = 0;
	struct span der;
	int r = n_offered > AUTHORITIES_OFFERED_MAX ? -SIS_ERR_TOO_LARGE : authorities_check(known);
	while (r == 0 && authorities_next(&known, &der))
		r = take_offer(&offers, der);
	size_t n_known = offers.n;
	for (size_t i = 0; i < n_known; i++) {
		is_known[i] = true;
		order[i] = i;
	}
	for (size_t i = 0; i < n_offered && r == 0; i++)
		r = take_offer(&offers, offered[i]);
	if (r < 0)
		return r;
	size_t n = learn(&offers, n_known, is_known, order, at);
	for (size_t i = 0; i < n; i++)
		size += offers.one[order[i]].der.size;
	struct blob set = { .data = malloc(size), .size = size };
	if (set.data == NULL)
		return -SIS_ERR_NO_MEMORY;
	struct builder builder = builder_from(set.data, size);
	for (size_t i = 0; i < n; i++)
		builder_put_bytes(&builder, offers.one[order[i]].der.data, offers.one[order[i]].der.size);
	*ret_set = set;
	return (int)(n - n_known);
}

static int64_t last_end(struct span set)
{
	struct span der;
	struct certificate facts;
	int64_t end = INT64_MIN;
	while (authorities_next(&set, &der)) {
		if (certificate_parse(der, &facts) == 0 && facts.not_after > end)
			end = facts.not_after;
	}
	return end;
}

bool authorities_lead_to(struct span known, const struct span *offered, size_t n_offered, int64_t now, const uint8_t fingerprint[FINGERPRINT_BYTES])
{
	CLEANUP_BLOB struct blob set = { NULL, 0 };
	struct span reached = known;
	for (unsigned i = 0; i < AUTHORITIES_MAX && !authorities_find(reached, fingerprint, NULL); i++) {
		struct blob more = { NULL, 0 };
		int64_t end = last_end(reached);
		if (authorities_extend(reached, offered, n_offered, end < now ? end : now, &more) < 0)
			return false;
		blob_free(&set);
		set = more;
		reached = (struct span){ set.data, set.size };
	}
	return authorities_find(reached, fingerprint, NULL);
}

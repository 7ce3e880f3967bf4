/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Reading, writing and learning the authorities of a profile. */
#include "sis/authorities.h"

#include "sis/output.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define CA_FILE "ca.pem"
#define CA_FILE_MAX (128u << 10)
#define CACERTS_MAX_BYTES (256u << 10)

static const struct sis *teller;
static pthread_mutex_t adopting = PTHREAD_MUTEX_INITIALIZER;

void authorities_tell_with(const struct sis *sis)
{
	teller = sis;
}

/* ------------------------------------------------ on disk ------------------------------------------------ */

static int parse_all(const char *pem, struct builder *set)
{
	static const char begin[] = "-----BEGIN CERTIFICATE-----", end[] = "-----END CERTIFICATE-----";
	int r = 0;
	for (const char *at = strstr(pem, begin), *to; r == 0 && at != NULL; at = strstr(to, begin)) {
		CLEANUP_BLOB struct blob der = { 0 };
		to = strstr(at, end);
		if (to == NULL)
			return -SIS_ERR_BAD_FORMAT;
		to += sizeof(end) - 1;
		r = certificate_from_pem((struct span){ (const uint8_t *)at, (size_t)(to - at) }, &der);
		if (r == 0)
			builder_put_bytes(set, der.data, der.size);
	}
	return r < 0 ? r : set->failed ? -SIS_ERR_TOO_LARGE : authorities_check((struct span){ set->data, set->size });
}

int authorities_read(struct profile *profile, struct why *why)
{
	CLEANUP_FREE char *text = NULL;
	size_t size;
	CLEANUP_BLOB struct blob set = { xcalloc(1, AUTHORITIES_MAX_BYTES), 0 };
	struct builder builder = builder_from(set.data, AUTHORITIES_MAX_BYTES);
	int r = file_read(profile->dir_fd, CA_FILE, CA_FILE_MAX, &text, &size);
	if (r == 0)
		r = parse_all(text, &builder);
	if (r < 0)
		return why_set(why, r, CA_FILE " of the profile cannot be read: %s; see \"sis doctor\"", error_text(r));
	set.size = builder.size;
	profile->ca = set;
	profile->ca_capacity = AUTHORITIES_MAX_BYTES;
	set = (struct blob){ 0 };
	return 0;
}

int authorities_write(int dir_fd, struct span set)
{
	CLEANUP_FREE char *text = xcalloc(1, CA_FILE_MAX);
	struct builder builder = builder_from(text, CA_FILE_MAX);
	struct span der;
	while (authorities_next(&set, &der)) {
		CLEANUP_BLOB struct blob pem = { 0 };
		int r = certificate_to_pem(der, &pem);
		if (r < 0)
			return r;
		builder_put_bytes(&builder, pem.data, pem.size);
	}
	return builder.failed ? -SIS_ERR_TOO_LARGE : file_write_atomic(dir_fd, CA_FILE, builder.data, builder.size, 0644);
}

/* ------------------------------------------------ learning ------------------------------------------------ */

/* Each is told, whatever it says of its age: the key of one that is known may be in other hands. */
static void tell(struct span der, bool is_newest)
{
	struct certificate facts;
	char fingerprint[2 * FINGERPRINT_BYTES + 1];
	if (teller == NULL || teller->quiet || certificate_parse(der, &facts) < 0)
		return;
	hex_encode(facts.fingerprint, FINGERPRINT_BYTES, fingerprint);
	if (is_newest)
		output_warning(teller, "the server's authority has a successor, certified by the one before and taken into this profile: %s", fingerprint);
	else
		output_warning(teller, "the server's authority has another generation, certified by one that is known and taken into this profile: %s", fingerprint);
}

static bool is_known(const struct profile *profile, struct span der)
{
	uint8_t fingerprint[FINGERPRINT_BYTES];
	certificate_fingerprint(der, fingerprint);
	return authorities_find((struct span){ profile->ca.data, profile->ca.size }, fingerprint, NULL);
}

/* Other threads read what lies before the size, which does not move: authorities_read has made room. */
static void append(const struct profile *profile, struct span der)
{
	struct blob *ca = (struct blob *)(uintptr_t)&profile->ca;
	memcpy(ca->data + ca->size, der.data, der.size);
	__atomic_store_n(&ca->size, ca->size + der.size, __ATOMIC_RELEASE);
}

void authorities_adopt(const struct profile *profile, struct span set)
{
	struct span der;
	bool changed = false;
	pthread_mutex_lock(&adopting);
	struct span newest = authorities_newest(set);
	while (authorities_next(&set, &der)) {
		if (is_known(profile, der) || profile->ca.size + der.size > profile->ca_capacity)
			continue;
		append(profile, der);
		tell(der, der.data == newest.data);
		changed = true;
	}
	/* What cannot be written is learned again next time. */
	if (changed && profile->dir_fd >= 0)
		(void)authorities_write(profile->dir_fd, (struct span){ profile->ca.data, profile->ca.size });
	pthread_mutex_unlock(&adopting);
}

struct cacerts { struct blob ders[AUTHORITIES_OFFERED_MAX]; struct span offered[AUTHORITIES_OFFERED_MAX]; size_t n; };

static void cacerts_free(struct cacerts *cacerts)
{
	for (size_t i = 0; i < cacerts->n; i++)
		blob_free(&cacerts->ders[i]);
}
#define CLEANUP_CACERTS __attribute__((cleanup(cacerts_free)))

static int cacerts_decode(struct span base64, struct cacerts *cacerts)
{
	if (est_decode_certificates(base64, cacerts->ders, AUTHORITIES_OFFERED_MAX, &cacerts->n) < 0)
		return -SIS_ERR_PROTOCOL;
	for (size_t i = 0; i < cacerts->n; i++)
		cacerts->offered[i] = (struct span){ cacerts->ders[i].data, cacerts->ders[i].size };
	return 0;
}

int authorities_from_cacerts(struct span known, struct span base64, struct blob *ret_set)
{
	CLEANUP_CACERTS struct cacerts cacerts = { .n = 0 };
	int r = cacerts_decode(base64, &cacerts);
	if (r == 0)
		r = authorities_extend(known, cacerts.offered, cacerts.n, time_now(), ret_set);
	return r < 0 ? r : 0;
}

bool authorities_cacerts_lead_to(struct span known, struct span base64, const uint8_t fingerprint[FINGERPRINT_BYTES])
{
	CLEANUP_CACERTS struct cacerts cacerts = { .n = 0 };
	return cacerts_decode(base64, &cacerts) == 0 && authorities_lead_to(known, cacerts.offered, cacerts.n, time_now(), fingerprint);
}

int authorities_fetch(struct session *session, struct why *why)
{
	const struct profile *profile = session_profile(session);
	CLEANUP_BLOB struct blob body = { 0 }, set = { 0 };
	int r = session_get(session, "/.well-known/est/cacerts", CACERTS_MAX_BYTES, &body, why);
	if (r < 0)
		return r;
	r = authorities_from_cacerts((struct span){ profile->ca.data, profile->ca.size }, (struct span){ body.data, body.size }, &set);
	if (r < 0)
		return why_set(why, r, "the certificates of the server's authority cannot be read");
	authorities_adopt(profile, (struct span){ set.data, set.size });
	return 0;
}

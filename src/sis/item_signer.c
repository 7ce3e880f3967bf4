/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Who signed something: the certificate up to the authority, when it was good, whether it was revoked, and whether it is the key that is pinned. */
#include "sis/item.h"

#include "sis/introductions.h"
#include "sis/output.h"
#include "sis/people.h"
#include "sis/signers.h"
#include "sis/verified.h"

#include <string.h>

#define CERTIFICATES_MAX 1024u
/* Clocks of honest devices differ. */
#define CLOCK_SKEW_S 600
#define REASON_KEY_COMPROMISE 1         /* RFC 5280 §5.3.1 */
#define REASON_CA_COMPROMISE 2

/* Chain and list, once for each certificate; the times at which it signed are looked at by the caller. */
static int check_certificate(const struct acceptor *acceptor, const struct blob *der, struct signer *signer, struct why *why)
{
	struct span span = { der->data, der->size }, ca = { acceptor->profile->ca.data, acceptor->profile->ca.size };
	struct verified *verified = pins_verified(acceptor->pins);
	int r = certificate_parse(span, &signer->facts);
	if (r == 0 && !verified_knows(verified, VERIFIED_CERTIFICATE_THEN, signer->facts.fingerprint, (struct span){ 0 })) {
		r = certificate_verify(span, ca, signer->facts.not_before);
		if (r == 0)
			verified_add(verified, VERIFIED_CERTIFICATE_THEN, signer->facts.fingerprint, (struct span){ 0 });
	}
	if (r < 0)
		return why_set(why, r, "the certificate of the device that signed it does not hold: %s", error_text(r));
	if (acceptor->crl.size == 0)
		return 0;
	r = crl_lookup((struct span){ acceptor->crl.data, acceptor->crl.size }, ca, (struct span){ signer->facts.serial, signer->facts.serial_size },
	               acceptor->now, &signer->revoked_at, &signer->reason);
	signer->revoked = r == 1;
	return r < 0 ? why_set(why, r, "the server's revocation list does not hold: %s; tell the administrator", error_text(r)) : 0;
}

/* One entry of the array: 0 when it is the certificate that we look for and it holds, AGAIN when it is another. */
static int try_certificate(const struct acceptor *acceptor, const json_t *entry, const uint8_t fingerprint[DIGEST_BYTES], struct signer *ret_signer,
                           struct why *why)
{
	const char *pem = json_member_string(entry, "certificate");
	struct signer signer = { 0 };
	CLEANUP_BLOB struct blob der = { 0 };
	uint8_t found[FINGERPRINT_BYTES];
	if (pem != NULL && signers_find(acceptor->signers, pem, &signer)) {
		*ret_signer = signer;
		return memcmp(signer.facts.fingerprint, fingerprint, sizeof(found)) == 0 ? 0 : -SIS_ERR_AGAIN;
	}
	if (pem == NULL || certificate_from_pem(span_from_string(pem), &der) < 0)
		return -SIS_ERR_AGAIN;
	certificate_fingerprint((struct span){ der.data, der.size }, found);
	if (memcmp(found, fingerprint, sizeof(found)) != 0)
		return -SIS_ERR_AGAIN;
	int r = check_certificate(acceptor, &der, &signer, why);
	if (r < 0)
		return r;
	signers_add(acceptor->signers, &signer, pem);
	*ret_signer = signer;
	return 0;
}

static int find_signer(const struct acceptor *acceptor, const json_t *certificates, const uint8_t fingerprint[DIGEST_BYTES], const char *user,
                       struct signer *ret_signer, const json_t **ret_entry, struct why *why)
{
	size_t i;
	json_t *entry;
	if (!json_is_array(certificates) || json_array_size(certificates) > CERTIFICATES_MAX)
		return why_set(why, -SIS_ERR_PROTOCOL, "the server's description of the item has no certificates");
	json_array_foreach((json_t *)(uintptr_t)certificates, i, entry) {
		int r = try_certificate(acceptor, entry, fingerprint, ret_signer, why);
		if (r == -SIS_ERR_AGAIN)
			continue;
		*ret_entry = entry;
		return r;
	}
	return why_set(why, -SIS_ERR_UNTRUSTED, "the certificate of the device of %s that signed it is missing", user);
}

/* A device that was revoked later made good items before, unless its key had fallen into other hands: then no time that it claims counts. */
static int judge_revocation(const char *user, int64_t revoked, unsigned reason, int64_t made, int64_t received, int64_t *ret_revoked, struct why *why)
{
	if (reason == REASON_KEY_COMPROMISE || reason == REASON_CA_COMPROMISE)
		return why_set(why, -SIS_ERR_REVOKED, "the device of %s that made it was revoked because its key was compromised; ask %s to share it again", user,
		               user);
	/* Times have whole seconds: what came in the second of the revocation came before it, or the server would not have taken it. */
	if (made > revoked || received > revoked)
		return why_set(why, -SIS_ERR_REVOKED, "the device of %s that made it had been revoked before; ask %s to share it again", user, user);
	*ret_revoked = revoked;
	return 0;
}

/* Twice: by what the server says of this certificate, and by the list that the authority signed. The stricter counts. */
static int check_revocation(const json_t *entry, const struct signer *signer, int64_t made, int64_t received, int64_t *ret_revoked, struct why *why)
{
	const json_t *told = json_object_get(entry, "revoked");
	const char *user = signer->facts.user;
	uint64_t reason = 0;
	int64_t revoked;
	if (told != NULL && !json_is_null(told)) {
		if (!json_is_string(told) || time_decode(span_from_string(json_string_value(told)), &revoked) < 0)
			return why_set(why, -SIS_ERR_PROTOCOL, "the server's word on a revocation is malformed");
		json_member_u64(entry, "reason", &reason);
		int r = judge_revocation(user, revoked, (unsigned)reason, made, received, ret_revoked, why);
		if (r < 0)
			return r;
	}
	return signer->revoked ? judge_revocation(user, signer->revoked_at, signer->reason, made, received, ret_revoked, why) : 0;
}

static int check_pin(const struct acceptor *acceptor, const char *user, const struct certificate *facts, enum pin_state *ret_state, struct why *why)
{
	struct pins *pins = acceptor->pins;
	if (pins_is_strict(pins, user) && !pins_has_device(pins, user, facts->device))
		introductions_ask(acceptor->introductions, user);
	int r = pins_check(pins, user, facts->device, &facts->public_key, NULL, ret_state, why);
	if (r == 0 && *ret_state == PIN_NEW_DEVICE)
		people_tell_new_device(acceptor->sis, user, facts->device, &facts->public_key);
	return r;
}

/* Everything but the pin. */
static int check_signer(const struct acceptor *acceptor, const json_t *certificates, const uint8_t fingerprint[DIGEST_BYTES], const char *user, int64_t time,
                        int64_t received, struct certificate *ret_facts, int64_t *ret_revoked, struct why *why)
{
	const json_t *entry = NULL;
	struct signer signer;
	int r = find_signer(acceptor, certificates, fingerprint, user, &signer, &entry, why);
	if (r < 0)
		return r;
	const struct certificate *facts = &signer.facts;
	if (strcmp(facts->user, user) != 0)
		return why_set(why, -SIS_ERR_MISMATCH, "it says that it is by %s, but somebody else's certificate signed it", user);
	if (time > acceptor->now + CLOCK_SKEW_S)
		return why_set(why, -SIS_ERR_MISMATCH, "it says that it was made in the future; check this device's clock");
	/* Clocks differ: a device may sign in the minutes before its certificate begins. */
	if (time < facts->not_before - CLOCK_SKEW_S || time > facts->not_after)
		return why_set(why, -SIS_ERR_EXPIRED, "the certificate of %s that signed it was not valid at that time", user);
	r = check_revocation(entry, &signer, time, received, ret_revoked, why);
	if (r == 0)
		*ret_facts = *facts;
	return r;
}

int item_check_signer(const struct acceptor *acceptor, const json_t *certificates, const uint8_t fingerprint[DIGEST_BYTES], const char *user, int64_t time,
                      int64_t received, struct certificate *ret_facts, enum pin_state *ret_pin_state, int64_t *ret_revoked, struct why *why)
{
	int r = check_signer(acceptor, certificates, fingerprint, user, time, received, ret_facts, ret_revoked, why);
	return r == 0 ? check_pin(acceptor, user, ret_facts, ret_pin_state, why) : r;
}

int item_check_granter(const struct acceptor *acceptor, const json_t *certificates, const uint8_t fingerprint[DIGEST_BYTES], const char *user, int64_t time,
                       struct certificate *ret_facts, int64_t *ret_revoked, struct why *why)
{
	enum pin_state state;
	struct why pin_why = { "" };
	/* A grant may be younger than the item: when it was received is not told, so its own time stands for that. */
	int r = check_signer(acceptor, certificates, fingerprint, user, time, time, ret_facts, ret_revoked, why);
	if (r == 0)
		r = check_pin(acceptor, user, ret_facts, &state, &pin_why);
	/* That a further device of our own, which is not approved here, has handed the key on does no harm: what is read is what its owner signed, and the
	 * signed commitment says that this is the key. */
	if (r == -SIS_ERR_PIN_CHANGED && strcmp(user, acceptor->profile->user) == 0 && strcmp(ret_facts->device, acceptor->profile->device) != 0 &&
	    !pins_has_device(acceptor->pins, user, ret_facts->device))
		return 0;
	return r < 0 && pin_why.text[0] != '\0' ? why_set(why, r, "%s", pin_why.text) : r;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A certificate for an invite: for the keys of before, or for new ones. */
#include "sis/enroll.h"

#include "crypto/hpke.h"

#include <stdlib.h>
#include <string.h>

static char *basic_authorization(const char *user, const char *secret)
{
	CLEANUP_FREE char *plain = xasprintf("%s:%s", user, secret);
	size_t size = strlen(plain);
	char *value = xcalloc(1, 6 + 4 * ((size + 2) / 3) + 1);
	memcpy(value, "Basic ", 6);
	base64_encode_padded(plain, size, value + 6);
	secret_wipe(plain, size);
	return value;
}

/* old: whose keys or past these are, or NULL. Its server's authority may have had successors since. */
static int certify(const struct invite *invite, const char *password, struct profile *profile, const struct profile *old, struct why *why)
{
	struct http_client *client = NULL;
	int r = enroll_client(profile, invite->ca_fingerprint, false, &client);
	if (r == 0)
		r = enroll_meet(client, invite, old, profile, why);
	if (r == 0) {
		char *authorization = basic_authorization(invite->user, password != NULL ? password : invite->code);
		const struct http_client_header login = { "Authorization", authorization };
		r = enroll_request(client, "/.well-known/est/simpleenroll", &login, profile, &profile->key, &profile->certificate, why);
		secret_free_text(authorization);
	}
	http_client_free(client);
	if (r == 0)
		r = certificate_parse((struct span){ profile->certificate.data, profile->certificate.size }, &profile->facts);
	if (r == 0)
		strcpy(profile->device, profile->facts.device);
	return r;
}

/* What a recovery page or a profile that is there says of us. */
int enroll_check_old(const struct profile *old, const struct invite *invite, struct why *why)
{
	if (strcmp(old->user, invite->user) != 0)
		return why_set(why, -SIS_ERR_MISMATCH, "the invite is for %s, but these keys are those of %s; ask the administrator for the right one", invite->user, old->user);
	return 0;
}

static int take_former(struct profile *profile, const struct profile *old)
{
	int r = 0;
	for (unsigned i = 0; i < old->n_former && r == 0; i++)
		r = profile_add_former(profile, old->former[i].device, &old->former[i].key);
	return r;
}

int enroll_certify_old(const struct invite *invite, struct profile *profile, const struct profile *old, struct why *why)
{
	char wanted[NAME_MAX_TEXT + 1];
	memcpy(wanted, profile->device, sizeof(wanted));
	profile->key = old->key;
	profile->encryption_key = old->encryption_key;
	memcpy(profile->device, old->device, sizeof(profile->device));
	int r = certify(invite, NULL, profile, old, why);
	if (r == 0 && strcmp(profile->device, old->device) != 0)
		return why_set(why, -SIS_ERR_PROTOCOL, "the server gave a certificate for the device \"%s\" instead of \"%s\"", profile->device, old->device);
	if (r < 0) {
		memcpy(profile->device, wanted, sizeof(wanted));
		blob_free(&profile->ca);
	}
	return r == 0 ? take_former(profile, old) : r;
}

int enroll_certify_new(const struct invite *invite, const char *password, struct profile *profile, const struct profile *old, struct why *why)
{
	uint8_t public_key[HPKE_KEY_BYTES];
	int r = signing_key_generate(KEY_ED25519, &profile->key);
	if (r == 0)
		r = hpke_generate_key(&profile->encryption_key, public_key);
	/* A revoked device's name is not given again: the server chooses. */
	if (old != NULL && strcmp(profile->device, old->device) == 0)
		profile->device[0] = '\0';
	if (r == 0)
		r = certify(invite, password, profile, old, why);
	if (r == 0 && old != NULL)
		r = take_former(profile, old);
	return r == 0 && old != NULL ? profile_add_former(profile, old->device, &old->encryption_key) : r;
}

/* By a recovery page: as the device that we were, as long as the server knows it; else (it was revoked, or the invite names another) as a new one that
 * reads with the old one's key. The invite is still good when the server refuses the old key (ledger/enroll.c). */
int enroll_certify_recovered(const char *device, const struct invite *invite, struct profile *profile, const struct profile *old, struct why *why)
{
	int r = enroll_check_old(old, invite, why);
	if (r == 0 && (device == NULL || strcmp(device, old->device) == 0)) {
		r = enroll_certify_old(invite, profile, old, why);
		if (r != -SIS_ERR_EXISTS && r != -SIS_ERR_CONFLICT)
			return r;
		why->text[0] = '\0';
		r = 0;
	}
	return r == 0 ? enroll_certify_new(invite, NULL, profile, old, why) : r;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sis renew: a new certificate before the old one ends, and the encryption key published again under it. */
#include "sis/command.h"
#include "sis/enroll.h"
#include "sis/output.h"

#include <string.h>

struct renew_options { bool new_key; };

static const struct option_row rows[] = {
	{ "new-key", 0, NULL, "with a new signing key: your contacts will have to accept it", OPTION_FLAG, offsetof(struct renew_options, new_key) },
};

static int renew(struct profile *profile, bool new_key, struct why *why)
{
	struct signing_key key = profile->key;
	char proof[REKEY_PROOF_TEXT + 1];
	const struct http_client_header header = { "Sis-Rekey-Proof", proof };
	struct http_client *client = NULL;
	CLEANUP_BLOB struct blob certificate = { 0 };
	int r = new_key ? signing_key_generate(KEY_ED25519, &key) : 0;
	if (r == 0 && new_key)
		r = rekey_proof_make(&profile->key, profile->facts.fingerprint, &key.public_key, proof);
	if (r == 0)
		r = enroll_client(profile, NULL, true, &client);
	if (r == 0)
		r = enroll_request(client, "/.well-known/est/simplereenroll", new_key ? &header : NULL, profile, &key, &certificate, why);
	http_client_free(client);
	if (r == 0)
		r = profile_replace_certificate(profile, new_key ? &key : NULL, (struct span){ certificate.data, certificate.size }, why);
	if (r == 0) {
		signing_key_wipe(&profile->key);
		profile->key = key;
		blob_free(&profile->certificate);
		profile->certificate = certificate;
		certificate = (struct blob){ 0 };
		r = certificate_parse((struct span){ profile->certificate.data, profile->certificate.size }, &profile->facts);
	}
	signing_key_wipe(&key);
	return r;
}

/* The old key statement names the old certificate: until the new one is published, nobody can share with this device. */
static int publish(const struct profile *profile, struct why *why)
{
	struct http_client *client = NULL;
	struct why inner = { "" };
	int r = enroll_client(profile, NULL, true, &client);
	if (r == 0)
		r = enroll_publish_key(client, profile, &inner);
	http_client_free(client);
	return r < 0 ? why_set(why, r, "the certificate is renewed, but the encryption key is not published yet (%.300s); run \"sis renew\" again",
	                       why_text(&inner, r)) : 0;
}

static int run(const struct sis *sis, void *options_, char **arguments, unsigned n)
{
	const struct renew_options *options = options_;
	CLEANUP_PROFILE struct profile *profile = NULL;
	struct why why = { "" };
	char until[TIME_TEXT + 1] = "";
	(void)arguments;
	(void)n;
	int r = profile_open(sis, &profile, &why);
	if (r == 0)
		r = renew(profile, options->new_key, &why);
	if (r == 0)
		r = publish(profile, &why);
	if (r < 0) {
		output_error(sis, NULL, r, &why);
		return output_status(1, 1, r);
	}
	time_encode(profile->facts.not_after, until);
	if (sis->json)
		output_json(json_pack("{s:s, s:s, s:s, s:b}", "user", profile->user, "device", profile->device, "not_after", until, "new_key",
		                      (int)options->new_key));
	else if (!sis->quiet)
		output_line("the certificate of %s, device %s, holds until %s", profile->user, profile->device, until);
	return 0;
}

const struct command command_renew = {
	"renew", "", "renew this device's certificate",
	"Gets a new certificate from the server with the one that is still valid, for the same key or a new one, and publishes the encryption key again.",
	rows, ARRAY_SIZE(rows), 0, 0, sizeof(struct renew_options), run,
};

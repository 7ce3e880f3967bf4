/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sis renew: a new certificate before the old one ends, and the encryption key published again under it. */
#include "sis/command.h"
#include "sis/output.h"
#include "sis/renewal.h"

#include <string.h>

struct renew_options { bool new_key; };

static const struct option_row rows[] = {
	{ "new-key", 0, NULL, "with a new signing key: your contacts will have to accept it", OPTION_FLAG, offsetof(struct renew_options, new_key) },
};

/* Whoever has renewed meanwhile was waited for, and the profile is another one then. */
static int open_alone(const struct sis *sis, struct profile **ret_profile, int *ret_lock, struct why *why)
{
	CLEANUP_PROFILE struct profile *profile = NULL;
	CLEANUP_BLOB struct blob der = { 0 };
	int r = profile_open(sis, &profile, why);
	if (r == 0)
		r = renewal_lock(profile, ret_lock, why);
	if (r < 0)
		return r;
	if (profile_load_certificate(profile, &der) < 0 || der.size != profile->certificate.size || memcmp(der.data, profile->certificate.data, der.size) != 0) {
		profile_free(profile);
		profile = NULL;
		r = profile_open(sis, &profile, why);
	}
	*ret_profile = profile;
	profile = NULL;
	return r;
}

static int run(const struct sis *sis, void *options_, char **arguments, unsigned n)
{
	const struct renew_options *options = options_;
	CLEANUP_PROFILE struct profile *profile = NULL;
	CLEANUP_FD int lock = -1;
	struct why why = { "" };
	char until[TIME_TEXT + 1] = "";
	(void)arguments;
	(void)n;
	int r = open_alone(sis, &profile, &lock, &why);
	if (r == 0)
		r = renewal_renew(profile, options->new_key, &why);
	if (r == 0)
		r = renewal_publish(profile, &why);
	if (r < 0) {
		output_error(sis, NULL, r, &why);
		return output_status(1, 1, r);
	}
	output_moment(sis, profile->facts.not_after, until, sizeof(until));
	if (sis->json)
		output_json(json_pack("{s:s, s:s, s:s, s:b}", "user", profile->user, "device", profile->device, "not_after", until, "new_key",
		                      (int)options->new_key));
	else if (!sis->quiet)
		output_line("the certificate of %s, device %s, holds until %s", profile->user, profile->device, until);
	return 0;
}

const struct command command_renew = {
	"renew", "", "renew this device's certificate",
	"Gets a new certificate from the server with the one that is still valid, for the same key or a new one, and publishes the encryption key again.\n"
	"Other commands do so by themselves when two thirds of the certificate's time are over. What was shared before stays readable.",
	rows, ARRAY_SIZE(rows), 0, 0, sizeof(struct renew_options), run,
};

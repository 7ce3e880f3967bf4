/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sis renew: a new certificate before the old one ends, and the encryption key published again under it. */
#include "sis/command.h"
#include "sis/output.h"
#include "sis/renewal.h"

struct renew_options { bool new_key; };

static const struct option_row rows[] = {
	{ "new-key", 0, NULL, "with a new signing key: your contacts will have to accept it", OPTION_FLAG, offsetof(struct renew_options, new_key) },
};

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
		r = renewal_renew(profile, options->new_key, &why);
	if (r == 0)
		r = renewal_publish(profile, &why);
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
	"Gets a new certificate from the server with the one that is still valid, for the same key or a new one, and publishes the encryption key again.\n"
	"Other commands do so by themselves when two thirds of the certificate's time are over. What was shared before stays readable.",
	rows, ARRAY_SIZE(rows), 0, 0, sizeof(struct renew_options), run,
};

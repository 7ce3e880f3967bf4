/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sis whoami: who this profile is, by its own files and by the server's word. */
#include "sis/command.h"
#include "sis/output.h"
#include "sis/pins.h"
#include "sis/session.h"

#include <stdlib.h>
#include <string.h>

static void show(const struct sis *sis, const struct profile *profile, const json_t *answer)
{
	char fingerprint[2 * FINGERPRINT_BYTES + 1], until[TIME_TEXT + 1] = "", pin[PIN_TEXT];
	const char *server_time = json_member_string(answer, "server_time");
	hex_encode(profile->facts.fingerprint, FINGERPRINT_BYTES, fingerprint);
	output_moment(sis, profile->facts.not_after, until, sizeof(until));
	pin_format(&profile->facts.public_key, pin);
	if (sis->json)
		output_json(json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s*}", "user", profile->user, "device", profile->device, "host", profile->host, "port",
		                      profile->port, "key", pin, "fingerprint", fingerprint, "not_after", until, "server_time", server_time));
	else
		output_line("%s, device %s, on %s:%s\nkey          %s\ncertificate  %s\nvalid until  %s", profile->user, profile->device, profile->host,
		            profile->port, pin, fingerprint, until);
}

static int run(const struct sis *sis, void *options, char **arguments, unsigned n)
{
	CLEANUP_PROFILE struct profile *profile = NULL;
	CLEANUP_SESSION struct session *session = NULL;
	CLEANUP_JSON json_t *answer = NULL;
	struct why why = { "" };
	(void)options;
	(void)arguments;
	(void)n;
	int r = profile_open(sis, &profile, &why);
	if (r == 0)
		r = session_open(profile, &session);
	if (r == 0)
		r = session_get_json(session, "/v1/whoami", 65536, &answer, &why);
	if (r == 0) {
		const char *user = json_member_string(answer, "user"), *device = json_member_string(answer, "device");
		if (user == NULL || device == NULL || strcmp(user, profile->user) != 0 || strcmp(device, profile->device) != 0)
			r = why_set(&why, -SIS_ERR_MISMATCH, "the server takes this device for somebody else; tell the administrator");
	}
	if (r == 0)
		show(sis, profile, answer);
	else
		output_error(sis, NULL, r, &why);
	return output_status(r < 0, 1, r);
}

const struct command command_whoami = {
	"whoami", "", "who you are to the server",
	"Asks the server as whom it knows this device. The key shown is what your contacts have pinned: read it to them when they ask.",
	NULL, 0, 0, 0, 0, run,
};

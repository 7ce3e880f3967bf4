/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sisctl ca: the generations of the certificate authority, and the next one. */
#include "sisctl/sisctl.h"

#include "base/util.h"

#include <string.h>
#include <sysexits.h>

static const struct column columns[] = {
	{ "STATE", "state", CELL_TEXT }, { "FROM", "not_before", CELL_TIME }, { "UNTIL", "not_after", CELL_TIME }, { "FINGERPRINT", "fingerprint", CELL_TEXT, NARROW_FOLD },
};

static int list(struct sisctl *sisctl)
{
	CLEANUP_REPLY struct varlink_reply reply = { 0 };
	int r = sisctl_call(sisctl, "ListAuthorities", json_object(), &reply);
	if (r != 0)
		return r;
	if (sisctl->json)
		output_json(reply.parameters);
	else
		output_table(json_object_get(reply.parameters, "authorities"), columns, ARRAY_SIZE(columns), "The daemon names no authority.");
	return output_finish();
}

static int roll_over(struct sisctl *sisctl)
{
	CLEANUP_REPLY struct varlink_reply reply = { 0 };
	int r = sisctl_call(sisctl, "RollOver", json_object(), &reply);
	if (r != 0)
		return r;
	const char *fingerprint = json_member_string(reply.parameters, "fingerprint");
	if (sisctl->json) {
		output_json(reply.parameters);
	} else {
		fputs("The certificate authority has a successor, which signs from now on: ", stdout);
		output_text(stdout, fingerprint != NULL ? fingerprint : "?");
		puts("\nDevices learn of it by themselves; invites from before still work. Back up keys/ again: the new key is in no backup yet.");
	}
	return output_finish();
}

int command_ca(struct sisctl *sisctl, char **arguments, const char *const *values)
{
	if (arguments[0] == NULL)
		return list(sisctl);
	if (strcmp(arguments[0], "rollover") == 0)
		return roll_over(sisctl);
	return output_error(EX_USAGE, "ca knows \"rollover\" and nothing else, not %s", arguments[0]);
}

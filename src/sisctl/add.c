/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sisctl add, sisctl invite: the invite line is all that appears on standard output, so that it can be piped to whoever sends it. */
#include "sisctl/sisctl.h"

#include <sysexits.h>

static int print_invite(struct sisctl *sisctl, const char *method, const char *user, const char *device)
{
	CLEANUP_REPLY struct varlink_reply reply = { 0 };
	int r = sisctl_call(sisctl, method, parameters_new("user", user, "device", device, NULL), &reply);
	if (r != 0)
		return r;
	const char *invite = json_member_string(reply.parameters, "invite");
	if (invite == NULL)
		return output_error(EX_PROTOCOL, "the daemon's answer holds no invite: are sisd and sisctl of the same version?");
	if (sisctl->json) {
		output_json(reply.parameters);
	} else {
		output_text(stdout, invite);
		putchar('\n');
	}
	return output_finish();
}

int command_add(struct sisctl *sisctl, char **arguments, const char *const *values)
{
	return print_invite(sisctl, "AddUser", arguments[0], values[0]);
}

int command_invite(struct sisctl *sisctl, char **arguments, const char *const *values)
{
	return print_invite(sisctl, "Invite", arguments[0], values[0]);
}

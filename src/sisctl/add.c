/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sisctl add, sisctl invite: the invite line is all that appears on standard output, so that it can be piped to whoever sends it. */
#include "sisctl/sisctl.h"

#include <sysexits.h>

static int print_reply(const struct sisctl *sisctl, const struct varlink_reply *reply)
{
	const char *invite = json_member_string(reply->parameters, "invite");
	if (invite == NULL)
		return output_error(EX_PROTOCOL, "the daemon's answer holds no invite: are sisd and sisctl of the same version?");
	if (sisctl->json) {
		output_json(reply->parameters);
	} else {
		output_text(stdout, invite);
		putchar('\n');
	}
	return output_finish();
}

static int print_invite(struct sisctl *sisctl, const char *user, const char *device)
{
	CLEANUP_REPLY struct varlink_reply reply = { 0 };
	int r = sisctl_call(sisctl, "Invite", parameters_new("user", user, "device", device, NULL), &reply);
	return r != 0 ? r : print_reply(sisctl, &reply);
}

/* Who names a device may add it to somebody who is there. Without one the name might have been meant for a new person: then it is refused. */
int command_add(struct sisctl *sisctl, char **arguments, const char *const *values)
{
	CLEANUP_REPLY struct varlink_reply reply = { 0 };
	const char *user = arguments[0], *device = values[0];
	bool exists = false;
	int r = sisctl_send(sisctl, "AddUser", parameters_new("user", user, "device", device, NULL), false);
	if (r == 0)
		r = sisctl_receive_unless(sisctl, "io.sis.control.UserExists", &reply, device != NULL ? &exists : NULL);
	if (r != 0)
		return r;
	if (!exists)
		return print_reply(sisctl, &reply);
	output_error(0, "%s is a user already: this invites one more device", user);
	return print_invite(sisctl, user, device);
}

int command_invite(struct sisctl *sisctl, char **arguments, const char *const *values)
{
	return print_invite(sisctl, arguments[0], values[0]);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sisctl clock accept: the administrator has looked at the clock. */
#include "sisctl/sisctl.h"

#include <string.h>
#include <sysexits.h>

int command_clock(struct sisctl *sisctl, char **arguments, const char *const *values)
{
	CLEANUP_REPLY struct varlink_reply reply = { 0 };
	if (strcmp(arguments[0], "accept") != 0)
		return output_error(EX_USAGE, "clock knows \"accept\" and nothing else, not %s", arguments[0]);
	int r = sisctl_call(sisctl, "AcceptClock", json_object(), &reply);
	if (r != 0)
		return r;
	if (sisctl->json)
		output_json(reply.parameters);
	else
		puts("The clock counts again: what has ended is removed.");
	return output_finish();
}

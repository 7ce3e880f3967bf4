/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sisctl user disable|enable, sisctl disconnect: ends that are none. */
#include "sisctl/sisctl.h"

#include <inttypes.h>
#include <string.h>
#include <sysexits.h>

static int finish_closed(struct sisctl *sisctl, const char *user, const char *device, const char *words, const struct varlink_reply *reply)
{
	uint64_t n = 0;
	(void)json_member_u64(reply->parameters, "connections", &n);
	if (sisctl->json)
		output_json(reply->parameters);
	else    /* the names as they were typed are known to be names: the daemon has just found them */
		printf("%s%s%s is %s: %" PRIu64 " live connection%s closed.\n", user, device != NULL ? "/" : "", device != NULL ? device : "", words, n, n == 1 ? "" : "s");
	return output_finish();
}

int command_user(struct sisctl *sisctl, char **arguments, const char *const *values)
{
	bool disable = strcmp(arguments[0], "disable") == 0;
	if (!disable && strcmp(arguments[0], "enable") != 0)
		return output_error(EX_USAGE, "say disable or enable, not %s: sisctl user disable|enable USER", arguments[0]);
	CLEANUP_REPLY struct varlink_reply reply = { 0 };
	int r = sisctl_call(sisctl, disable ? "DisableUser" : "EnableUser", parameters_new("user", arguments[1], NULL), &reply);
	if (r != 0)
		return r;
	if (disable)
		return finish_closed(sisctl, arguments[1], NULL, "disabled", &reply);
	if (sisctl->json)
		output_json(reply.parameters);
	else
		printf("%s is enabled again.\n", arguments[1]);
	return output_finish();
}

int command_disconnect(struct sisctl *sisctl, char **arguments, const char *const *values)
{
	CLEANUP_REPLY struct varlink_reply reply = { 0 };
	int r = sisctl_call(sisctl, "Disconnect", parameters_new("user", arguments[0], "device", values[0], NULL), &reply);
	return r != 0 ? r : finish_closed(sisctl, arguments[0], values[0], "disconnected", &reply);
}

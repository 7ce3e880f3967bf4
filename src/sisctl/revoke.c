/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sisctl revoke: the end of a user or of one device. When it returns, every live connection of theirs has been closed. */
#include "sisctl/sisctl.h"

#include "base/error.h"

#include <inttypes.h>
#include <stdlib.h>

enum { OPTION_DEVICE, OPTION_REASON, OPTION_COMPROMISED };

int command_revoke(struct sisctl *sisctl, char **arguments, const char *const *values)
{
	json_t *parameters = parameters_new("user", arguments[0], "device", values[OPTION_DEVICE], "reason", values[OPTION_REASON], NULL);
	if (values[OPTION_COMPROMISED] != NULL && json_object_set_new(parameters, "compromised", json_true()) < 0)
		abort();

	CLEANUP_REPLY struct varlink_reply reply = { 0 };
	int r = sisctl_call(sisctl, "Revoke", parameters, &reply);
	if (r != 0)
		return r;
	if (sisctl->json) {
		output_json(reply.parameters);
		return output_finish();
	}
	uint64_t n_devices = 0, n_connections = 0;
	(void)json_member_u64(reply.parameters, "devices", &n_devices);
	(void)json_member_u64(reply.parameters, "connections", &n_connections);
	/* The user's name as it was typed is known to be one: the daemon has just found it. */
	printf("%s%s%s is revoked: %" PRIu64 " device%s, %" PRIu64 " live connection%s closed.\n", arguments[0], values[OPTION_DEVICE] ? "/" : "",
	       values[OPTION_DEVICE] ? values[OPTION_DEVICE] : "", n_devices, n_devices == 1 ? "" : "s", n_connections, n_connections == 1 ? "" : "s");
	return output_finish();
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sisctl list: who there is, and how much they keep here. */
#include "sisctl/sisctl.h"

#include "base/util.h"

static const struct column columns[] = {
	{ "USER", "user", CELL_TEXT, NARROW_CUT }, { "STATE", "state", CELL_TEXT }, { "DEVICES", "devices", CELL_NUMBER }, { "INVITES", "invites", CELL_NUMBER },
	{ "ITEMS", "items", CELL_NUMBER }, { "SIZE", "bytes", CELL_SIZE }, { "CREATED", "created", CELL_TIME },
};

int command_list(struct sisctl *sisctl, char **arguments, const char *const *values)
{
	CLEANUP_REPLY struct varlink_reply reply = { 0 };
	int r = sisctl_call(sisctl, "ListUsers", json_object(), &reply);
	if (r != 0)
		return r;
	if (sisctl->json)
		output_json(reply.parameters);
	else
		output_table(json_object_get(reply.parameters, "users"), columns, ARRAY_SIZE(columns),
		             "There are no users yet. Add one with: sisctl add NAME");
	return output_finish();
}

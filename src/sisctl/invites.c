/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sisctl invites: those that are open, without their codes, which only the invited have; and taking them back. */
#include "sisctl/sisctl.h"

#include "base/util.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

static const struct column columns[] = {
	{ "ID", "id", CELL_NUMBER }, { "USER", "user", CELL_TEXT, NARROW_CUT }, { "DEVICE", "device", CELL_TEXT, NARROW_CUT }, { "CREATED", "created", CELL_TIME },
	{ "EXPIRES", "expires", CELL_TIME },
};

/* Digits alone are the number of an invite. */
static json_t *read_whose(const char *word)
{
	if (strspn(word, "0123456789") != strlen(word) || *word == '\0' || strlen(word) > 18)
		return parameters_new("user", word, NULL);
	json_t *parameters = json_object();
	if (json_object_set_new(parameters, "id", json_integer(strtoll(word, NULL, 10))) < 0)
		abort();
	return parameters;
}

static int take_back(struct sisctl *sisctl, const char *whose)
{
	CLEANUP_REPLY struct varlink_reply reply = { 0 };
	int r = sisctl_call(sisctl, "RevokeInvites", read_whose(whose), &reply);
	if (r != 0)
		return r;
	uint64_t n = 0;
	const char *user = json_member_string(reply.parameters, "user");
	(void)json_member_u64(reply.parameters, "invites", &n);
	if (sisctl->json) {
		output_json(reply.parameters);
	} else {
		output_text(stdout, user != NULL ? user : "?");
		printf(": %" PRIu64 " invite%s taken back.\n", n, n == 1 ? "" : "s");
	}
	return output_finish();
}

int command_invites(struct sisctl *sisctl, char **arguments, const char *const *values)
{
	if (values[0] != NULL)
		return take_back(sisctl, values[0]);
	CLEANUP_REPLY struct varlink_reply reply = { 0 };
	int r = sisctl_call(sisctl, "ListInvites", json_object(), &reply);
	if (r != 0)
		return r;
	if (sisctl->json)
		output_json(reply.parameters);
	else
		output_table(json_object_get(reply.parameters, "invites"), columns, ARRAY_SIZE(columns), "There are no open invites.");
	return output_finish();
}

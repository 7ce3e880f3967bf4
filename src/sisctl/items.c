/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sisctl items, rm: what lies here, and taking it away. What items are called and show, nobody but their readers knows. */
#include "sisctl/sisctl.h"

#include "base/util.h"

#include <errno.h>
#include <stdlib.h>
#include <sysexits.h>

#define LIMIT_MAX 10000

static const struct column columns[] = {
	{ "ITEM", "item", CELL_TEXT }, { "OWNER", "user", CELL_TEXT, NARROW_CUT }, { "KIND", "kind", CELL_TEXT, NARROW_DROP }, { "SIZE", "bytes", CELL_SIZE },
	{ "READERS", "readers", CELL_NUMBER, NARROW_DROP }, { "RECEIVED", "received", CELL_TIME }, { "EXPIRES", "expires", CELL_TIME, NARROW_EMPTY },
};

enum { OPTION_USER, OPTION_LIMIT };

int command_items(struct sisctl *sisctl, char **arguments, const char *const *values)
{
	json_t *parameters = parameters_new("user", values[OPTION_USER], NULL);
	if (values[OPTION_LIMIT] != NULL) {
		char *end;
		errno = 0;
		long limit = strtol(values[OPTION_LIMIT], &end, 10);
		if (errno != 0 || *end != '\0' || end == values[OPTION_LIMIT] || limit < 1 || limit > LIMIT_MAX) {
			json_decref(parameters);
			return output_error(EX_USAGE, "the limit is a number from 1 to %d, not %s", LIMIT_MAX, values[OPTION_LIMIT]);
		}
		if (json_object_set_new(parameters, "limit", json_integer(limit)) < 0)
			abort();
	}
	CLEANUP_REPLY struct varlink_reply reply = { 0 };
	int r = sisctl_call(sisctl, "ListItems", parameters, &reply);
	if (r != 0)
		return r;
	if (sisctl->json)
		output_json(reply.parameters);
	else
		output_table(json_object_get(reply.parameters, "items"), columns, ARRAY_SIZE(columns), "There are no items.");
	return output_finish();
}

/* Goes on after one that is not there; the exit status is that of the first. */
int command_rm(struct sisctl *sisctl, char **arguments, const char *const *values)
{
	int status = 0;
	for (; *arguments != NULL; arguments++) {
		CLEANUP_REPLY struct varlink_reply reply = { 0 };
		int r = sisctl_call(sisctl, "RemoveItem", parameters_new("item", *arguments, NULL), &reply);
		const char *user = json_member_string(reply.parameters, "user");
		if (status == 0)
			status = r;
		if (r == 0 && sisctl->json) {
			(void)json_object_set_new(reply.parameters, "item", json_string(*arguments));
			output_json(reply.parameters);
		} else if (r == 0) {
			printf("%s of ", *arguments);   /* known to be an id: the daemon has just found it */
			output_text(stdout, user != NULL ? user : "?");
			puts(" is removed.");
		}
		if (r == EX_UNAVAILABLE || r == EX_NOPERM || r == EX_PROTOCOL)
			break;
	}
	int r = output_finish();
	return status != 0 ? status : r;
}

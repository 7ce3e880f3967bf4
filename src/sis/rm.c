/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sis rm: removes own items from the server. */
#include "sis/command.h"
#include "sis/item.h"
#include "sis/output.h"

#include <stdio.h>

static int remove_one(const struct sis *sis, struct session *session, const char *prefix, struct why *why)
{
	char id[ITEM_ID_TEXT + 1], target[64];
	struct http_call call = { .method = "DELETE", .target = target };
	struct http_reply reply;
	int r = item_resolve(session, prefix, id, why);
	if (r < 0)
		return r;
	snprintf(target, sizeof(target), "/v1/items/%s", id);
	r = session_call(session, &call, &reply, NULL, why);
	if (r == 0 && sis->json)
		output_json(json_pack("{s:s, s:b}", "item", id, "removed", 1));
	else if (r == 0 && !sis->quiet)
		output_line("%s  removed", id);
	return r;
}

static int run(const struct sis *sis, void *options, char **arguments, unsigned n)
{
	CLEANUP_PROFILE struct profile *profile = NULL;
	CLEANUP_SESSION struct session *session = NULL;
	struct why why = { "" };
	unsigned n_failed = 0;
	int last = 0;
	(void)options;
	int r = profile_open(sis, &profile, &why);
	if (r == 0)
		r = session_open(profile, &session);
	if (r < 0) {
		output_error(sis, NULL, r, &why);
		return output_status(1, 1, r);
	}
	for (unsigned i = 0; i < n; i++) {
		struct why each = { "" };
		r = atomic_load(&sis_cancelled) ? -SIS_ERR_INTERRUPTED : remove_one(sis, session, arguments[i], &each);
		if (r == 0)
			continue;
		output_error(sis, arguments[i], r, &each);
		last = r;
		n_failed++;
	}
	return output_status(n_failed, n, last);
}

const struct command command_rm = {
	"rm", "ID…", "remove items that you shared",
	"Removes each item from the server for everybody. What others have fetched already stays with them.",
	NULL, 0, 1, 100000, 0, run,
};

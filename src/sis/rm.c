/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sis rm: own items are removed from the server for everybody, others' from one's own list. */
#include "sis/access.h"
#include "sis/command.h"
#include "sis/output.h"

#include <stdio.h>
#include <string.h>

#define ITEM_JSON_MAX (8u << 20)

/* The server's word is enough: whatever it says about whose it is, it can only delete what it can delete anyway. */
static int find_owner(struct session *session, const char *id, bool *ret_ours, struct why *why)
{
	CLEANUP_JSON json_t *json = NULL;
	char target[64];
	snprintf(target, sizeof(target), "/v1/items/%s", id);
	int r = session_get_json(session, target, ITEM_JSON_MAX, &json, why);
	const char *owner = r == 0 ? json_member_string(json, "owner") : NULL;
	if (r == 0 && owner == NULL)
		r = why_set(why, -SIS_ERR_PROTOCOL, "the server's description of the item is malformed");
	if (r == 0)
		*ret_ours = strcmp(owner, session_profile(session)->user) == 0;
	return r;
}

static int delete_item(struct session *session, const char *id, struct why *why)
{
	char target[64];
	struct http_call call = { .method = "DELETE", .target = target };
	struct http_reply reply;
	snprintf(target, sizeof(target), "/v1/items/%s", id);
	return session_call(session, &call, &reply, NULL, why);
}

static int remove_one(const struct sis *sis, struct session *session, const char *prefix, struct why *why)
{
	char id[ITEM_ID_TEXT + 1];
	bool ours = false;
	int r = item_resolve(session, prefix, id, why);
	if (r == 0)
		r = find_owner(session, id, &ours, why);
	if (r == 0)
		r = ours ? delete_item(session, id, why) : access_end(session, id, session_profile(session)->user, why);
	if (r == 0 && sis->json)
		output_json(json_pack("{s:s, s:b, s:s}", "item", id, "removed", 1, "for", ours ? "everybody" : "you"));
	else if (r == 0 && !sis->quiet)
		output_line("%s  %s", id, ours ? "removed for everybody" : "removed from your list; its owner and others keep it");
	if (r == 0 && ours)
		access_say_what_stays(sis);
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
	"rm", "ID…", "remove items: yours for everybody, others' from your list",
	"Removes each item: one of yours from the server, for everybody; one that somebody shared with you from your own list, on all of your devices.\n"
	"What others have fetched already stays with them.",
	NULL, 0, 1, 100000, 0, run,
};

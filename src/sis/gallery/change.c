/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Deleting, sharing and taking back; and with whom one may share: people whom this profile has met. */
#include "sis/gallery/gallery.h"

#include "sis/access.h"
#include "sis/compose.h"
#include "sis/groups.h"
#include "sis/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct job *begin(struct gallery *gallery, struct http_request *request, const struct captures *captures,
                         int (*run)(struct job *, struct hand *, struct why *))
{
	struct job *job = job_new(gallery, request, LANE_QUICK, run);
	memcpy(job->id, captures->id, sizeof(job->id));
	job->to = xstrdup(captures->word);
	return job;
}

static int run_delete(struct job *job, struct hand *hand, struct why *why)
{
	char target[64];
	struct http_call call = { .method = "DELETE", .target = target };
	struct http_reply reply;
	snprintf(target, sizeof(target), "/v1/items/%s", job->id);
	int r = session_call(hand->session, &call, &reply, NULL, why);
	if (r == 0) {
		shelf_drop(job->gallery, job->id);
		work_tell(job->gallery, json_pack("{s:s, s:s}", "what", "removed", "item", job->id));
	}
	return r;
}

void change_delete(struct gallery *gallery, struct http_request *request, const struct captures *captures)
{
	job_start(begin(gallery, request, captures, run_delete));
}

/* ------------------------------------------------ people ------------------------------------------------ */

/* Those that hold, with their members; a list that does not hold is told on standard error when it is used. */
static json_t *groups_json(struct job *job, struct hand *hand)
{
	json_t *groups = json_array();
	char **names = NULL;
	unsigned n = 0;
	if (group_names(job->gallery->profile, &names, &n, NULL) < 0)
		return groups;
	CLEANUP_FREE struct group *group = xcalloc(1, sizeof(*group));
	for (unsigned i = 0; i < n; i++) {
		struct why ignored = { "" };
		if (group_load(hand->session, hand->pins, names[i], group, &ignored) < 0 || group->n_members == 0)
			continue;
		json_t *members = json_array();
		for (unsigned j = 0; j < group->n_members; j++)
			json_array_append_new(members, json_string(group->member[j]));
		json_array_append_new(groups, json_pack("{s:s, s:o}", "name", names[i], "members", members));
	}
	group_names_free(names, n);
	return groups;
}

static int run_people(struct job *job, struct hand *hand, struct why *why)
{
	const struct profile *profile = job->gallery->profile;
	json_t *people = NULL;
	int r = trust_people(hand, &people, why);
	if (r == 0)
		job->json = json_pack("{s:s, s:s, s:s, s:o, s:o}", "user", profile->user, "device", profile->device, "server", profile->host, "people", people,
		                      "groups", groups_json(job, hand));
	return r;
}

void change_people(struct gallery *gallery, struct http_request *request, const struct captures *captures)
{
	job_start(begin(gallery, request, captures, run_people));
}

/* ------------------------------------------------ readers ------------------------------------------------ */

/* Everybody who holds a grant that holds; whose does not is no reader that the server could prove. */
static json_t *readers_json(const struct access_list *list)
{
	json_t *readers = json_array();
	for (unsigned i = 0; i < list->n; i++) {
		bool known = list->one[i].error < 0;
		for (size_t j = 0; j < json_array_size(readers) && !known; j++)
			known = strcmp(json_string_value(json_array_get(readers, j)), list->one[i].user) == 0;
		if (!known)
			json_array_append_new(readers, json_string(list->one[i].user));
	}
	return readers;
}

static int run_readers(struct job *job, struct hand *hand, struct why *why)
{
	CLEANUP_ACCESS struct access_list list = { 0 };
	struct item item;
	int r = item_fetch(hand->acceptor, hand->session, job->id, &item, why);
	if (r < 0)
		return r;
	r = item_fetch_grants(hand->acceptor, hand->session, &item, &list, why);
	item_wipe(&item);
	if (r == 0)
		job->json = json_pack("{s:o}", "readers", readers_json(&list));
	return r;
}

void change_readers(struct gallery *gallery, struct http_request *request, const struct captures *captures)
{
	job_start(begin(gallery, request, captures, run_readers));
}

/* As long as we may see it ourselves, and without the right to share it on: what differs is for `sis share`. */
static int give(struct job *job, struct hand *hand, const struct item *item, const struct audience *audience, struct why *why)
{
	const struct grant *own = &item->opened.grant;
	int r = 0;
	if (strcmp(item->opened.statement.owner, job->gallery->profile->user) != 0 && !own->may_share)
		return why_set(why, -SIS_ERR_NOT_ALLOWED, "it was given to you to read, not to share on; ask %s", item->opened.statement.owner);
	for (unsigned i = 0; i < audience->n_people && r == 0; i++) {
		const struct person *person = &audience->people[i];
		if (strcmp(person->user, job->gallery->profile->user) != 0)
			r = access_give(hand->session, item, person->user, person->devices, person->n_devices, own->expires, false, why);
	}
	return r;
}

static int run_share(struct job *job, struct hand *hand, struct why *why)
{
	struct audience audience = { 0 };
	struct item item;
	int r = item_fetch(hand->acceptor, hand->session, job->id, &item, why);
	if (r < 0)
		return r;
	r = audience_fetch(job->gallery->sis, hand->session, hand->pins, job->to, &audience, why);
	if (r == 0)
		r = give(job, hand, &item, &audience, why);
	audience_free(&audience);
	item_wipe(&item);
	return r;
}

void change_share(struct gallery *gallery, struct http_request *request, const struct captures *captures)
{
	job_start(begin(gallery, request, captures, run_share));
}

static int run_unshare(struct job *job, struct hand *hand, struct why *why)
{
	if (!name_is_valid(span_from_string(job->to)))
		return why_set(why, -SIS_ERR_BAD_NAME, "that is no user's name");
	int r = access_end(hand->session, job->id, job->to, why);
	if (r == 0 && strcmp(job->to, job->gallery->profile->user) == 0) {
		shelf_drop(job->gallery, job->id);
		work_tell(job->gallery, json_pack("{s:s, s:s}", "what", "removed", "item", job->id));
	}
	return r;
}

void change_unshare(struct gallery *gallery, struct http_request *request, const struct captures *captures)
{
	job_start(begin(gallery, request, captures, run_unshare));
}

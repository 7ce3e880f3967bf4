/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sis devices approve: everything that this device can read is granted to another own device as well. Each item is fully accepted first, so that what the
 * other device gets is what was signed. What it has already is left out: cut off, the command goes on where it stood. */
#include "sis/devices.h"

#include "sis/access.h"
#include "sis/endorse.h"
#include "sis/jobs.h"
#include "sis/listing.h"
#include "sis/output.h"
#include "sis/progress.h"
#include "sis/terminal.h"
#include "sis/visit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ITEM_JSON_MAX (8u << 20)

struct approval {
	const struct sis *sis;
	const struct profile *profile;
	const struct acceptor *acceptor;
	const struct person_device *device;
	char **ids;                             /* what it has not yet */
	unsigned n_ids, capacity;
	unsigned n_had, n_unreadable;           /* it has them already; this device has them not either */
	atomic_uint n_granted, n_tried;
	struct progress *progress;
};

/* ------------------------------------------------ what is missing ------------------------------------------------ */

/* The grant for an own device of this name, as the server tells it: enough to know what to look at. */
static bool approve_find(const struct profile *profile, const json_t *grants, const char *device, struct grant *ret_grant)
{
	for (size_t i = 0; i < json_array_size(grants); i++) {
		const char *text = json_string_value(json_array_get(grants, i));
		if (text != NULL && grant_parse(span_from_string(text), ret_grant, NULL) == 0 && strcmp(ret_grant->recipient, profile->user) == 0 &&
		    strcmp(ret_grant->device, device) == 0)
			return true;
	}
	return false;
}

static bool approve_find_own(const struct profile *profile, const json_t *grants, struct grant *ret_grant)
{
	bool found = approve_find(profile, grants, profile->device, ret_grant);
	for (unsigned i = 0; i < profile->n_former && !found; i++)
		found = approve_find(profile, grants, profile->former[i].device, ret_grant);
	return found;
}

/* As long as ours, with the same rights, and to the key that the device has now. */
static bool approve_has(const struct approval *approval, const struct grant *own, const struct grant *its)
{
	return memcmp(its->key, approval->device->key, sizeof(its->key)) == 0 && its->may_share >= own->may_share &&
	       (its->expires == 0 || (own->expires != 0 && its->expires >= own->expires));
}

static int approve_sort(struct approval *approval, const json_t *json, struct why *why)
{
	const json_t *grants = json_object_get(json, "grants");
	const char *id = json_member_string(json, "item");
	uint8_t raw[ITEM_ID_BYTES];
	struct grant own, its;
	if (id == NULL || item_id_decode(span_from_string(id), raw) < 0)
		return why_set(why, -SIS_ERR_PROTOCOL, "the server's list is malformed");
	if (!approve_find_own(approval->profile, grants, &own)) {
		approval->n_unreadable++;
		return 0;
	}
	if (approve_find(approval->profile, grants, approval->device->name, &its) && approve_has(approval, &own, &its)) {
		approval->n_had++;
		return 0;
	}
	if (approval->n_ids == approval->capacity) {
		unsigned capacity = approval->capacity > 0 ? 2 * approval->capacity : 256;
		char **ids = realloc(approval->ids, capacity * sizeof(*ids));
		if (ids == NULL)
			return -SIS_ERR_NO_MEMORY;
		approval->ids = ids;
		approval->capacity = capacity;
	}
	approval->ids[approval->n_ids++] = xstrdup(id);
	return 0;
}

static int approve_gather(struct approval *approval, struct visit *visit, struct why *why)
{
	struct listing listing = { .session = visit->session, .horizon = &visit->horizon };
	int r = 0;
	while (r == 0 && !listing.is_over) {
		CLEANUP_JSON json_t *items = NULL;
		r = listing_next(&listing, LISTING_PAGE_MAX, &items, why);
		for (size_t i = 0; i < json_array_size(items) && r == 0; i++)
			r = approve_sort(approval, json_array_get(items, i), why);
	}
	return r;
}

/* ------------------------------------------------ granting ------------------------------------------------ */

static int approve_one(struct session *session, const char *id, void *own, void *arg, struct why *why)
{
	struct approval *approval = arg;
	CLEANUP_JSON json_t *json = NULL;
	struct item item = { 0 };
	char target[64];
	(void)own;
	snprintf(target, sizeof(target), "/v1/items/%s", id);
	int r = session_get_json(session, target, ITEM_JSON_MAX, &json, why);
	if (r == 0)
		r = item_accept(approval->acceptor, json, id, &item, why);
	if (r == 0)
		r = access_give(session, &item, approval->profile->user, approval->device, 1, item.opened.grant.expires, item.opened.grant.may_share, why);
	item_wipe(&item);
	if (r == 0)
		atomic_fetch_add(&approval->n_granted, 1);
	progress_move(approval->progress, atomic_fetch_add(&approval->n_tried, 1) + 1, approval->n_ids);
	/* Deleted, or come to its end, since the list was made. */
	return r == -SIS_ERR_NO_ITEM ? 0 : r;
}

static void approve_say(const struct approval *approval, unsigned n)
{
	char had[64] = "", unreadable[80] = "";
	if (approval->n_had > 0)
		snprintf(had, sizeof(had), ", besides %u that it could read before", approval->n_had);
	if (approval->n_unreadable > 0)
		snprintf(unreadable, sizeof(unreadable), "; %u more this device cannot read either", approval->n_unreadable);
	output_line("%s can read %u more %s now%s%s%s", approval->device->name, n, n == 1 ? "item" : "items", had, unreadable,
	            n < approval->n_ids ? "; say the same again for the rest" : "");
}

static void approve_report(const struct approval *approval)
{
	unsigned n = atomic_load(&approval->n_granted);
	if (approval->sis->json)
		output_json(json_pack("{s:s, s:I, s:I, s:I, s:I}", "device", approval->device->name, "granted", (json_int_t)n, "had", (json_int_t)approval->n_had,
		                      "unreadable", (json_int_t)approval->n_unreadable, "left", (json_int_t)(approval->n_ids - n)));
	else if (!approval->sis->quiet)
		approve_say(approval, n);
}

static int approve_grant(struct approval *approval, struct visit *visit, unsigned n_jobs, int *ret_status, struct why *why)
{
	int r = approve_gather(approval, visit, why);
	if (r < 0)
		return r;
	struct jobs jobs = { .sis = approval->sis, .profile = approval->profile, .subjects = approval->ids, .n_subjects = approval->n_ids, .wanted = n_jobs,
		.work = approve_one, .arg = approval };
	if (approval->n_ids > 0) {
		progress_open(approval->sis);
		approval->progress = progress_begin_count(approval->device->name, approval->n_ids);
		*ret_status = jobs_run(&jobs, visit->session);
		visit->session = NULL;
		progress_end(approval->progress);
		progress_close();
	}
	approve_report(approval);
	return 0;
}

/* ------------------------------------------------ which device ------------------------------------------------ */

/* Whoever controls the server's authority can certify a device in our name: only the person can tell. */
static int approve_confirm(const struct sis *sis, const struct devices_options *options, const struct profile *profile, const struct person_device *device,
                           struct why *why)
{
	char pin[PIN_TEXT];
	bool yes = options->yes;
	pin_format(&device->signing_key, pin);
	CLEANUP_FREE char *question = xasprintf("The key of %s/%s is\n  %s\nDoes \"sis whoami\" show the same there? Then it may read everything that this device can. [y/N] ",
	                                        profile->user, device->name, pin);
	if (yes)
		return 0;
	int r = sis->json ? -SIS_ERR_NO_INPUT : terminal_ask_yes(question, &yes, why);
	if (r == -SIS_ERR_NO_INPUT)
		return why_set(why, -SIS_ERR_USAGE, "compare its key, %s, with what \"sis whoami\" shows there; then say --yes", pin);
	return r < 0 || yes ? r : why_set(why, -SIS_ERR_NOT_ALLOWED, "not approved; a device that is not yours is an attack: tell the administrator, who can revoke it");
}

static int approve_vouch(struct approval *approval, struct visit *visit, const struct devices_options *options, struct why *why)
{
	/* This device itself, restored from a recovery file: what it reads with the keys of the one before becomes its own. */
	if (strcmp(approval->device->name, approval->profile->device) == 0)
		return 0;
	int r = approve_confirm(approval->sis, options, approval->profile, approval->device, why);
	if (r < 0)
		return r;
	pins_accept_device(visit->pins, approval->profile->user, approval->device->name, &approval->device->signing_key);
	return endorse_device(approval->profile, visit->session, approval->device, why);
}

int devices_approve(const struct sis *sis, const struct devices_options *options, const char *name)
{
	CLEANUP_VISIT struct visit visit = { 0 };
	struct why why = { "" };
	struct person_device device;
	struct approval approval = { .sis = sis, .acceptor = &visit.acceptor, .device = &device };
	int status = 0, r = visit_begin(sis, &visit, &why);
	approval.profile = visit.profile;
	if (r == 0)
		r = people_fetch_own_device(sis, visit.session, visit.pins, name, &device, &why);
	if (r == 0)
		r = approve_vouch(&approval, &visit, options, &why);
	if (r == 0)
		r = approve_grant(&approval, &visit, options->jobs, &status, &why);
	for (unsigned i = 0; i < approval.n_ids; i++)
		free(approval.ids[i]);
	free(approval.ids);
	r = visit_end(sis, &visit, r, &why);
	return r < 0 ? output_status(1, 1, r) : status;
}

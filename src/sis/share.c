/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sis share, sis unshare: who may read an item from now on. Nothing is uploaded again: the item is fetched and fully accepted, and its key wrapped to
 * the further devices. */
#include "sis/access.h"
#include "sis/command.h"
#include "sis/compose.h"
#include "sis/output.h"
#include "sis/visit.h"

#include "base/moment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

struct share_options { const char *expire; bool allow_share; };

static const struct option_row rows[] = {
	{ "expire", 0, "WHEN", "until when they may read it: 7d, 12h, 2026-12-24, a time, never (default: as long as you)", OPTION_TEXT,
	  offsetof(struct share_options, expire) },
	{ "allow-share", 0, NULL, "they may share it on (with your own items only)", OPTION_FLAG, offsetof(struct share_options, allow_share) },
};

/* One item and what is to be done with it. */
struct sharing {
	const struct sis *sis;
	struct visit *visit;
	const struct share_options *options;
	struct item item;
	bool is_owner;
	int64_t expires;
};

static int share_begin(struct sharing *sharing, const char *prefix, struct why *why)
{
	char id[ITEM_ID_TEXT + 1];
	int r = item_resolve(sharing->visit->session, prefix, id, why);
	if (r == 0)
		r = item_fetch(&sharing->visit->acceptor, sharing->visit->session, id, &sharing->item, why);
	if (r == 0)
		sharing->is_owner = strcmp(sharing->item.opened.statement.owner, sharing->visit->profile->user) == 0;
	return r;
}

/* The server refuses the same, and more: these are the words that help. */
static int share_check_rights(struct sharing *sharing, struct why *why)
{
	const struct grant *own = &sharing->item.opened.grant;
	const char *owner = sharing->item.opened.statement.owner;
	sharing->expires = own->expires;
	int r = sharing->options->expire != NULL ? moment_parse(sharing->options->expire, time_now(), &sharing->expires) : 0;
	if (r == -SIS_ERR_EXPIRED)
		return why_set(why, -SIS_ERR_USAGE, "--expire: \"%s\" is over already", sharing->options->expire);
	if (r < 0)
		return why_set(why, -SIS_ERR_USAGE, "--expire: \"%s\" is no time; say 7d, 12h, 2026-12-24, 2026-12-24T18:00:00Z or never", sharing->options->expire);
	if (sharing->is_owner)
		return 0;
	if (!own->may_share)
		return why_set(why, -SIS_ERR_NOT_ALLOWED, "it was given to you to read, not to share on; ask %s to share it with them", owner);
	if (sharing->options->allow_share)
		return why_set(why, -SIS_ERR_NOT_ALLOWED, "only %s can let others share it on; leave --allow-share out", owner);
	if (own->expires != 0 && (sharing->expires == 0 || sharing->expires > own->expires))
		return why_set(why, -SIS_ERR_NOT_ALLOWED, "your own access ends before that; give an earlier --expire, or none");
	return 0;
}

static void share_report(const struct sharing *sharing, const struct person *person)
{
	char until[ACCESS_UNTIL_TEXT];
	access_until(sharing->expires, until);
	if (sharing->sis->json)
		output_json(json_pack("{s:s, s:s, s:I, s:o, s:b}", "item", sharing->item.id, "to", person->user, "devices", (json_int_t)person->n_devices,
		                      "expires", access_expires_json(sharing->expires), "may_share", (int)sharing->options->allow_share));
	else if (!sharing->sis->quiet)
		output_line("%s  to %s%s%s%s", sharing->item.id, person->user, *until != '\0' ? "  until " : "", until,
		            sharing->options->allow_share ? "  may share it on" : "");
}

/* Who gives others longer than he has himself would lose his own item before theirs. */
static int share_keep_own(struct sharing *sharing, const struct person *self, struct why *why)
{
	const struct grant *own = &sharing->item.opened.grant;
	if (!sharing->is_owner || own->expires == 0 || (sharing->expires != 0 && sharing->expires <= own->expires))
		return 0;
	return access_give(sharing->visit->session, &sharing->item, self->user, self->devices, self->n_devices, sharing->expires, own->may_share, why);
}

static int share_with(struct sharing *sharing, const struct audience *audience, struct why *why)
{
	const char *self = sharing->visit->profile->user;
	int r = 0;
	for (unsigned i = 0; i < audience->n_people && r == 0; i++) {
		if (strcmp(audience->people[i].user, self) == 0)
			r = share_keep_own(sharing, &audience->people[i], why);
	}
	for (unsigned i = 0; i < audience->n_people && r == 0; i++) {
		const struct person *person = &audience->people[i];
		if (strcmp(person->user, self) == 0)
			continue;
		r = atomic_load(&sis_cancelled) ? -SIS_ERR_INTERRUPTED
		    : access_give(sharing->visit->session, &sharing->item, person->user, person->devices, person->n_devices, sharing->expires,
		                  sharing->options->allow_share, why);
		if (r == 0)
			share_report(sharing, person);
	}
	return r;
}

static char *share_join(char **names, unsigned n)
{
	size_t size = 1;
	for (unsigned i = 0; i < n; i++)
		size += strlen(names[i]) + 1;
	char *text = xcalloc(1, size), *at = text;
	for (unsigned i = 0; i < n; i++)
		at += sprintf(at, "%s%s", i > 0 ? "," : "", names[i]);
	return text;
}

static int share_names(struct sharing *sharing, char **names, unsigned n, struct why *why)
{
	CLEANUP_FREE char *to = share_join(names, n);
	struct audience audience = { 0 };
	int r = share_check_rights(sharing, why);
	if (r == 0)
		r = audience_fetch(sharing->sis, sharing->visit->session, sharing->visit->pins, to, &audience, why);
	if (r == 0 && audience.n_people == 1)
		r = why_set(why, -SIS_ERR_USAGE, "your own devices have it already; name somebody else, or see \"sis devices approve\" for a new device");
	if (r == 0)
		r = share_with(sharing, &audience, why);
	audience_free(&audience);
	if (r == 0 && sharing->expires != 0)
		access_say_what_stays(sharing->sis);
	return r;
}

/* ------------------------------------------------ who may read it ------------------------------------------------ */

static void share_show(const struct sharing *sharing, const struct access *access)
{
	char until[ACCESS_UNTIL_TEXT], words[400] = "";
	access_until(access->expires, until);
	if (access->error < 0)
		text_for_terminal(span_from_string(why_text(&access->why, access->error)), words, sizeof(words));
	if (sharing->sis->json)
		output_json(json_pack("{s:s, s:s, s:s, s:s, s:o, s:b, s:b, s:s*}", "item", sharing->item.id, "user", access->user, "device", access->device,
		                      "granter", access->granter, "expires", access_expires_json(access->expires), "may_share", (int)access->may_share,
		                      "verified", access->error == 0, "detail", access->error < 0 ? words : NULL));
	else
		output_line("%-16s %-16s %-22s by %s%s%s%s", access->user, access->device, *until != '\0' ? until : "without end", access->granter,
		            access->may_share ? "  may share it on" : "", access->error < 0 ? "  BAD: " : "", words);
}

static int share_list(struct sharing *sharing, struct why *why)
{
	CLEANUP_ACCESS struct access_list list = { 0 };
	int r = item_fetch_grants(&sharing->visit->acceptor, sharing->visit->session, &sharing->item, &list, why);
	for (unsigned i = 0; i < list.n && r >= 0; i++)
		share_show(sharing, &list.one[i]);
	for (unsigned i = 0; i < list.n && r == 0; i++) {
		if (list.one[i].error < 0)
			r = why_set(why, list.one[i].error, "what the server tells of who may read it does not hold; tell the administrator");
	}
	return r;
}

static int run_share(const struct sis *sis, void *options, char **arguments, unsigned n)
{
	CLEANUP_VISIT struct visit visit = { 0 };
	struct why why = { "" };
	struct sharing sharing = { .sis = sis, .visit = &visit, .options = options };
	if (n == 1 && (sharing.options->expire != NULL || sharing.options->allow_share))
		return output_usage(sis, "share", "nobody is named to share with");
	int r = visit_begin(sis, &visit, &why);
	if (r == 0)
		r = share_begin(&sharing, arguments[0], &why);
	if (r == 0)
		r = n == 1 ? share_list(&sharing, &why) : share_names(&sharing, arguments + 1, n - 1, &why);
	item_wipe(&sharing.item);
	r = visit_end(sis, &visit, r, &why);
	return r < 0 ? output_status(1, 1, r) : 0;
}

const struct command command_share = {
	"share", "ID [USER…]", "let more people see an item, or show who may",
	"Lets each USER (or @GROUP) read an item that is yours, or that was given to you with the right to share it on. Nothing is uploaded again. Without USER\n"
	"shows who may read it (of your own items), until when and by whom. What somebody has fetched stays with them, whatever ends later.",
	rows, ARRAY_SIZE(rows), 1, 100000, sizeof(struct share_options), run_share,
};

/* ------------------------------------------------ taking back ------------------------------------------------ */

static int unshare_one(const struct sis *sis, struct session *session, const char *id, const char *user, struct why *why)
{
	if (!name_is_valid(span_from_string(user)))
		return why_set(why, -SIS_ERR_BAD_NAME, "is not a valid user name: 1 to 32 of a-z 0-9 . _ -");
	int r = access_end(session, id, user, why);
	if (r == 0 && sis->json)
		output_json(json_pack("{s:s, s:s, s:b}", "item", id, "user", user, "removed", 1));
	else if (r == 0 && !sis->quiet)
		output_line("%s  no longer for %s", id, user);
	return r;
}

static int run_unshare(const struct sis *sis, void *options, char **arguments, unsigned n)
{
	CLEANUP_VISIT struct visit visit = { 0 };
	struct why why = { "" };
	struct sharing sharing = { .sis = sis, .visit = &visit };
	unsigned n_failed = 0;
	int last = 0;
	(void)options;
	int r = visit_begin(sis, &visit, &why);
	if (r == 0)
		r = share_begin(&sharing, arguments[0], &why);
	if (r == 0 && !sharing.is_owner)
		r = why_set(&why, -SIS_ERR_NOT_ALLOWED, "it belongs to %s, who alone can take it back; you can leave it with \"sis rm\"",
		            sharing.item.opened.statement.owner);
	for (unsigned i = 1; i < n && r == 0; i++) {
		struct why each = { "" };
		int error = atomic_load(&sis_cancelled) ? -SIS_ERR_INTERRUPTED : unshare_one(sis, visit.session, sharing.item.id, arguments[i], &each);
		if (error < 0) {
			output_error(sis, arguments[i], error, &each);
			last = error;
			n_failed++;
		}
	}
	if (r == 0 && n_failed < n - 1)
		access_say_what_stays(sis);
	if (r == 0 && n_failed < n - 1 && (sis->json || !sis->quiet))
		r = share_list(&sharing, &why);
	item_wipe(&sharing.item);
	r = visit_end(sis, &visit, r, &why);
	return r < 0 ? output_status(1, 1, r) : output_status(n_failed, n - 1, last);
}

const struct command command_unshare = {
	"unshare", "ID USER…", "take an item of yours back from people",
	"Ends the access of each USER to an item of yours at once, and shows who may still read it. What they have fetched already cannot be recalled.",
	NULL, 0, 2, 100000, 0, run_unshare,
};

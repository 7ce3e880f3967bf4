/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sis list: what was shared with us and by us, each item checked before a word of it is shown. */
#include "sis/access.h"
#include "sis/command.h"
#include "sis/describe.h"
#include "sis/draw.h"
#include "sis/groups.h"
#include "sis/listing.h"
#include "sis/message.h"
#include "sis/output.h"
#include "sis/recent.h"
#include "sis/visit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_ITEMS 100u
#define RECENT_ITEMS 50u
#define LIMIT_MAX 100000u               /* they are kept in memory until the oldest is there */

#define PREVIEW_COLUMNS 32u
#define PREVIEW_ROWS 8u

struct list_options { bool all, newest, accept_restored, preview; unsigned limit; const char *size; };

static const struct option_row rows[] = {
	{ "all", 'a', NULL, "everything, not only the latest 50", OPTION_FLAG, offsetof(struct list_options, all) },
	{ "newest", 'n', NULL, "newest first", OPTION_FLAG, offsetof(struct list_options, newest) },
	{ "limit", 'l', "N", "the latest N instead of 50", OPTION_NUMBER, offsetof(struct list_options, limit) },
	{ "preview", 'p', NULL, "draw each thumbnail below its line, on a terminal", OPTION_FLAG, offsetof(struct list_options, preview) },
	{ "size", 0, "COLSxROWS", "how large (default 32x8)", OPTION_TEXT, offsetof(struct list_options, size) },
	{ "accept-restored", 0, NULL, "take the server's state as the newest: only after its administrator restored a backup", OPTION_FLAG,
	  offsetof(struct list_options, accept_restored) },
};

/* The words that count are those that were compared: nobody compares with himself. */
static bool is_verified_contact(const struct profile *profile, const struct item *item)
{
	return strcmp(item->contact, "verified") == 0 && strcmp(item->opened.statement.owner, profile->user) != 0;
}

static void show_line(const struct profile *profile, const struct item *item)
{
	char when[32], name[200], caption[120], size[32];
	output_time(item->opened.statement.time, when, sizeof(when));
	item_title(item, name, sizeof(name));
	text_for_terminal(span_from_string(item->manifest.caption), caption, sizeof(caption));
	size_format(item->manifest.size, size, sizeof(size));
	char until[ACCESS_UNTIL_TEXT], shared[80] = "", ends[80] = "";
	access_until(item->opened.grant.expires, until);
	if (strcmp(item->opened.grant.granter, item->opened.statement.owner) != 0)
		snprintf(shared, sizeof(shared), "(shared by %s) ", item->opened.grant.granter);
	if (*until != '\0')
		snprintf(ends, sizeof(ends), "(until %s) ", until);
	output_line("%s%.8s%s  %-12s %s  %-7s %10s  %s%s%s  %s%s%s%s%s%s%s", STYLED(STYLE_ID, item->id), item->opened.statement.owner, when, item_kind_name(item->opened.statement.kind),
	            size, STYLED(STYLE_OK, is_verified_contact(profile, item) ? "ok, verified" : "ok"), item->revoked != 0 ? "(device revoked since) " : "", shared, ends, *name != '\0' ? name : "-", *caption != '\0' ? "  \"" : "", caption,
	            *caption != '\0' ? "\"" : "");
}

/* An item that does not hold is named by what the server says of it, and shown as bad: nothing that its sender wrote is repeated. */
static void show_bad(const struct sis *sis, const json_t *json, int error, const struct why *why)
{
	char id[ITEM_ID_TEXT + 1], owner[64], words[400];
	uint8_t raw[ITEM_ID_BYTES];
	const char *told = json_member_string(json, "item"), *told_owner = json_member_string(json, "owner");
	snprintf(id, sizeof(id), "%s", told != NULL && item_id_decode(span_from_string(told), raw) == 0 ? told : "?");
	text_for_terminal(span_from_string(told_owner), owner, sizeof(owner));
	text_for_terminal(span_from_string(why_text(why, error)), words, sizeof(words));
	if (sis->json)
		output_json(json_pack("{s:s, s:s, s:b, s:s, s:s}", "item", id, "owner", owner, "verified", 0, "error", error_name(error), "detail", words));
	else
		output_line("%s%.8s%s  %-12s %s%s%s: %s", STYLED(STYLE_ID, id), owner, STYLED(STYLE_BAD, "BAD"), words);
}

struct shown {
	unsigned n_bad;
	bool all;                               /* what our own devices tell each other, too */
	struct session *session;
	struct pictures *pictures;              /* NULL: no thumbnails */
	struct draw_size size;
	struct recent recent;
};

/* One that cannot be drawn is told of, and the list goes on. */
static void preview(const struct acceptor *acceptor, const struct item *item, const struct shown *shown)
{
	struct why why = { "" };
	int r = shown->pictures != NULL ? draw_thumbnail(shown->session, item, shown->pictures, shown->size, &why) : 0;
	if (r < 0 && r != -SIS_ERR_NO_INPUT)
		output_warning(acceptor->sis, "%.8s: %s", item->id, why_text(&why, r));
}

static void show(const struct acceptor *acceptor, const json_t *json, struct shown *shown)
{
	struct why why = { "" };
	struct item item;
	int r = item_accept(acceptor, json, NULL, &item, &why);
	if (r < 0) {
		shown->n_bad++;
		show_bad(acceptor->sis, json, r, &why);
		return;
	}
	if (!message_is_presence(&item)) {
		char name[200];
		item_title(&item, name, sizeof(name));
		recent_add(&shown->recent, item.sequence, item.id, item.opened.statement.owner, name);
	}
	/* Who came and went is of interest for minutes, to who is there. */
	if (message_is_presence(&item) || (!shown->all && group_is_item(acceptor->profile, &item)))
		;
	else if (acceptor->sis->json)
		output_json(item_describe(&item));
	else
		show_line(acceptor->profile, &item);
	preview(acceptor, &item, shown);
	item_wipe(&item);
}

static void show_page(const struct acceptor *acceptor, const json_t *items, bool backwards, struct shown *shown)
{
	size_t n = json_array_size(items);
	for (size_t i = 0; i < n && !atomic_load(&sis_cancelled); i++)
		show(acceptor, json_array_get(items, backwards ? n - 1 - i : i), shown);
}

static int list_all(struct visit *visit, bool newest, struct shown *shown, struct why *why)
{
	struct listing listing = { .session = visit->session, .horizon = &visit->horizon, .include = "content", .newest = newest };
	while (!listing.is_over) {
		CLEANUP_JSON json_t *items = NULL;
		int r = listing_next(&listing, PAGE_ITEMS, &items, why);
		if (r < 0)
			return r;
		show_page(&visit->acceptor, items, false, shown);
	}
	return atomic_load(&sis_cancelled) ? -SIS_ERR_INTERRUPTED : 0;
}

/* Who came and went is in no list: as many others are wanted. */
static unsigned take_page(json_t *items, const json_t *page)
{
	unsigned n = 0;
	for (size_t i = 0; i < json_array_size(page); i++) {
		n += !message_may_be_presence(json_array_get(page, i));
		json_array_append(items, json_array_get(page, i));
	}
	return n;
}

/* The latest, gathered from the newest on. */
static int gather_latest(struct visit *visit, unsigned limit, json_t *items, struct why *why)
{
	struct listing listing = { .session = visit->session, .horizon = &visit->horizon, .include = "content", .newest = true };
	for (unsigned n = 0; n < limit && !listing.is_over;) {
		CLEANUP_JSON json_t *page = NULL;
		unsigned left = limit - n;
		int r = listing_next(&listing, left < PAGE_ITEMS ? left : PAGE_ITEMS, &page, why);
		if (r < 0)
			return r;
		n += take_page(items, page);
	}
	return 0;
}

static int list_latest(struct visit *visit, unsigned limit, bool newest, struct shown *shown, struct why *why)
{
	CLEANUP_JSON json_t *items = json_array();
	int r = gather_latest(visit, limit, items, why);
	if (r == 0)
		show_page(&visit->acceptor, items, !newest, shown);
	return r;
}

static int list(struct visit *visit, const struct list_options *options, struct shown *shown, struct why *why)
{
	unsigned limit = options->limit == 0 ? RECENT_ITEMS : options->limit < LIMIT_MAX ? options->limit : LIMIT_MAX;
	if (options->accept_restored)
		horizon_forget(&visit->horizon);
	return options->all ? list_all(visit, options->newest, shown, why) : list_latest(visit, limit, options->newest, shown, why);
}

static int run(const struct sis *sis, void *options, char **arguments, unsigned n)
{
	CLEANUP_VISIT struct visit visit = { 0 };
	struct why why = { "" };
	const struct list_options *wanted = options;
	struct shown shown = { .all = wanted->all, .size = { PREVIEW_COLUMNS, PREVIEW_ROWS } };
	(void)arguments;
	(void)n;
	if (!draw_size_parse(wanted->size, &shown.size))
		return output_usage(sis, "list", "--size takes columns and rows, as in 32x8");
	if (wanted->preview && draw_is_possible(sis))
		pictures_start(sis, &shown.pictures);
	draw_size_limit(&shown.size);
	int r = visit_begin(sis, &visit, &why);
	shown.session = visit.session;
	if (r == 0)
		r = list(&visit, options, &shown, &why);
	pictures_stop(shown.pictures);
	if (visit.profile != NULL)
		recent_save(visit.profile, &shown.recent);
	r = visit_end(sis, &visit, r, &why);
	/* An item that does not hold is a failure even when it is the only one. */
	return r < 0 ? output_status(1, 1, r) : shown.n_bad > 0;
}

const struct command command_list = {
	"list", "", "what was shared with you and by you",
	"Shows the latest 50 items, oldest first: id, sender, time, kind, size, whether everything holds (\"ok\"), name and caption. Ids may be shortened in\n"
	"other commands as they are here.",
	rows, ARRAY_SIZE(rows), 0, 0, sizeof(struct list_options), run,
};

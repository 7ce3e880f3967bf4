/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sis show: everything that is known of an item, and its thumbnail. */
#include "sis/access.h"
#include "sis/command.h"
#include "sis/describe.h"
#include "sis/draw.h"
#include "sis/output.h"
#include "sis/visit.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#define SHOWN_COLUMNS 80u
#define SHOWN_ROWS 24u

struct show_options { const char *size; };

static const struct option_row rows[] = {
	{ "size", 0, "COLSxROWS", "how large the thumbnail is drawn (default 80x24)", OPTION_TEXT, offsetof(struct show_options, size) },
};

/* What the commands share. */
struct showing {
	struct visit *visit;
	struct pictures *pictures;              /* NULL: no terminal */
	struct draw_size size;
};

/* Whether the people know each other: what contacts.json says of the owner. */
static bool is_verified(const struct visit *visit, const char *owner)
{
	return json_member_string(json_object_get(pins_json(visit->pins), owner), "verified") != NULL;
}

/* Who may read an item of ours now: the statement's audience is who was to at first. */
static json_t *readers_json(const struct access_list *readers)
{
	json_t *array = json_array();
	for (unsigned i = 0; i < readers->n; i++) {
		const struct access *one = &readers->one[i];
		json_array_append_new(array, json_pack("{s:s, s:s, s:s, s:o, s:b, s:b}", "user", one->user, "device", one->device, "granter", one->granter, "expires",
		                                       access_expires_json(one->expires), "may_share", (int)one->may_share, "verified", one->error == 0));
	}
	return array;
}

static void show_json(const struct visit *visit, const struct item *item, const struct access_list *readers)
{
	const struct statement *statement = &item->opened.statement;
	json_t *json = item_describe(item);
	if (json == NULL)
		return;
	json_object_set_new(json, "key", json_string(item->owner_pin));
	json_object_set_new(json, "pinned", json_string(item->pin_state == PIN_KNOWN ? "known" : "first"));
	json_object_set_new(json, "own", json_boolean(strcmp(statement->owner, visit->profile->user) == 0));
	json_object_set_new(json, "contact_verified", json_boolean(is_verified(visit, statement->owner)));
	json_object_set_new(json, "revoked_since", json_boolean(item->revoked != 0));
	json_object_set_new(json, "sealed_size", json_integer((json_int_t)statement->part[SEAL_OBJECT].size));
	json_object_set_new(json, "thumbnail", json_boolean(statement->part[SEAL_THUMBNAIL].size > 0));
	if (readers != NULL)
		json_object_set_new(json, "readers", readers_json(readers));
	output_json(json);
}

static void show_fact(const char *name, const char *text)
{
	char safe[1200];
	text_for_terminal(span_from_string(text), safe, sizeof(safe));
	if (*safe != '\0')
		output_line("  %-10s %s", name, safe);
}

static void show_maker(const struct visit *visit, const struct item *item)
{
	const struct statement *statement = &item->opened.statement;
	bool own = strcmp(statement->owner, visit->profile->user) == 0;
	char when[32], text[400];
	output_time(statement->time, when, sizeof(when));
	snprintf(text, sizeof(text), "%s%s on %s", statement->owner, own ? " (you)" : "", when);
	show_fact("made by", text);
	snprintf(text, sizeof(text), "device %s, key %s%s", item->owner_device, item->owner_pin, item->revoked != 0 ? " (the device was revoked later)" : "");
	show_fact("signed by", text);
	if (!own)
		show_fact("contact", is_verified(visit, statement->owner) ? "verified by you" :
		          item->pin_state == PIN_KNOWN ? "known, but not verified by you" : "seen for the first time: compare the key with theirs (\"sis whoami\")");
}

static void show_audience(const struct item *item)
{
	const struct statement *statement = &item->opened.statement;
	CLEANUP_FREE char *text = xcalloc(statement->n_audience + 1, NAME_MAX_TEXT + 2);
	char *at = text;
	for (unsigned i = 0; i < statement->n_audience; i++)
		at += sprintf(at, "%s%s", i > 0 ? ", " : "", statement->audience[i]);
	show_fact("for", text);
}

static void show_sizes(const struct item *item)
{
	const struct statement *statement = &item->opened.statement;
	char size[32], sealed[32], thumbnail[32], dimensions[32], text[200];
	size_format(item->manifest.size, size, sizeof(size));
	size_format(statement->part[SEAL_OBJECT].size, sealed, sizeof(sealed));
	size_format(statement->part[SEAL_THUMBNAIL].size, thumbnail, sizeof(thumbnail));
	item_dimensions(item, dimensions, sizeof(dimensions));
	snprintf(text, sizeof(text), "%s, %s%s%s", item_kind_name(statement->kind), item->manifest.media_type, *dimensions != '\0' ? ", " : "", dimensions);
	show_fact("kind", text);
	snprintf(text, sizeof(text), "%s (%llu bytes), %s on the server", size, (unsigned long long)item->manifest.size, sealed);
	show_fact("size", text);
	show_fact("thumbnail", statement->part[SEAL_THUMBNAIL].size > 0 ? thumbnail : "none");
}

static void show_times(const struct item *item)
{
	const struct grant *grant = &item->opened.grant;
	char received[32], until[ACCESS_UNTIL_TEXT], text[200];
	output_time(item->received, received, sizeof(received));
	show_fact("received", received);
	access_until(grant->expires, until);
	show_fact("expires", *until != '\0' ? until : "never");
	snprintf(text, sizeof(text), "%s%s", grant->granter, grant->may_share ? ", who lets you share it on" : "");
	if (strcmp(grant->granter, item->opened.statement.owner) != 0 || grant->may_share)
		show_fact("shared by", text);
}

/* A line for each person: all devices have the same, but for those that were added since. */
static void show_readers(const struct access_list *readers, const char *owner)
{
	for (unsigned i = 0; i < readers->n; i++) {
		const struct access *one = &readers->one[i];
		char until[ACCESS_UNTIL_TEXT], text[300];
		if (strcmp(one->user, owner) == 0 || (i > 0 && one->error == 0 && strcmp(one->user, readers->one[i - 1].user) == 0))
			continue;
		access_until(one->expires, until);
		snprintf(text, sizeof(text), "%s%s%s%s%s%s%s", one->user, *until != '\0' ? " until " : "", until, one->may_share ? ", may share it on" : "",
		         strcmp(one->granter, owner) != 0 ? ", by " : "", strcmp(one->granter, owner) != 0 ? one->granter : "",
		         one->error < 0 ? ": THIS GRANT DOES NOT HOLD" : "");
		show_fact("may read", text);
	}
}

static void show_text(const struct visit *visit, const struct item *item, const struct access_list *readers)
{
	output_line("%s", item->id);
	show_fact("name", item->manifest.name);
	show_fact("caption", item->manifest.caption);
	if (item->has_content)
		show_fact("words", (const char *)item->content.data);
	show_maker(visit, item);
	show_audience(item);
	if (readers != NULL)
		show_readers(readers, item->opened.statement.owner);
	show_sizes(item);
	show_times(item);
}

static int show_one(const struct showing *showing, const char *prefix, struct why *why)
{
	struct visit *visit = showing->visit;
	char id[ITEM_ID_TEXT + 1];
	struct item item;
	int r = item_resolve(visit->session, prefix, id, why);
	if (r == 0)
		r = item_fetch(&visit->acceptor, visit->session, id, &item, why);
	if (r < 0)
		return r;
	CLEANUP_ACCESS struct access_list readers = { 0 };
	bool ours = strcmp(item.opened.statement.owner, visit->profile->user) == 0;
	r = ours ? item_fetch_grants(&visit->acceptor, visit->session, &item, &readers, why) : 0;
	if (r == 0 && visit->acceptor.sis->json)
		show_json(visit, &item, ours ? &readers : NULL);
	else if (r == 0)
		show_text(visit, &item, ours ? &readers : NULL);
	for (unsigned i = 0; i < readers.n && r == 0; i++) {
		if (readers.one[i].error < 0)
			r = why_set(why, readers.one[i].error, "what the server tells of who may read it does not hold; tell the administrator");
	}
	if (r == 0 && showing->pictures != NULL)
		r = draw_thumbnail(visit->session, &item, showing->pictures, showing->size, why);
	item_wipe(&item);
	return r == -SIS_ERR_NO_INPUT ? 0 : r;
}

static int show_all(const struct showing *showing, char **arguments, unsigned n)
{
	unsigned n_failed = 0;
	int last = 0;
	for (unsigned i = 0; i < n; i++) {
		struct why why = { "" };
		int r = atomic_load(&sis_cancelled) ? -SIS_ERR_INTERRUPTED : show_one(showing, arguments[i], &why);
		if (r == 0)
			continue;
		output_error(showing->visit->acceptor.sis, arguments[i], r, &why);
		last = r;
		n_failed++;
	}
	return output_status(n_failed, n, last);
}

static int run(const struct sis *sis, void *options, char **arguments, unsigned n)
{
	CLEANUP_VISIT struct visit visit = { 0 };
	const struct show_options *wanted = options;
	struct showing showing = { .visit = &visit, .size = { SHOWN_COLUMNS, SHOWN_ROWS } };
	struct why why = { "" };
	if (!draw_size_parse(wanted->size, &showing.size))
		return output_usage(sis, "show", "--size takes columns and rows, as in 80x24");
	draw_size_limit(&showing.size);
	if (draw_is_possible(sis)) {
		pictures_start(sis, &showing.pictures);
		pictures_wake(showing.pictures);
	}
	int r = visit_begin(sis, &visit, &why);
	int status = r == 0 ? show_all(&showing, arguments, n) : 0;
	r = visit_end(sis, &visit, r, &why);
	pictures_stop(showing.pictures);
	return r < 0 ? output_status(1, 1, r) : status;
}

const struct command command_show = {
	"show", "ID…", "everything about items, with their thumbnails",
	"Tells who made each item, with which device, whether you have verified them, for whom it is, how large, since when and until when; and, on a\n"
	"terminal, draws the thumbnail (kitty and sixel graphics, else symbols).",
	rows, ARRAY_SIZE(rows), 1, 1000, sizeof(struct show_options), run,
};

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What an event looks like: to people, to scripts, to the command of --exec, and on the desktop. Facts of an item are those that were signed; of other
 * events they are the server's word, and shown only where they are what they ought to be. */
#include "sis/describe.h"
#include "sis/message.h"
#include "sis/output.h"
#include "sis/watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOTIFY_EVERY_NS 500000000u

/* ------------------------------------------------ the server's words ------------------------------------------------ */

static const char *told_name(const struct news *news, const char *member)
{
	const char *name = json_member_string(news->event->data, member);
	return name != NULL && name_is_valid(span_from_string(name)) ? name : "?";
}

/* Nobody is named where the administrator removed it. */
static const char *told_by(const struct news *news)
{
	const char *name = json_member_string(news->event->data, "by");
	return name != NULL && name[0] == '\0' ? "" : told_name(news, "by");
}

static const char *told_remover(const struct news *news)
{
	const char *name = told_by(news);
	return name[0] == '\0' ? "the administrator" : name;
}

static const char *told_item(const struct news *news)
{
	uint8_t raw[ITEM_ID_BYTES];
	const char *id = json_member_string(news->event->data, "item");
	return id != NULL && item_id_decode(span_from_string(id), raw) == 0 ? id : "?";
}

static const char *told_time(const struct news *news)
{
	int64_t seconds;
	const char *time = json_member_string(news->event->data, "time");
	return time != NULL && time_decode(span_from_string(time), &seconds) == 0 ? time : "";
}

/* A word of ours, or "changed". */
static const char *told_what(const struct news *news)
{
	static const char *const words[] = { "deleted", "unshared", "expired", "lost", "enrolled", "renewed", "key", "endorsed", "revoked" };
	const char *what = json_member_string(news->event->data, "what");
	for (size_t i = 0; what != NULL && i < ARRAY_SIZE(words); i++) {
		if (strcmp(words[i], what) == 0)
			return words[i];
	}
	return "changed";
}

static bool is_kind(const struct news *news, const char *kind)
{
	return strcmp(news->event->kind, kind) == 0;
}

/* ------------------------------------------------ for people ------------------------------------------------ */

static void show_item(const struct news *news)
{
	const struct item *item = news->item;
	const struct statement *statement = &item->opened.statement;
	char when[32], name[300], caption[200], size[32], shared[80] = "", path[700] = "";
	output_time(statement->time, when, sizeof(when));
	item_title(item, name, sizeof(name));
	text_for_terminal(span_from_string(item->manifest.caption), caption, sizeof(caption));
	text_for_terminal(span_from_string(news->path), path, sizeof(path));
	size_format(item->manifest.size, size, sizeof(size));
	if (strcmp(item->opened.grant.granter, statement->owner) != 0)
		snprintf(shared, sizeof(shared), "(shared by %s) ", item->opened.grant.granter);
	output_line("%s%.8s%s  %-12s %s  %-7s %10s  %s%s%s  %s%s%s%s%s%s%s", STYLED(STYLE_ID, item->id), statement->owner, when, item_kind_name(statement->kind), size,
	            STYLED(STYLE_OK, "ok"), shared, *name != '\0' ? name : "-", *caption != '\0' ? "  \"" : "", caption, *caption != '\0' ? "\"" : "",
	            *path != '\0' ? "  -> " : "", path);
}

static void show_device(const struct news *news)
{
	static const struct { const char *what, *words; } sentences[] = {
		{ "enrolled", "has a new device:" }, { "renewed", "renewed the certificate of" }, { "key", "published an encryption key for" },
		{ "endorsed", "vouches for the device" }, { "revoked", "has a device less, it was revoked:" },
	};
	const char *what = told_what(news), *words = "changed something about";
	for (size_t i = 0; i < ARRAY_SIZE(sentences); i++) {
		if (strcmp(sentences[i].what, what) == 0)
			words = sentences[i].words;
	}
	output_line("device    %s %s %s (says the server)", told_name(news, "user"), words, told_name(news, "device"));
}

static void show_for_people(const struct news *news)
{
	char words[400], owner[64];
	if (news->item != NULL) {
		show_item(news);
	} else if (is_kind(news, "item")) {
		text_for_terminal(span_from_string(json_member_string(news->event->data, "owner")), owner, sizeof(owner));
		text_for_terminal(span_from_string(news->words), words, sizeof(words));
		output_line("%s%.8s%s  %-12s %s%s%s: %s", STYLED(STYLE_ID, told_item(news)), owner, STYLED(STYLE_BAD, "BAD"), words);
	} else if (is_kind(news, "grant")) {
		output_line("%s%.8s%s  shared with %s by %s (says the server)", STYLED(STYLE_ID, told_item(news)), told_name(news, "user"), told_name(news, "by"));
	} else if (is_kind(news, "removed") && strcmp(told_what(news), "lost") == 0) {
		output_line("%s%.8s%s  the server has lost it, and says so: whoever still has it may share it again", STYLED(STYLE_ID, told_item(news)));
	} else if (is_kind(news, "removed")) {
		output_line("%s%.8s%s  %s by %s (says the server)", STYLED(STYLE_ID, told_item(news)), told_what(news), told_remover(news));
	} else if (is_kind(news, "device")) {
		show_device(news);
	} else if (is_kind(news, "reset")) {
		output_line("You were away for long: what was removed meanwhile is not told any more; \"sis list\" shows what there is.");
	}
}

/* ------------------------------------------------ for scripts ------------------------------------------------ */

static void put(json_t *json, const char *name, const char *value)
{
	json_object_set_new(json, name, json_string(value));
}

static json_t *describe_bad(const struct news *news)
{
	char owner[64], words[400];
	text_for_terminal(span_from_string(json_member_string(news->event->data, "owner")), owner, sizeof(owner));
	text_for_terminal(span_from_string(news->words), words, sizeof(words));
	return json_pack("{s:s, s:s, s:b, s:s, s:s}", "item", told_item(news), "owner", owner, "verified", 0, "error", error_name(news->error), "detail", words);
}

static json_t *describe_other(const struct news *news)
{
	json_t *json = json_object();
	bool is_grant = is_kind(news, "grant"), is_removed = is_kind(news, "removed"), is_device = is_kind(news, "device");
	if (is_grant || is_removed) {
		put(json, "item", told_item(news));
		put(json, "by", told_by(news));
	}
	if (is_grant || is_device)
		put(json, "user", told_name(news, "user"));
	if (is_device)
		put(json, "device", told_name(news, "device"));
	if (is_removed || is_device)
		put(json, "what", told_what(news));
	if (is_grant || is_removed || is_device)
		put(json, "time", told_time(news));
	return json;
}

static const char *event_word(const struct news *news)
{
	return is_kind(news, "item") && news->item == NULL ? "bad" : news->event->kind;
}

static void show_for_scripts(const struct news *news)
{
	json_t *json = news->item != NULL ? item_describe(news->item) : is_kind(news, "item") ? describe_bad(news) : describe_other(news);
	put(json, "event", event_word(news));
	json_object_set_new(json, "sequence", json_integer((json_int_t)news->event->sequence));
	if (news->path != NULL)
		put(json, "path", news->path);
	output_json(json);
}

void watch_show(const struct watch *watch, const struct news *news)
{
	if (watch->sis->json)
		show_for_scripts(news);
	else
		show_for_people(news);
	fflush(stdout);
}

/* ------------------------------------------------ for programs ------------------------------------------------ */

int watch_run_command(struct watch *watch, const struct news *news, struct why *why)
{
	const struct item *item = news->item;
	const struct statement *statement = item != NULL ? &item->opened.statement : NULL;
	bool is_item = is_kind(news, "item"), about_item = is_kind(news, "grant") || is_kind(news, "removed");
	char sequence[24], name[256] = "", caption[sizeof(item->manifest.caption)] = "", made[TIME_TEXT + 1] = "", words[400];
	if (watch->options->command == NULL || is_kind(news, "hello"))
		return 0;
	snprintf(sequence, sizeof(sequence), "%llu", (unsigned long long)news->event->sequence);
	text_for_terminal(span_from_string(news->words), words, sizeof(words));
	if (item != NULL) {
		item_file_name(item, name);
		text_for_terminal(span_from_string(item->manifest.caption), caption, sizeof(caption));
		time_encode(statement->time, made);
	}
	const struct fact facts[] = {
		{ "SIS_EVENT", event_word(news) }, { "SIS_SEQUENCE", sequence }, { "SIS_ITEM", is_item || about_item ? told_item(news) : NULL },
		{ "SIS_OWNER", item != NULL ? statement->owner : NULL }, { "SIS_DEVICE", item != NULL ? item->owner_device : is_kind(news, "device") ? told_name(news, "device") : NULL },
		{ "SIS_KIND", item != NULL ? item_kind_name(statement->kind) : NULL }, { "SIS_NAME", name }, { "SIS_CAPTION", caption }, { "SIS_FILE", news->path },
		{ "SIS_TIME", item != NULL ? made : told_time(news) }, { "SIS_USER", is_kind(news, "grant") || is_kind(news, "device") ? told_name(news, "user") : NULL },
		{ "SIS_BY", about_item ? told_by(news) : NULL }, { "SIS_WHAT", is_kind(news, "removed") || is_kind(news, "device") ? told_what(news) : NULL },
		{ "SIS_ERROR", is_item && item == NULL ? words : NULL },
	};
	return programs_run_shell(&watch->programs, watch->options->command, facts, ARRAY_SIZE(facts), watch->sis->json, why);
}

bool watch_can_notify(const struct watch *watch)
{
	const char *x = getenv("DISPLAY"), *wayland = getenv("WAYLAND_DISPLAY");
	bool has_display = (x != NULL && *x != '\0') || (wayland != NULL && *wayland != '\0');
	return has_display && !watch->options->no_notify && !watch->sis->json && isatty(STDOUT_FILENO);
}

/* The desktop may read the body as markup (Desktop Notifications Specification). */
static void without_markup(char *text)
{
	for (; *text != '\0'; text++)
		if (*text == '<' || *text == '>' || *text == '&')
			*text = ' ';
}

/* Not each of many: after a long absence the terminal shows them all. */
void watch_notify(struct watch *watch, const struct news *news)
{
	static char name[] = "notify-send", app[] = "--app-name=sis", end[] = "--";
	uint64_t now = time_monotonic_ns();
	char heading[80], body[300];
	if (!watch->may_notify || news->item == NULL || now - watch->notified_ns < NOTIFY_EVERY_NS)
		return;
	watch->notified_ns = now;
	snprintf(heading, sizeof(heading), "%s from %s", item_kind_name(news->item->opened.statement.kind), news->item->opened.statement.owner);
	item_title(news->item, body, sizeof(body));
	without_markup(body);
	char *const arguments[] = { name, app, end, heading, body, NULL };
	programs_start(&watch->programs, arguments);
}

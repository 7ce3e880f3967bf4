/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How a chat looks: on a terminal, in a pipe, as JSON. */
#include "sis/chat.h"
#include "sis/output.h"
#include "sis/screen.h"
#include "sis/wrap.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define INDENT 6u

static struct tm local(int64_t seconds)
{
	struct tm parts = { 0 };
	time_t time = (time_t)seconds;
	localtime_r(&time, &parts);
	return parts;
}

void chat_format_clock(int64_t seconds, char ret_text[8])
{
	const struct tm parts = local(seconds);
	strftime(ret_text, 8, "%H:%M", &parts);
}

static void print(const char *first, struct span words)
{
	unsigned columns = screen_columns();
	CLEANUP_FREE char *text = wrap_words(first, words, columns > 0 && columns < 60 ? 2 : INDENT, columns);
	screen_print(text);
}

/* A line of its own where another day begins. */
static void show_day(struct chat *chat, int64_t seconds)
{
	char day[16], line[40];
	const struct tm parts = local(seconds);
	strftime(day, sizeof(day), "%Y-%m-%d", &parts);
	if (strcmp(day, chat->day) == 0 || chat->sis->json)
		return;
	snprintf(chat->day, sizeof(chat->day), "%s", day);
	snprintf(line, sizeof(line), "--- %s ---", day);
	print(line, (struct span){ 0 });
}

char *chat_audience(const struct chat *chat, const struct statement *statement)
{
	char *text = xcalloc(statement->n_audience + 1, NAME_MAX_TEXT + 8), *at = text;
	if (chat->to != NULL && statement->n_audience == chat->n_people)
		return text;
	for (unsigned i = 0; i < statement->n_audience; i++) {
		const char *name = statement->audience[i];
		if (strcmp(name, statement->owner) != 0)
			at += sprintf(at, "%s%s", at > text ? "," : " (to ", strcmp(name, chat->visit.profile->user) == 0 ? "you" : name);
	}
	sprintf(at, "%s", at > text ? ")" : " (to yourself)");
	return text;
}

static void remember(struct chat *chat, const struct item *item, bool is_file)
{
	struct chat_item *items = realloc(chat->items, (chat->n_items + 1) * sizeof(*items));
	if (items == NULL)
		return;
	chat->items = items;
	struct chat_item *one = &items[chat->n_items++];
	*one = (struct chat_item){ .is_file = is_file, .is_own = strcmp(item->opened.statement.owner, chat->visit.profile->user) == 0 };
	snprintf(one->id, sizeof(one->id), "%s", item->id);
	snprintf(one->owner, sizeof(one->owner), "%s", item->opened.statement.owner);
	chat_format_clock(item->opened.statement.time, one->when);
	chat->n_files += is_file;
}

static const struct chat_item *find_item(const struct chat *chat, const char *id)
{
	for (unsigned i = chat->n_items; i-- > 0;) {
		if (strcmp(chat->items[i].id, id) == 0)
			return &chat->items[i];
	}
	return NULL;
}

/* " re alice 14:03" for an answer to something that was shown. */
static void format_reply(const struct chat *chat, const struct item *item, char *ret_text, size_t capacity)
{
	char id[ITEM_ID_TEXT + 1];
	ret_text[0] = '\0';
	if (!item->manifest.is_reply)
		return;
	item_id_encode(item->manifest.reply_to, id);
	const struct chat_item *answered = find_item(chat, id);
	if (answered != NULL)
		snprintf(ret_text, capacity, " [re %s %s]", answered->owner, answered->when);
	else
		snprintf(ret_text, capacity, " [re %.8s]", id);
}

static json_t *describe(const struct item *item, const char *event)
{
	char made[TIME_TEXT + 1] = "";
	json_t *to = json_array();
	const struct statement *statement = &item->opened.statement;
	time_encode(statement->time, made);
	for (unsigned i = 0; i < statement->n_audience; i++)
		json_array_append_new(to, json_string(statement->audience[i]));
	json_t *json = json_pack("{s:s, s:s, s:I, s:s, s:s, s:s, s:o}", "event", event, "item", item->id, "sequence", (json_int_t)item->sequence, "owner",
	                         statement->owner, "device", item->owner_device, "time", made, "to", to);
	if (json != NULL)
		message_describe(item, json);
	return json;
}

void chat_show_message(struct chat *chat, const struct item *item, struct span words, const char *audience)
{
	char when[8], reply[80];
	chat_format_clock(item->opened.statement.time, when);
	show_day(chat, item->opened.statement.time);
	format_reply(chat, item, reply, sizeof(reply));
	CLEANUP_FREE char *first = xasprintf("%s %s%s%s: ", when, item->opened.statement.owner, audience, reply);
	if (chat->sis->json)
		output_json(describe(item, "message"));
	else
		print(first, words);
	remember(chat, item, false);
}

void chat_show_file(struct chat *chat, const struct item *item, const char *audience)
{
	char when[8], name[300], caption[400], size[32];
	const struct manifest *manifest = &item->manifest;
	remember(chat, item, true);
	if (chat->sis->json) {
		json_t *json = describe(item, "item");
		json_object_set_new(json, "name", json_string(manifest->name));
		json_object_set_new(json, "size", json_integer((json_int_t)manifest->size));
		json_object_set_new(json, "kind", json_string(item_kind_name(item->opened.statement.kind)));
		json_object_set_new(json, "caption", json_string(manifest->caption));
		output_json(json);
		return;
	}
	show_day(chat, item->opened.statement.time);
	chat_format_clock(item->opened.statement.time, when);
	text_for_terminal(span_from_string(manifest->name), name, sizeof(name));
	text_for_terminal(span_from_string(manifest->caption), caption, sizeof(caption));
	size_format(manifest->size, size, sizeof(size));
	CLEANUP_FREE char *text = xasprintf("%s %s%s shares %s [%u] %s (%s)%s%s%s", when, item->opened.statement.owner, audience,
	                                    item->opened.statement.kind == ITEM_IMAGE ? "picture" : "file", chat->n_files, *name != '\0' ? name : "-", size,
	                                    *caption != '\0' ? ": \"" : "", caption, *caption != '\0' ? "\"" : "");
	print(text, (struct span){ 0 });
}

/* What was said here, once it has arrived. A pipe shows only what others say. */
void chat_show_own(struct chat *chat, const char *id, const struct errand *errand)
{
	char when[8], to[300] = "";
	struct item item = { 0 };
	snprintf(item.id, sizeof(item.id), "%s", id);
	snprintf(item.opened.statement.owner, sizeof(item.opened.statement.owner), "%s", chat->visit.profile->user);
	item.opened.statement.time = time_now();
	chat_format_clock(item.opened.statement.time, when);
	remember(chat, &item, false);
	if (chat->sis->json)
		output_json(json_pack("{s:s, s:s, s:s}", "event", "sent", "item", id, "to", errand->to));
	if (!chat->is_terminal)
		return;
	if (chat->to == NULL || strcmp(errand->to, chat->to) != 0)
		snprintf(to, sizeof(to), " (to %s)", errand->to);
	show_day(chat, item.opened.statement.time);
	CLEANUP_FREE char *first = xasprintf("%s %s%s: ", when, chat->visit.profile->user, to);
	print(first, span_from_string(errand->words));
}

void chat_tell(struct chat *chat, const char *kind, const char *format, ...)
{
	char text[800];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (chat->sis->json)
		output_json(json_pack("{s:s, s:s}", "event", kind, "text", text));
	else if (chat->is_terminal)
		print(strcmp(kind, "warning") == 0 ? "!! " : "-- ", span_from_string(text));
	else if (strcmp(kind, "warning") == 0)
		output_warning(chat->sis, "%s", text);
	else
		print("-- ", span_from_string(text));
}

void chat_show_prompt(struct chat *chat)
{
	const char *target = chat->target != NULL ? chat->target : chat->to;
	screen_set_prompt(target != NULL ? target : "/to");
	screen_draw(&chat->line);
}

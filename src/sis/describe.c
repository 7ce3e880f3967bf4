/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Accepted items in JSON, and in words. */
#include "sis/describe.h"

#include "sis/access.h"
#include "sis/message.h"

#include <stdio.h>
#include <string.h>

static json_t *audience_json(const struct statement *statement)
{
	json_t *array = json_array();
	for (unsigned i = 0; i < statement->n_audience; i++)
		json_array_append_new(array, json_string(statement->audience[i]));
	return array;
}

json_t *item_describe(const struct item *item)
{
	char made[TIME_TEXT + 1] = "", received[TIME_TEXT + 1] = "";
	const struct statement *statement = &item->opened.statement;
	time_encode(statement->time, made);
	time_encode(item->received, received);
	json_t *json = json_pack("{s:s, s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:s, s:o, s:b, s:s}", "item", item->id, "sequence",
	                      (json_int_t)item->sequence, "owner", statement->owner, "device", item->owner_device, "time", made, "received", received,
	                      "kind", item_kind_name(statement->kind), "name", item->manifest.name, "media_type", item->manifest.media_type, "size",
	                      (json_int_t)item->manifest.size, "width", (json_int_t)item->manifest.width, "height", (json_int_t)item->manifest.height,
	                      "caption", item->manifest.caption, "to", audience_json(statement), "verified", 1, "contact", item->contact);
	if (json != NULL) {
		message_describe(item, json);
		access_describe(item, json);
	}
	return json;
}

void item_dimensions(const struct item *item, char *ret_text, size_t capacity)
{
	ret_text[0] = '\0';
	if (item->manifest.width > 0 && item->manifest.height > 0)
		snprintf(ret_text, capacity, "%u×%u", item->manifest.width, item->manifest.height);
}

void item_title(const struct item *item, char *ret_title, size_t capacity)
{
	const char *words = (const char *)item->content.data;
	if (item->has_content && item->manifest.name[0] == '\0')
		text_for_terminal((struct span){ item->content.data, strcspn(words, "\n") }, ret_title, capacity);
	else
		text_for_terminal(span_from_string(item->manifest.name), ret_title, capacity);
}

void item_file_name(const struct item *item, char ret_name[256])
{
	struct span told = span_from_string(item->manifest.name);
	if (item->opened.statement.kind == ITEM_MESSAGE && told.size == 0)
		told = span_from_string("message.txt");
	if (file_name_is_safe(told))
		snprintf(ret_name, 256, "%.*s", (int)told.size, (const char *)told.data);
	else
		file_name_make_safe(told, ret_name);
}

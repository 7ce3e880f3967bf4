/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * An item as the page gets it: what was checked, and by whom it is. A stranger's words go as they are; the page shows them as text and nothing else. */
#include "sis/gallery/gallery.h"

#include "sis/groups.h"
#include "sis/message.h"

#include <string.h>

/* Types that browsers show as still or moving pictures and that cannot hold script. SVG is not among them. */
bool describe_is_viewable(const char *media_type)
{
	static const char *const types[] = { "image/jpeg", "image/png", "image/gif", "image/webp", "image/avif" };
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		if (strcmp(media_type, types[i]) == 0)
			return true;
	}
	return false;
}

static json_t *audience(const struct statement *statement)
{
	json_t *array = json_array();
	for (unsigned i = 0; i < statement->n_audience; i++)
		json_array_append_new(array, json_string(statement->audience[i]));
	return array;
}

static json_t *time_json(int64_t seconds)
{
	char text[TIME_TEXT + 1] = "";
	return seconds != 0 && time_encode(seconds, text) == 0 ? json_string(text) : json_null();
}

/* Who signed it, and how sure we are of them. */
static json_t *signer_json(const struct item *item, const struct hand *hand)
{
	const struct statement *statement = &item->opened.statement;
	bool own = strcmp(statement->owner, hand->gallery->profile->user) == 0;
	return json_pack("{s:s, s:s, s:s, s:b, s:b, s:b, s:o}", "user", statement->owner, "device", item->owner_device, "key", item->owner_pin, "own", own,
	                 "verified", own || trust_is_verified(hand, statement->owner), "new_device", item->pin_state == PIN_NEW_DEVICE, "revoked",
	                 time_json(item->revoked));
}

json_t *describe_item(const struct item *item, const struct hand *hand)
{
	const struct statement *statement = &item->opened.statement;
	const struct grant *grant = &item->opened.grant;
	const struct manifest *manifest = &item->manifest;
	bool own = strcmp(statement->owner, hand->gallery->profile->user) == 0;
	json_t *json = json_pack("{s:b, s:s, s:I, s:s, s:o, s:o, s:o, s:o, s:o, s:b}", "holds", 1, "item", item->id, "sequence", (json_int_t)item->sequence,
	                         "kind", item_kind_name(statement->kind), "time", time_json(statement->time), "received", time_json(item->received), "to",
	                         audience(statement), "signer", signer_json(item, hand), "expires", time_json(grant->expires), "may_share",
	                         own || grant->may_share);
	json_object_set_new(json, "name", json_string(manifest->name));
	json_object_set_new(json, "caption", json_string(manifest->caption));
	json_object_set_new(json, "media_type", json_string(manifest->media_type));
	json_object_set_new(json, "size", json_integer((json_int_t)manifest->size));
	json_object_set_new(json, "width", json_integer((json_int_t)manifest->width));
	json_object_set_new(json, "height", json_integer((json_int_t)manifest->height));
	json_object_set_new(json, "thumbnail", json_boolean(statement->part[SEAL_THUMBNAIL].size > 0));
	json_object_set_new(json, "viewable", json_boolean(describe_is_viewable(manifest->media_type)));
	if (item->has_content)
		json_object_set_new(json, "text", json_stringn((const char *)item->content.data, item->content.size));
	if (strcmp(grant->granter, statement->owner) != 0)
		json_object_set_new(json, "shared_by", json_string(grant->granter));
	return json;
}

/* Named by what the server says of it alone: nothing that its sender wrote is repeated. */
static json_t *describe_bad(const json_t *json, int error, const struct why *why)
{
	char words[sizeof(why->text)], owner[64];
	uint8_t raw[ITEM_ID_BYTES];
	const char *id = json_member_string(json, "item");
	uint64_t sequence = 0;
	int64_t received = 0;
	json_member_u64(json, "sequence", &sequence);
	const char *told = json_member_string(json, "received"), *told_owner = json_member_string(json, "owner");
	if (told == NULL || time_decode(span_from_string(told), &received) < 0)
		received = 0;
	text_for_terminal(span_from_string(told_owner != NULL ? told_owner : "?"), owner, sizeof(owner));
	text_for_terminal(span_from_string(why_text(why, error)), words, sizeof(words));
	return json_pack("{s:b, s:s, s:I, s:o, s:s, s:s, s:s}", "holds", 0, "item", id != NULL && item_id_decode(span_from_string(id), raw) == 0 ? id : "",
	                 "sequence", (json_int_t)sequence, "received", time_json(received), "owner", owner, "error", error_name(error), "why", words);
}

json_t *describe_json(const json_t *json, const struct hand *hand)
{
	struct why why = { "" };
	struct item item;
	int r = item_accept(hand->acceptor, json, NULL, &item, &why);
	if (r == 0 && !item.has_manifest) {
		item_wipe(&item);
		r = why_set(&why, -SIS_ERR_PROTOCOL, "the server left out its description");
	}
	if (r < 0)
		return describe_bad(json, r, &why);
	/* Who comes and goes in a chat, and what our own devices tell each other, is nothing to look at. */
	bool is_news = message_is_presence(&item) || group_is_item(hand->gallery->profile, &item);
	json_t *described = is_news ? NULL : describe_item(&item, hand);
	item_wipe(&item);
	return described;
}

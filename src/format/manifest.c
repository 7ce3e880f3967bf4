/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The manifest: JSON in, plain struct out, and back. */
#include "format/manifest.h"

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "base/util.h"
#include "format/item.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PADDING_BYTES 512

static int refuse_as(int error, const char **ret_why, const char *why)
{
	if (ret_why)
		*ret_why = why;
	return error;
}

static int refuse(const char **ret_why, const char *why)
{
	return refuse_as(-SIS_ERR_BAD_FORMAT, ret_why, why);
}

/* One side of "type/subtype". */
static bool is_media_word(struct span word)
{
	static const char others[] = "!#$&^_.+-";

	for (size_t i = 0; i < word.size; i++) {
		const uint8_t c = word.data[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && !memchr(others, c, strlen(others)))
			return false;
	}
	return word.size > 0;
}

static bool is_media_type(const char *text)
{
	const char *slash = strchr(text, '/');

	return slash && is_media_word((struct span){ (const uint8_t *)text, (size_t)(slash - text) }) &&
	       is_media_word(span_from_string(slash + 1));
}

/* The object without its padding; empty when the padding is not as it must be. */
static struct span strip_padding(struct span plain)
{
	if (!plain.size || plain.size % PADDING_BYTES || plain.data[0] != '{')
		return (struct span){ 0 };
	while (plain.size && plain.data[plain.size - 1] == ' ')
		plain.size--;
	return plain.data[plain.size - 1] == '}' ? plain : (struct span){ 0 };
}

/* Copies a string member; false when it is there with another type or too long, or missing though it must be there. */
static bool get_string(const json_t *object, const char *name, bool must, char *ret_text, size_t capacity)
{
	const json_t *member = json_object_get(object, name);

	if (!member)
		return !must;
	return json_is_string(member) &&
	       span_to_string((struct span){ (const uint8_t *)json_string_value(member), json_string_length(member) }, ret_text, capacity);
}

static bool get_number(const json_t *object, const char *name, bool must, uint64_t max, uint64_t *ret_value)
{
	uint64_t value;

	if (!json_object_get(object, name))
		return !must;
	if (json_member_u64(object, name, &value) < 0 || value > max)
		return false;
	*ret_value = value;
	return true;
}

static bool get_time(const json_t *object, const char *name, int64_t *ret_seconds)
{
	char text[TIME_TEXT + 1] = "";

	if (!get_string(object, name, false, text, sizeof(text)))
		return false;
	return !json_object_get(object, name) || time_decode(span_from_string(text), ret_seconds) == 0;
}

static bool get_reply(const json_t *object, struct manifest *manifest)
{
	const json_t *member = json_object_get(object, "reply_to");
	const char *id = json_member_string(object, "reply_to");

	manifest->is_reply = member != NULL;
	return !member || (id && item_id_decode(span_from_string(id), manifest->reply_to) == 0);
}

static bool get_message_number(const json_t *member, uint64_t *ret_number)
{
	if (!json_is_integer(member) || json_integer_value(member) < 1)
		return false;
	*ret_number = (uint64_t)json_integer_value(member);
	return true;
}

/* "user/device" */
static bool get_seen(const char *key, const json_t *value, struct manifest_seen *ret_seen)
{
	const char *slash = strchr(key, '/');
	struct span user = { (const uint8_t *)key, slash ? (size_t)(slash - key) : 0 }, device = span_from_string(slash ? slash + 1 : "");

	return name_is_valid(user) && name_is_valid(device) && span_to_string(user, ret_seen->user, sizeof(ret_seen->user)) &&
	       span_to_string(device, ret_seen->device, sizeof(ret_seen->device)) && get_message_number(value, &ret_seen->number);
}

static bool get_all_seen(json_t *object, struct manifest_conversation *conversation)
{
	const char *key;
	json_t *value;

	if (!json_is_object(object) || json_object_size(object) > SEEN_MAX)
		return false;
	json_object_foreach(object, key, value) {
		if (!get_seen(key, value, &conversation->seen[conversation->n_seen++]))
			return false;
	}
	return true;
}

/* The first message has none before it, every other one has. */
static bool get_previous(const json_t *object, struct manifest_conversation *conversation)
{
	const json_t *member = json_object_get(object, "previous");

	if (conversation->number == 1)
		return json_is_null(member);
	return json_is_string(member) &&
	       hex_decode((struct span){ (const uint8_t *)json_string_value(member), json_string_length(member) }, conversation->previous,
	                  sizeof(conversation->previous)) == 0;
}

static bool get_conversation(const json_t *object, struct manifest_conversation *conversation)
{
	const json_t *member = json_object_get(object, "conversation");

	return !member || (json_is_object(member) && get_message_number(json_object_get(member, "number"), &conversation->number) &&
	                   get_previous(member, conversation) && get_all_seen(json_object_get(member, "seen"), conversation));
}

int manifest_parse(struct span plain, struct manifest *ret_manifest, const char **ret_why)
{
	struct manifest manifest = { 0 };
	uint64_t width = 0, height = 0;
	struct span text;
	CLEANUP_JSON json_t *object = NULL;
	int r;

	if (plain.size > MANIFEST_MAX_BYTES)
		return refuse_as(-SIS_ERR_TOO_LARGE, ret_why, "the manifest is larger than is allowed");
	text = strip_padding(plain);
	if (!text.size)
		return refuse(ret_why, "the manifest is not one JSON object padded with spaces to a multiple of 512 bytes");
	r = json_parse(text, MANIFEST_MAX_BYTES, &object);
	if (r < 0)
		return refuse_as(r, ret_why, "the manifest is no JSON that can be read");
	if (!get_string(object, "name", true, manifest.name, sizeof(manifest.name)) ||
	    !get_string(object, "caption", false, manifest.caption, sizeof(manifest.caption)))
		return refuse(ret_why, "the manifest's name or caption is missing or too long");
	if (!get_string(object, "type", true, manifest.media_type, sizeof(manifest.media_type)) || !is_media_type(manifest.media_type))
		return refuse(ret_why, "the manifest's media type is missing or malformed");
	if (!get_number(object, "size", true, OBJECT_MAX_BYTES, &manifest.size) || !get_number(object, "width", false, UINT32_MAX, &width) ||
	    !get_number(object, "height", false, UINT32_MAX, &height))
		return refuse(ret_why, "the manifest's size, width or height is missing or out of range");
	if (!get_time(object, "modified", &manifest.modified))
		return refuse(ret_why, "the manifest's modification time is malformed");
	if (!get_reply(object, &manifest) || !get_conversation(object, &manifest.conversation))
		return refuse(ret_why, "the manifest's place in its conversation is malformed");
	manifest.width = (uint32_t)width;
	manifest.height = (uint32_t)height;
	*ret_manifest = manifest;
	return 0;
}

/* NULL when memory is out. */
static json_t *make_conversation(const struct manifest_conversation *conversation)
{
	char previous[2 * sizeof(conversation->previous) + 1], key[2 * NAME_MAX_TEXT + 2];
	json_t *seen = json_object();

	hex_encode(conversation->previous, sizeof(conversation->previous), previous);
	for (unsigned i = 0; i < conversation->n_seen; i++) {
		snprintf(key, sizeof(key), "%s/%s", conversation->seen[i].user, conversation->seen[i].device);
		json_object_set_new(seen, key, json_integer((json_int_t)conversation->seen[i].number));
	}
	return json_pack("{s:I, s:s?, s:o}", "number", (json_int_t)conversation->number, "previous", conversation->number > 1 ? previous : NULL, "seen",
	                 seen);
}

static int add_conversation(const struct manifest *manifest, json_t *object)
{
	char id[ITEM_ID_TEXT + 1];
	int r = 0;

	if (manifest->is_reply) {
		item_id_encode(manifest->reply_to, id);
		r |= json_object_set_new(object, "reply_to", json_string(id));
	}
	if (manifest->conversation.number)
		r |= json_object_set_new(object, "conversation", make_conversation(&manifest->conversation));
	return r;
}

/* NULL when a string is no UTF-8 or memory is out. */
static json_t *make_object(const struct manifest *manifest)
{
	json_t *object = json_pack("{s:s, s:s, s:I}", "name", manifest->name, "type", manifest->media_type, "size", (json_int_t)manifest->size);
	char modified[TIME_TEXT + 1];
	int r = object ? 0 : -1;

	if (r == 0 && manifest->width && manifest->height) {
		r = json_object_set_new(object, "width", json_integer(manifest->width));
		r |= json_object_set_new(object, "height", json_integer(manifest->height));
	}
	if (r == 0 && manifest->modified && time_encode(manifest->modified, modified) == 0)
		r = json_object_set_new(object, "modified", json_string(modified));
	if (r == 0 && manifest->caption[0])
		r = json_object_set_new(object, "caption", json_string(manifest->caption));
	if (r == 0)
		r = add_conversation(manifest, object);
	if (r != 0) {
		json_decref(object);
		return NULL;
	}
	return object;
}

int manifest_write(const struct manifest *manifest, uint8_t **ret_plain, size_t *ret_size)
{
	CLEANUP_JSON json_t *object = NULL;
	CLEANUP_FREE char *text = NULL;
	size_t text_size, size;
	uint8_t *plain;

	if (!is_media_type(manifest->media_type) || manifest->size > OBJECT_MAX_BYTES || !utf8_is_valid(span_from_string(manifest->name)) ||
	    !utf8_is_valid(span_from_string(manifest->caption)))
		return -SIS_ERR_BAD_FORMAT;
	object = make_object(manifest);
	text = object ? json_print(object) : NULL;
	if (!text)
		return -SIS_ERR_NO_MEMORY;
	text_size = strlen(text);
	size = (text_size + PADDING_BYTES - 1) / PADDING_BYTES * PADDING_BYTES;
	if (size > MANIFEST_MAX_BYTES)
		return -SIS_ERR_TOO_LARGE;
	plain = malloc(size);
	if (!plain)
		return -SIS_ERR_NO_MEMORY;
	memset(plain, ' ', size);
	memcpy(plain, text, text_size);
	*ret_plain = plain;
	*ret_size = size;
	return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The state of a conversation on the disk. It is replaced in one step and not flushed: what a crash of the whole machine loses is found again in the
 * messages themselves. */
#include "sis/conversation.h"

#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATE_MAX_BYTES (1u << 20)
#define DIRECTORY "conversations"

void conversation_key(const char *const *names, unsigned n_names, char ret_key[CONVERSATION_KEY])
{
	CLEANUP_FREE char *text = xcalloc(n_names + 1, NAME_MAX_TEXT + 1);
	uint8_t digest[DIGEST_BYTES];
	char *at = text;
	for (unsigned i = 0; i < n_names; i++)
		at += sprintf(at, "%s%s", i > 0 ? "," : "", names[i]);
	digest_sha256(text, (size_t)(at - text), digest);
	hex_encode(digest, sizeof(digest), ret_key);
}

void conversation_key_of(const struct statement *statement, char ret_key[CONVERSATION_KEY])
{
	CLEANUP_FREE const char **names = xcalloc(statement->n_audience + 1, sizeof(*names));
	for (unsigned i = 0; i < statement->n_audience; i++)
		names[i] = statement->audience[i];
	conversation_key(names, statement->n_audience, ret_key);
}

static bool read_text(const json_t *json, const char *name, char *ret_text, size_t capacity)
{
	const char *text = json_member_string(json, name);
	return text != NULL && span_to_string(span_from_string(text), ret_text, capacity);
}

static bool read_hash(const json_t *json, uint8_t ret_hash[DIGEST_BYTES])
{
	const char *hash = json_member_string(json, "hash");
	return hash != NULL && hex_decode(span_from_string(hash), ret_hash, DIGEST_BYTES) == 0;
}

static bool read_missing(const json_t *array, struct conversation_device *device)
{
	size_t n = json_array_size(array);
	if (n > MISSING_MAX)
		return false;
	for (size_t i = 0; i < n; i++) {
		const json_t *pair = json_array_get(array, i), *from = json_array_get(pair, 0), *to = json_array_get(pair, 1);
		if (!json_is_integer(from) || !json_is_integer(to) || json_integer_value(from) < 1 || json_integer_value(to) < json_integer_value(from))
			return false;
		device->missing[i].from = (uint64_t)json_integer_value(from);
		device->missing[i].to = (uint64_t)json_integer_value(to);
	}
	device->n_missing = (unsigned)n;
	return true;
}

static bool read_device(const char *name, const json_t *json, struct conversation_device *device)
{
	const json_t *claimed = json_object_get(json, "claimed");
	device->is_gone = json_member_bool(json, "gone", false);
	return span_to_string(span_from_string(name), device->name, sizeof(device->name)) && json_member_u64(json, "number", &device->number) == 0 &&
	       read_hash(json, device->hash) && read_text(json, "item", device->item, sizeof(device->item)) &&
	       (claimed == NULL || json_member_u64(json, "claimed", &device->claimed) == 0) && read_missing(json_object_get(json, "missing"), device);
}

static bool read_devices(json_t *object, struct conversation *conversation)
{
	const char *name;
	json_t *json;
	if (!json_is_object(object) || json_object_size(object) > CONVERSATION_DEVICES_MAX)
		return false;
	conversation->devices = xcalloc(json_object_size(object) + 1, sizeof(*conversation->devices));
	json_object_foreach(object, name, json) {
		if (!read_device(name, json, &conversation->devices[conversation->n_devices++]))
			return false;
	}
	return true;
}

static bool read_pending(const json_t *json, struct conversation *conversation)
{
	return json == NULL || (json_member_u64(json, "number", &conversation->pending.number) == 0 && read_hash(json, conversation->pending.hash) &&
	                        read_text(json, "item", conversation->pending.item, sizeof(conversation->pending.item)));
}

int conversation_parse(struct span text, struct conversation *conversation)
{
	CLEANUP_JSON json_t *json = NULL;
	struct conversation state = { 0 };
	int r = json_parse(text, STATE_MAX_BYTES, &json);
	if (r < 0)
		return r;
	if (json_member_u64(json, "sequence", &state.sequence) < 0 || !read_pending(json_object_get(json, "pending"), &state) ||
	    !read_devices(json_object_get(json, "devices"), &state)) {
		free(state.devices);
		return -SIS_ERR_BAD_FORMAT;
	}
	state.is_new = json_member_bool(json, "unread", false);
	memcpy(state.key, conversation->key, sizeof(state.key));
	memcpy(state.own, conversation->own, sizeof(state.own));
	*conversation = state;
	return 0;
}

static int make_directory(const struct profile *profile, struct why *why)
{
	if (mkdirat(profile->dir_fd, DIRECTORY, 0700) < 0 && errno != EEXIST)
		return why_set(why, error_from_errno(errno), "the profile's directory \"" DIRECTORY "\" cannot be made: %s", strerror(errno));
	return 0;
}

int conversation_lock_sending(const struct profile *profile, const char *key, int *ret_fd, struct why *why)
{
	char name[CONVERSATION_KEY + 32];
	snprintf(name, sizeof(name), DIRECTORY "/%s.lock", key);
	int r = make_directory(profile, why);
	if (r < 0)
		return r;
	r = profile_lock(profile, name, ret_fd);
	return r < 0 ? why_set(why, r, "the state of a conversation cannot be written: %s", error_text(r)) : 0;
}

int conversation_open(const struct profile *profile, const char *key, struct conversation *ret_conversation, int *ret_lock_fd, struct why *why)
{
	struct conversation conversation = { .is_new = true };
	CLEANUP_FREE char *text = NULL;
	CLEANUP_FD int lock = -1;
	char name[CONVERSATION_KEY + 32];
	size_t size = 0;
	snprintf(conversation.key, sizeof(conversation.key), "%s", key);
	snprintf(conversation.own, sizeof(conversation.own), "%s/%s", profile->user, profile->device);
	snprintf(name, sizeof(name), DIRECTORY "/%s.json", key);
	int r = make_directory(profile, why);
	if (r == 0)
		r = profile_lock(profile, DIRECTORY "/lock", &lock);
	if (r == 0)
		r = file_read(profile->dir_fd, name, STATE_MAX_BYTES, &text, &size);
	if (r == 0)
		r = conversation_parse((struct span){ (uint8_t *)text, size }, &conversation);
	if (r < 0 && r != -SIS_ERR_NO_INPUT && r != -SIS_ERR_BAD_FORMAT && r != -SIS_ERR_TOO_LARGE)
		return why_set(why, r, "the state of a conversation cannot be read: %s", error_text(r));
	*ret_conversation = conversation;
	*ret_lock_fd = fd_take(&lock);
	return 0;
}

static json_t *device_json(const struct conversation_device *device)
{
	char hash[2 * DIGEST_BYTES + 1];
	json_t *missing = json_array();
	hex_encode(device->hash, DIGEST_BYTES, hash);
	for (unsigned i = 0; i < device->n_missing; i++)
		json_array_append_new(missing, json_pack("[I, I]", (json_int_t)device->missing[i].from, (json_int_t)device->missing[i].to));
	return json_pack("{s:I, s:s, s:s, s:b, s:I, s:o}", "number", (json_int_t)device->number, "hash", hash, "item", device->item, "gone",
	                 (int)device->is_gone, "claimed", (json_int_t)device->claimed, "missing", missing);
}

static char *print(const struct conversation *conversation)
{
	char hash[2 * DIGEST_BYTES + 1];
	json_t *devices = json_object();
	for (unsigned i = 0; i < conversation->n_devices; i++)
		json_object_set_new(devices, conversation->devices[i].name, device_json(&conversation->devices[i]));
	CLEANUP_JSON json_t *json = json_pack("{s:i, s:I, s:b, s:o}", "version", 1, "sequence", (json_int_t)conversation->sequence, "unread",
	                                      (int)conversation->is_new, "devices", devices);
	hex_encode(conversation->pending.hash, DIGEST_BYTES, hash);
	if (json != NULL && conversation->pending.number > 0)
		json_object_set_new(json, "pending", json_pack("{s:I, s:s, s:s}", "number", (json_int_t)conversation->pending.number, "hash", hash, "item",
		                                               conversation->pending.item));
	return json != NULL ? json_print(json) : NULL;
}

int conversation_save(const struct profile *profile, const struct conversation *conversation, struct why *why)
{
	char name[CONVERSATION_KEY + 32], other[CONVERSATION_KEY + 32];
	CLEANUP_FREE char *text = print(conversation);
	if (text == NULL)
		return -SIS_ERR_NO_MEMORY;
	snprintf(name, sizeof(name), DIRECTORY "/%s.json", conversation->key);
	snprintf(other, sizeof(other), DIRECTORY "/%s.next", conversation->key);
	/* The lock is held: what stands there is of a process that was killed. */
	CLEANUP_FD int fd = openat(profile->dir_fd, other, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r = fd < 0 ? error_from_errno(errno) : fd_write_all(fd, text, strlen(text));
	if (r == 0 && renameat(profile->dir_fd, other, profile->dir_fd, name) < 0)
		r = error_from_errno(errno);
	return r < 0 ? why_set(why, r, "the state of a conversation cannot be written: %s", error_text(r)) : 0;
}

void conversation_close(struct conversation *conversation, int *lock_fd)
{
	free(conversation->devices);
	conversation->devices = NULL;
	conversation->n_devices = 0;
	*lock_fd = fd_close(*lock_fd);
}

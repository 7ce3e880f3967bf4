/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The file "recent". */
#include "sis/recent.h"

#include <stdlib.h>
#include <string.h>

#define FILE_MAX (256u * 1024)
#define NAME_SHOWN 60

static json_t *sorted(const json_t *items);

void recent_add(struct recent *recent, uint64_t sequence, const char *id, const char *owner, const char *name)
{
	char safe[NAME_SHOWN];
	text_for_terminal(span_from_string(name), safe, sizeof(safe));
	if (recent->items == NULL)
		recent->items = json_array();
	json_array_append_new(recent->items, json_pack("{s:I, s:s, s:s, s:s}", "sequence", (json_int_t)sequence, "item", id, "owner", owner, "name", safe));
	if (json_array_size(recent->items) > 5 * RECENT_MAX) {  /* "sis list --all" */
		CLEANUP_JSON json_t *all = recent->items;
		recent->items = sorted(all);
	}
}

json_t *recent_load(int profile_dir_fd)
{
	CLEANUP_FREE char *text = NULL;
	size_t size;
	json_t *items = NULL;
	if (file_read(profile_dir_fd, "recent", FILE_MAX, &text, &size) < 0 || json_parse((struct span){ (const uint8_t *)text, size }, FILE_MAX, &items) < 0)
		return NULL;
	if (json_is_array(items))
		return items;
	json_decref(items);
	return NULL;
}

static uint64_t sequence_of(const json_t *item)
{
	uint64_t sequence = 0;
	(void)json_member_u64(item, "sequence", &sequence);
	return sequence;
}

static int newest_first(const void *one, const void *other)
{
	uint64_t a = sequence_of(*(json_t *const *)one), b = sequence_of(*(json_t *const *)other);
	return a < b ? 1 : a > b ? -1 : 0;
}

static uint64_t oldest(const json_t *items)
{
	uint64_t least = UINT64_MAX;
	for (size_t i = 0; i < json_array_size(items); i++)
		if (sequence_of(json_array_get(items, i)) < least)
			least = sequence_of(json_array_get(items, i));
	return least;
}

static json_t *sorted(const json_t *items)
{
	size_t n = json_array_size(items);
	CLEANUP_FREE json_t **all = xcalloc(n + 1, sizeof(*all));
	json_t *result = json_array();
	for (size_t i = 0; i < n; i++)
		all[i] = json_array_get(items, i);
	qsort(all, n, sizeof(*all), newest_first);
	for (size_t i = 0; i < n && i < RECENT_MAX; i++)
		json_array_append(result, all[i]);
	return result;
}

void recent_save(const struct profile *profile, struct recent *recent)
{
	CLEANUP_JSON json_t *added = recent->items;
	recent->items = NULL;
	if (profile->passphrase != NULL || json_array_size(added) == 0)
		return;
	CLEANUP_JSON json_t *before = recent_load(profile->dir_fd);
	uint64_t least = oldest(added);
	for (size_t i = 0; i < json_array_size(before); i++)
		if (sequence_of(json_array_get(before, i)) < least)
			json_array_append(added, json_array_get(before, i));
	CLEANUP_JSON json_t *all = sorted(added);
	CLEANUP_FREE char *text = json_print(all);
	if (text != NULL)
		profile_write_quick(profile, "recent", span_from_string(text));
}

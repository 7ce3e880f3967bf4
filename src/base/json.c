/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * jansson within limits. */
#include "base/json.h"
#include "base/error.h"
#include "base/secret.h"

#define MAX_DEPTH 16
/* A value takes some 140 bytes of memory and, where somebody wants it so, three of text ("[],"). Ours take eight and more, but in a short text. */
#define FREE_VALUES 100000u
#define BYTES_A_VALUE 8

/* jansson would seed its hash from /dev/urandom at first use, which a confined role cannot open, and then fall back to the clock. */
__attribute__((constructor)) static void seed_hash(void)
{
	uint32_t seed = 0;
	if (random_bytes(&seed, sizeof(seed)) == 0)
		json_object_seed(seed | 1);     /* 0 would mean: find a seed yourself */
}

void json_decrefp_sis(json_t **json)
{
	json_decref(*json);
	*json = NULL;
}

/* jansson recurses up to 2048 levels; we count brackets outside of strings before it sees the text, and, by what begins them or stands between them, the
 * values. */
static int measure(struct span text)
{
	unsigned depth = 0;
	size_t n_values = 0;
	bool quoted = false;
	for (size_t i = 0; i < text.size; i++) {
		uint8_t c = text.data[i];
		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && (c == '[' || c == '{') && ++depth > MAX_DEPTH)
			return -SIS_ERR_BAD_FORMAT;
		else if (!quoted && (c == ']' || c == '}') && depth > 0)
			depth--;
		n_values += !quoted && (c == '[' || c == '{' || c == ',');
	}
	return n_values > FREE_VALUES + text.size / BYTES_A_VALUE ? -SIS_ERR_TOO_LARGE : 0;
}

int json_parse(struct span text, size_t max, json_t **ret_json)
{
	if (text.size > max)
		return -SIS_ERR_TOO_LARGE;
	int r = text.size == 0 ? -SIS_ERR_BAD_FORMAT : measure(text);
	if (r < 0)
		return r;
	json_error_t error;
	json_t *json = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, &error);
	if (json == NULL)
		return json_error_code(&error) == json_error_out_of_memory ? -SIS_ERR_NO_MEMORY : -SIS_ERR_BAD_FORMAT;
	*ret_json = json;
	return 0;
}

const char *json_member_string(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

int json_member_u64(const json_t *object, const char *name, uint64_t *ret_value)
{
	const json_t *member = json_object_get(object, name);
	if (!json_is_integer(member) || json_integer_value(member) < 0)
		return -SIS_ERR_BAD_FORMAT;
	*ret_value = (uint64_t)json_integer_value(member);
	return 0;
}

bool json_member_bool(const json_t *object, const char *name, bool fallback)
{
	const json_t *member = json_object_get(object, name);
	return json_is_boolean(member) ? json_is_true(member) : fallback;
}

char *json_print(const json_t *json)
{
	return json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
}

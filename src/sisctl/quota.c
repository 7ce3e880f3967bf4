/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sisctl quota: how much each user may keep here. */
#include "sisctl/sisctl.h"

#include "base/text.h"
#include "base/util.h"

#include <inttypes.h>
#include <string.h>
#include <sysexits.h>

static const char *limit_words(uint64_t bytes, char *buffer, size_t capacity)
{
	if (bytes == 0)
		return "none";
	size_format(bytes, buffer, capacity);
	return buffer;
}

static const struct column columns[] = {
	{ "USER", "user", CELL_TEXT, NARROW_CUT }, { "USED", "used", CELL_SIZE }, { "IN UPLOADS", "reserved", CELL_SIZE }, { "QUOTA", "words", CELL_TEXT },
};

static void add_words(json_t *row)
{
	uint64_t quota = 0;
	char size[32];
	(void)json_member_u64(row, "quota", &quota);
	CLEANUP_FREE char *words = xasprintf("%s%s", limit_words(quota, size, sizeof(size)), json_member_bool(row, "own", true) ? "" : " (default)");
	(void)json_object_set_new(row, "words", json_string(words));
}

static int show(struct sisctl *sisctl, const char *user)
{
	CLEANUP_REPLY struct varlink_reply reply = { 0 };
	int r = sisctl_call(sisctl, "ListQuotas", parameters_new("user", user, NULL), &reply);
	if (r != 0)
		return r;
	if (sisctl->json) {
		output_json(reply.parameters);
		return output_finish();
	}
	uint64_t fallback = 0;
	char words[32];
	(void)json_member_u64(reply.parameters, "default", &fallback);
	printf("default: %s\n", limit_words(fallback, words, sizeof(words)));
	size_t index;
	json_t *row, *quotas = json_object_get(reply.parameters, "quotas");
	json_array_foreach(quotas, index, row)
		add_words(row);
	output_table(quotas, columns, ARRAY_SIZE(columns), "There are no users yet. Add one with: sisctl add NAME");
	return output_finish();
}

/* "default", "none", or a size that is not nothing: to forbid uploads, a user is disabled. */
static int read_quota(const char *word, json_t *parameters)
{
	uint64_t bytes = 0;
	if (strcmp(word, "default") == 0)
		return 0;
	if (strcmp(word, "none") != 0 && (size_parse(word, &bytes) < 0 || bytes == 0 || bytes > INT64_MAX))
		return -1;
	return json_object_set_new(parameters, "bytes", json_integer((json_int_t)bytes));
}

int command_quota(struct sisctl *sisctl, char **arguments, const char *const *values)
{
	if (arguments[0] == NULL || arguments[1] == NULL)
		return show(sisctl, arguments[0]);
	json_t *parameters = parameters_new("user", arguments[0], NULL);
	if (read_quota(arguments[1], parameters) < 0) {
		json_decref(parameters);
		return output_error(EX_USAGE, "%s is no quota: say a size (500M, 20G), none for no limit, or default for what sisd.conf says", arguments[1]);
	}
	CLEANUP_REPLY struct varlink_reply reply = { 0 };
	int r = sisctl_call(sisctl, "SetQuota", parameters, &reply);
	return r != 0 ? r : show(sisctl, arguments[0]);
}

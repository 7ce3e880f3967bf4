/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sisctl status: the processes as they are, each with the sandbox it really got. */
#include "sisctl/sisctl.h"

#include "base/util.h"

static const struct column columns[] = {
	{ "ROLE", "role", CELL_TEXT }, { "PID", "pid", CELL_NUMBER }, { "STATE", "state", CELL_TEXT }, { "RESTARTS", "restarts", CELL_NUMBER },
	{ "CONNECTIONS", "connections", CELL_NUMBER }, { "WATCHERS", "watchers", CELL_NUMBER }, { "SINCE", "since", CELL_TIME }, { "SANDBOX", "sandbox", CELL_TEXT },
};

static const struct column limit_columns[] = { { "LIMIT", "limit", CELL_TEXT }, { "VALUE", "value", CELL_NUMBER }, { "REFUSED", "refused", CELL_NUMBER } };

static void print_list(const char *name, const json_t *list)
{
	size_t index;
	const json_t *value;
	printf("%s:", name);
	json_array_foreach(list, index, value)
		if (json_is_string(value)) {
			putchar(' ');
			output_text(stdout, json_string_value(value));
		}
	putchar('\n');
}

/* "refusals: QUOTA 3, NO_ITEM 1"; what is deeper is for `sisctl metrics`. */
static void print_counts(const char *name, json_t *counts)
{
	const char *reason, *separator = " ";
	json_t *count;
	if (json_object_get(counts, "counts") != NULL)
		return;
	printf("%s:", name);
	json_object_foreach(counts, reason, count) {
		fputs(separator, stdout);
		output_text(stdout, reason);
		printf(" %" JSON_INTEGER_FORMAT, json_integer_value(count));
		separator = ", ";
	}
	puts(json_object_size(counts) == 0 ? " none" : "");
}

/* Whatever the daemon tells besides the roles: a newer daemon may tell more. */
static void print_members(json_t *status)
{
	const char *name;
	json_t *value;
	json_object_foreach(status, name, value) {
		char cell[512];
		if (json_is_array(value) && json_is_string(json_array_get(value, 0)))
			print_list(name, value);
		if (json_is_object(value))
			print_counts(name, value);
		if (json_is_array(value) || json_is_object(value))
			continue;
		output_cell(status, &(struct column){ NULL, name, CELL_TEXT }, cell, sizeof(cell));
		printf("%s: %s\n", name, cell);
	}
}

int command_status(struct sisctl *sisctl, char **arguments, const char *const *values)
{
	CLEANUP_REPLY struct varlink_reply reply = { 0 };
	int r = sisctl_call(sisctl, "Status", json_object(), &reply);
	if (r != 0)
		return r;
	json_t *status = json_object_get(reply.parameters, "status");
	if (sisctl->json) {
		output_json(json_is_object(status) ? status : reply.parameters);
		return output_finish();
	}
	print_members(status);
	putchar('\n');
	output_table(json_object_get(status, "limits"), limit_columns, ARRAY_SIZE(limit_columns), "The daemon names no limit.");
	putchar('\n');
	output_table(json_object_get(status, "roles"), columns, ARRAY_SIZE(columns), "The daemon names no role.");
	return output_finish();
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sisctl status: the processes as they are, each with the sandbox that it really has. */
#include "sisctl/sisctl.h"

#include "base/log.h"
#include "base/text.h"
#include "base/util.h"

#include <inttypes.h>
#include <string.h>
#include <syslog.h>

/* 69 columns wide with a process id of seven digits. */
static const struct column role_columns[] = {
	{ "ROLE", "role", CELL_TEXT }, { "PID", "pid", CELL_NUMBER }, { "STATE", "state", CELL_TEXT }, { "RESTARTS", "restarts", CELL_NUMBER },
	{ "CONNECTIONS", "connections", CELL_NUMBER }, { "WATCHERS", "watchers", CELL_NUMBER }, { "MEMORY", "memory_bytes", CELL_SIZE }, { "UP", "up", CELL_TEXT },
};
static const struct column sandbox_columns[] = { { "ROLE", "role", CELL_TEXT }, { "HOLDS", "confined", CELL_TEXT }, { "SANDBOX", "sandbox", CELL_TEXT } };
/* "Held back": refused, or slowed down. */
static const struct column limit_columns[] = {
	{ "LIMIT", "limit", CELL_TEXT }, { "VALUE", "value", CELL_NUMBER }, { "UNIT", "unit", CELL_TEXT }, { "HELD BACK", "refused", CELL_NUMBER },
};

/* ------------------------------------------------ members ------------------------------------------------ */

/* Names of members are the daemon's words, too. */
static void print_name(const char *name)
{
	output_text(stdout, name);
	putchar(':');
}

static void print_list(const char *name, const json_t *list)
{
	size_t index;
	const json_t *value;
	print_name(name);
	json_array_foreach(list, index, value)
		if (json_is_string(value)) {
			putchar(' ');
			output_text(stdout, json_string_value(value));
		}
	putchar('\n');
}

/* Of the events those that somebody should look at; `sisctl metrics` has all. */
static bool is_worth_telling(const char *member, const char *what, const json_t *count)
{
	if (json_integer_value(count) == 0)
		return false;
	for (int i = 0; i < EVENT_END && strcmp(member, "events") == 0; i++)
		if (strcmp(event_name((enum event)i), what) == 0)
			return event_priority((enum event)i) <= LOG_WARNING;
	return true;
}

/* "refusals: QUOTA 3, NO_ITEM 1"; what is deeper is for `sisctl metrics`. */
static void print_counts(const char *name, json_t *counts)
{
	const char *what, *separator = " ";
	json_t *count;
	if (json_object_get(counts, "counts") != NULL)
		return;
	print_name(strcmp(name, "events") == 0 ? "warnings" : name);
	json_object_foreach(counts, what, count) {
		if (!is_worth_telling(name, what, count))
			continue;
		fputs(separator, stdout);
		output_text(stdout, what);
		printf(" %" JSON_INTEGER_FORMAT, json_integer_value(count));
		separator = ", ";
	}
	puts(strcmp(separator, " ") == 0 ? " none" : "");
}

/* "3d 4h", "25s": the two largest units. */
static void print_distance(int64_t seconds, char *ret_text, size_t capacity)
{
	static const struct { int64_t seconds; char letter; } units[] = { { 365 * 86400, 'y' }, { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };
	size_t i = 0;
	while (i + 1 < ARRAY_SIZE(units) && seconds < units[i].seconds)
		i++;
	int n = snprintf(ret_text, capacity, "%" PRId64 "%c", seconds / units[i].seconds, units[i].letter);
	if (i + 1 < ARRAY_SIZE(units) && n > 0 && (size_t)n < capacity)
		snprintf(ret_text + n, capacity - (size_t)n, " %" PRId64 "%c", seconds % units[i].seconds / units[i + 1].seconds, units[i + 1].letter);
}

/* A time also as how long ago or how soon. False when it is none. */
static bool print_moment(const char *name, const json_t *value)
{
	const char *text = json_string_value(value);
	int64_t seconds;
	char distance[32];
	if (text == NULL || time_decode(span_from_string(text), &seconds) < 0)
		return false;
	int64_t away = seconds - time_now();
	print_distance(away < 0 ? -away : away, distance, sizeof(distance));
	print_name(name);
	printf(" %s (%s%s%s)\n", text, away >= 0 ? "in " : "", distance, away >= 0 ? "" : " ago");
	return true;
}

static void print_scalar(const json_t *status, const char *name, const json_t *value)
{
	const char *end = strstr(name, "bytes");
	bool is_size = end != NULL && end[strlen("bytes")] == '\0';
	char cell[512];
	if (print_moment(name, value))
		return;
	output_cell(status, &(struct column){ NULL, name, is_size ? CELL_SIZE : CELL_TEXT }, cell, sizeof(cell));
	print_name(name);
	printf(" %s\n", cell);
}

/* Whatever the daemon tells besides the roles: a newer daemon may tell more. */
static void print_members(json_t *status)
{
	const char *name;
	json_t *value;
	json_object_foreach(status, name, value) {
		if (json_is_array(value) && json_is_string(json_array_get(value, 0)))
			print_list(name, value);
		else if (json_is_object(value))
			print_counts(name, value);
		else if (!json_is_array(value))
			print_scalar(status, name, value);
	}
}

/* ------------------------------------------------ roles ------------------------------------------------ */

static void add_up(json_t *role)
{
	const char *since = json_member_string(role, "since");
	int64_t seconds;
	char distance[32];
	if (since == NULL || time_decode(span_from_string(since), &seconds) < 0 || seconds > time_now())
		return;
	print_distance(time_now() - seconds, distance, sizeof(distance));
	(void)json_object_set_new(role, "up", json_string(distance));
}

static bool is_same_sandbox(const json_t *a, const json_t *b)
{
	static const char *const members[] = { "role", "confined", "sandbox" };
	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		if (!json_equal(json_object_get(a, members[i]), json_object_get(b, members[i])))
			return false;
	return true;
}

/* Sixty workers that are confined alike are one line. */
static json_t *distinct_sandboxes(const json_t *roles)
{
	json_t *distinct = json_array();
	for (size_t i = 0; i < json_array_size(roles); i++) {
		json_t *role = json_array_get(roles, i);
		bool known = false;
		for (size_t j = 0; j < json_array_size(distinct) && !known; j++)
			known = is_same_sandbox(role, json_array_get(distinct, j));
		if (!known)
			(void)json_array_append(distinct, role);
	}
	return distinct;
}

static void print_roles(json_t *roles)
{
	CLEANUP_JSON json_t *sandboxes = distinct_sandboxes(roles);
	for (size_t i = 0; i < json_array_size(roles); i++)
		add_up(json_array_get(roles, i));
	output_table(roles, role_columns, ARRAY_SIZE(role_columns), "The daemon names no role.");
	putchar('\n');
	output_table(sandboxes, sandbox_columns, ARRAY_SIZE(sandbox_columns), "The daemon names no role.");
}

/* Of the limits that may be 0, that is none: for whoever reads it. */
static void say_in_words(json_t *limit)
{
	const char *unit = json_member_string(limit, "unit");
	json_int_t value = json_integer_value(json_object_get(limit, "value"));
	char size[32];
	if (unit != NULL && value == 0) {
		(void)json_object_set_new(limit, "value", json_string("none"));
		(void)json_object_set_new(limit, "unit", json_string(""));
	} else if (unit != NULL && strncmp(unit, "bytes ", 6) == 0) {
		size_format((uint64_t)value, size, sizeof(size));
		(void)json_object_set_new(limit, "unit", json_string(unit + 6));
		(void)json_object_set_new(limit, "value", json_string(size));
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
	json_t *limits = json_object_get(status, "limits");
	size_t index;
	json_t *limit;
	json_array_foreach(limits, index, limit)
		say_in_words(limit);
	output_table(limits, limit_columns, ARRAY_SIZE(limit_columns), "The daemon names no limit.");
	putchar('\n');
	print_roles(json_object_get(status, "roles"));
	return output_finish();
}

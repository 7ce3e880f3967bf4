/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sis group: names for several people. */
#include "sis/command.h"
#include "sis/groups.h"
#include "sis/output.h"
#include "sis/people.h"
#include "sis/visit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What every word gets: its group (without the '@'), and the names behind it. */
struct task {
	const struct sis *sis;
	struct visit *visit;
	char *const *arguments;
	unsigned n_arguments;
	struct group *group;                    /* with the name set */
};

/* ------------------------------------------------ showing ------------------------------------------------ */

static void show(const struct task *task, const struct group *group)
{
	CLEANUP_FREE char *line = NULL;
	char when[TIME_TEXT + 1] = "";
	json_t *members = json_array();
	for (unsigned i = 0; i < group->n_members; i++) {
		char *longer = xasprintf("%s%s%s", line != NULL ? line : "", line != NULL ? "," : "", group->member[i]);
		free(line);
		line = longer;
		json_array_append_new(members, json_string(group->member[i]));
	}
	time_encode(group->time, when);
	if (task->sis->json)
		output_json(json_pack("{s:s, s:o, s:s}", "group", group->name, "members", members, "time", when));
	else
		output_line("@%-15s %s", group->name, line != NULL ? line : "");
	if (!task->sis->json)
		json_decref(members);
}

static int show_one(const struct task *task, struct why *why)
{
	int r = group_load(task->visit->session, task->visit->pins, task->group->name, task->group, why);
	if (r == 0 && task->group->n_members == 0)
		r = why_set(why, -SIS_ERR_NO_INPUT, "there is no group @%s; see \"sis group\"", task->group->name);
	if (r == 0)
		show(task, task->group);
	return r;
}

/* One that does not hold is told, and the others are shown all the same. */
static int show_all(const struct task *task, struct why *why)
{
	char **names = NULL;
	unsigned n = 0;
	int last = 0, r = group_names(task->visit->profile, &names, &n, why);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < n; i++) {
		struct why own = { "" };
		r = group_load(task->visit->session, task->visit->pins, names[i], task->group, &own);
		if (r == 0 && task->group->n_members > 0)
			show(task, task->group);
		if (r < 0) {
			last = r;
			why_set(why, r, "%s", why_text(&own, r));
		}
	}
	group_names_free(names, n);
	return last;
}

/* ------------------------------------------------ changing ------------------------------------------------ */

static int name_compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

static bool has_member(const struct group *group, const char *name)
{
	return group->n_members > 0 && bsearch(name, group->member, group->n_members, sizeof(group->member[0]), name_compare) != NULL;
}

static int add_member(const struct task *task, const char *name, struct why *why)
{
	struct group *group = task->group;
	CLEANUP_FREE struct people_device *devices = NULL;
	unsigned n_devices;
	if (!name_is_valid(span_from_string(name)))
		return why_set(why, -SIS_ERR_BAD_NAME, "\"%s\" is not a valid user name: 1 to 32 of a-z 0-9 . _ -", name);
	if (has_member(group, name))
		return 0;
	if (group->n_members == AUDIENCE_MAX)
		return why_set(why, -SIS_ERR_TOO_LARGE, "a group has at most %d members", AUDIENCE_MAX);
	/* A name that was mistyped now would be somebody's later. */
	int r = people_list(task->sis, task->visit->session, task->visit->pins, name, &devices, &n_devices, why);
	if (r < 0)
		return r;
	snprintf(group->member[group->n_members++], sizeof(group->member[0]), "%s", name);
	qsort(group->member, group->n_members, sizeof(group->member[0]), name_compare);
	return 0;
}

static int remove_member(const struct task *task, const char *name, struct why *why)
{
	struct group *group = task->group;
	for (unsigned i = 0; i < group->n_members; i++) {
		if (strcmp(group->member[i], name) != 0)
			continue;
		group->n_members--;
		memmove(group->member[i], group->member[i + 1], (group->n_members - i) * sizeof(group->member[0]));
		return 0;
	}
	return why_set(why, -SIS_ERR_NO_USER, "%s is not in @%s", name, group->name);
}

/* "bob,carol" "dave": each of them. */
static int each_name(const struct task *task, int (*fn)(const struct task *task, const char *name, struct why *why), struct why *why)
{
	int r = 0;
	for (unsigned i = 0; i < task->n_arguments && r == 0; i++) {
		CLEANUP_FREE char *text = xstrdup(task->arguments[i]);
		char *state = NULL;
		for (char *name = strtok_r(text, ", ", &state); name != NULL && r == 0; name = strtok_r(NULL, ", ", &state))
			r = fn(task, name, why);
	}
	return r;
}

static int publish(const struct task *task, struct why *why)
{
	if (task->group->n_members == 0)
		return why_set(why, -SIS_ERR_USAGE, "that leaves nobody; to remove the group: sis group rm %s", task->group->name);
	int r = group_publish(task->sis, task->visit->session, task->visit->pins, task->group, why);
	if (r == 0 && (task->sis->json || !task->sis->quiet))
		show(task, task->group);
	return r;
}

static int sync_quietly(const struct task *task, struct why *why)
{
	struct group_news news;
	return group_sync(&task->visit->acceptor, task->visit->session, &news, why);
}

static int set(const struct task *task, struct why *why)
{
	/* What another device has set since must not be newer than this. */
	int r = sync_quietly(task, why);
	if (r == 0)
		r = each_name(task, add_member, why);
	return r == 0 ? publish(task, why) : r;
}

static int change(const struct task *task, int (*fn)(const struct task *task, const char *name, struct why *why), struct why *why)
{
	int r = sync_quietly(task, why);
	if (r == 0)
		r = group_load(task->visit->session, task->visit->pins, task->group->name, task->group, why);
	if (r == 0 && task->group->n_members == 0)
		r = why_set(why, -SIS_ERR_NO_INPUT, "there is no group @%s; see \"sis group\"", task->group->name);
	if (r == 0)
		r = each_name(task, fn, why);
	return r == 0 ? publish(task, why) : r;
}

static int add(const struct task *task, struct why *why)
{
	return change(task, add_member, why);
}

static int take_out(const struct task *task, struct why *why)
{
	return change(task, remove_member, why);
}

static int remove_group(const struct task *task, struct why *why)
{
	int r = sync_quietly(task, why);
	if (r == 0)
		r = group_load(task->visit->session, task->visit->pins, task->group->name, task->group, why);
	if (r == 0 && task->group->n_members == 0)
		r = why_set(why, -SIS_ERR_NO_INPUT, "there is no group @%s; see \"sis group\"", task->group->name);
	task->group->n_members = 0;
	if (r == 0)
		r = group_publish(task->sis, task->visit->session, task->visit->pins, task->group, why);
	if (r == 0 && task->sis->json)
		output_json(json_pack("{s:s, s:b}", "group", task->group->name, "removed", 1));
	else if (r == 0 && !task->sis->quiet)
		output_line("@%s is removed; what was shared with its members stays shared", task->group->name);
	return r;
}

static int sync_all(const struct task *task, struct why *why)
{
	struct group_news news = { 0 };
	int r = group_sync(&task->visit->acceptor, task->visit->session, &news, why);
	if (r < 0)
		return r;
	if (task->sis->json)
		output_json(json_pack("{s:i, s:i}", "taken", (int)news.n_taken, "refused", (int)news.n_refused));
	else if (!task->sis->quiet)
		output_line("%u %s newer on the server", news.n_taken, news.n_taken == 1 ? "group was" : "groups were");
	return news.n_refused > 0 ? why_set(why, -SIS_ERR_UNTRUSTED, "%u left out, see above", news.n_refused) : 0;
}

/* ------------------------------------------------ the command ------------------------------------------------ */

static const struct {
	const char *word, *arguments;
	unsigned least, most;                   /* arguments behind the word */
	int (*run)(const struct task *task, struct why *why);
} words[] = {
	{ "set", "NAME USER,…", 2, 100000, set }, { "add", "NAME USER…", 2, 100000, add }, { "remove", "NAME USER…", 2, 100000, take_out },
	{ "show", "NAME", 1, 1, show_one }, { "rm", "NAME", 1, 1, remove_group }, { "sync", "", 0, 0, sync_all },
};

static int run_word(const struct sis *sis, int (*act)(const struct task *task, struct why *why), char **arguments, unsigned n)
{
	CLEANUP_VISIT struct visit visit = { 0 };
	CLEANUP_FREE struct group *group = xcalloc(1, sizeof(*group));
	struct why why = { "" };
	const char *name = n > 0 ? arguments[0] + (arguments[0][0] == '@') : "";
	struct task task = { .sis = sis, .visit = &visit, .arguments = arguments + 1, .n_arguments = n > 0 ? n - 1 : 0, .group = group };
	int r = 0;
	if (n > 0 && !name_is_valid(span_from_string(name)))
		r = why_set(&why, -SIS_ERR_BAD_NAME, "\"%s\" cannot name a group: 1 to 32 of a-z 0-9 . _ -", name);
	else
		snprintf(group->name, sizeof(group->name), "%s", name);
	if (r == 0)
		r = visit_begin(sis, &visit, &why);
	if (r == 0)
		r = act(&task, &why);
	r = visit_end(sis, &visit, r, &why);
	return output_status(r < 0, 1, r);
}

static int run(const struct sis *sis, void *options, char **arguments, unsigned n)
{
	(void)options;
	if (n == 0)
		return run_word(sis, show_all, arguments, 0);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcmp(arguments[0], words[i].word) != 0)
			continue;
		if (n - 1 < words[i].least || n - 1 > words[i].most)
			return output_usage(sis, "group", "say \"sis group %s %s\"", words[i].word, words[i].arguments);
		return run_word(sis, words[i].run, arguments + 1, n - 1);
	}
	return output_usage(sis, "group", "there is no \"%s\"; say set, add, remove, show, rm or sync", arguments[0]);
}

const struct command command_group = {
	"group", "[set|add|remove NAME USER… | show|rm NAME | sync]", "names for several people: --to @NAME",
	"\"set family alice,bob\" makes @family, which can stand wherever a user can. Lists are signed by this device and go to your other ones as items for\n"
	"nobody else; each time one is used it is checked, so that neither the server nor who alters the file adds anybody. \"sync\" takes what your other\n"
	"devices have set since.",
	NULL, 0, 0, 100000, 0, run,
};

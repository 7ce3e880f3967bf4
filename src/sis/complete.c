/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What stands in a command's table as its argument ("ID…", "FILE|DIR…", "[accept NAME]") says what to offer: words in small letters themselves, and for
 * those in capitals what is known of that kind. */
#include "sis/complete.h"

#include "sis/profile.h"
#include "sis/recent.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONTACTS_MAX (16u << 20)

/* Of what is typed, before stays ("bob," of "bob,ca") and prefix is what a candidate must begin with. */
struct wish { const struct sis *sis; const char *before, *prefix; };

static void offer(const struct wish *wish, const char *mark, const char *word, const char *about)
{
	CLEANUP_FREE char *whole = xasprintf("%s%s", mark, word);
	char safe[200];
	if (strncmp(whole, wish->prefix, strlen(wish->prefix)) != 0)
		return;
	text_for_terminal(span_from_string(about), safe, sizeof(safe));
	printf("%s%s%s%s\n", wish->before, whole, *safe != '\0' ? "\t" : "", safe);
}

/* ------------------------------------------------ what the profile knows ------------------------------------------------ */

static json_t *load_contacts(int fd, json_t **ret_whole)
{
	CLEANUP_FREE char *text = NULL;
	size_t size;
	*ret_whole = NULL;
	if (file_read(fd, "contacts.json", CONTACTS_MAX, &text, &size) < 0 || json_parse((struct span){ (const uint8_t *)text, size }, CONTACTS_MAX, ret_whole) < 0)
		return NULL;
	json_t *contacts = json_object_get(*ret_whole, "contacts");     /* version 2 */
	return contacts != NULL ? contacts : *ret_whole;
}

static void offer_users(const struct wish *wish, int fd)
{
	char self[NAME_MAX_TEXT + 1] = "";
	CLEANUP_JSON json_t *whole = NULL;
	json_t *contacts = load_contacts(fd, &whole), *contact;
	const char *user;
	(void)profile_peek_user(wish->sis, self);
	json_object_foreach(contacts, user, contact) {
		if (name_is_valid(span_from_string(user)) && strcmp(user, self) != 0)
			offer(wish, "", user, json_object_get(contact, "verified") != NULL ? "verified" : NULL);
	}
}

static void offer_devices(const struct wish *wish, int fd)
{
	char self[NAME_MAX_TEXT + 1] = "";
	CLEANUP_JSON json_t *whole = NULL;
	(void)profile_peek_user(wish->sis, self);
	json_t *own = json_object_get(load_contacts(fd, &whole), self), *devices = json_object_get(own, "devices"), *entry;
	const char *device;
	json_object_foreach(devices != NULL ? devices : own, device, entry) {
		if (name_is_valid(span_from_string(device)))
			offer(wish, "", device, NULL);
	}
}

static void offer_directory(const struct wish *wish, const char *mark, int fd)
{
	DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	while (directory != NULL && (entry = readdir(directory)) != NULL) {
		if (name_is_valid(span_from_string(entry->d_name)))
			offer(wish, mark, entry->d_name, NULL);
	}
	if (directory != NULL)
		closedir(directory);
}

static void offer_items(const struct wish *wish, int fd)
{
	CLEANUP_JSON json_t *items = recent_load(fd);
	for (size_t i = 0; i < json_array_size(items); i++) {
		const json_t *item = json_array_get(items, i);
		const char *id = json_member_string(item, "item"), *owner = json_member_string(item, "owner"), *name = json_member_string(item, "name");
		uint8_t raw[ITEM_ID_BYTES];
		if (id == NULL || owner == NULL || item_id_decode(span_from_string(id), raw) < 0)
			continue;
		/* As short as "sis list" shows it, unless more was typed. */
		CLEANUP_FREE char *word = xasprintf("%.*s", strlen(wish->prefix) > 8 ? ITEM_ID_TEXT : 8, id);
		CLEANUP_FREE char *about = xasprintf("%s: %s", owner, name != NULL && *name != '\0' ? name : "-");
		offer(wish, "", word, about);
	}
}

static void offer_groups(const struct wish *wish, int fd)
{
	offer_directory(wish, "@", openat(fd, "groups", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
}

static void offer_profiles(const struct wish *wish, int fd)
{
	offer_directory(wish, "", openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static const struct { const char *name; void (*offer)(const struct wish *wish, int fd); } kinds[] = {
	{ "users", offer_users }, { "groups", offer_groups }, { "devices", offer_devices }, { "items", offer_items }, { "profiles", offer_profiles },
};

int complete_kind(const struct sis *sis, const char *kind, const char *prefix, const char *before)
{
	const struct wish wish = { sis, before, prefix };
	CLEANUP_FD int fd = -1;
	CLEANUP_FREE char *path = NULL;
	struct why ignored = { "" };
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (strcmp(kinds[i].name, kind) != 0)
			continue;
		if (profile_open_directory(sis, &fd, &path, &ignored) == 0)
			kinds[i].offer(&wish, fd);
		return 0;
	}
	return -SIS_ERR_USAGE;
}

/* ------------------------------------------------ what may stand there ------------------------------------------------ */

/* What a word in capitals in the tables stands for; NULL for the last: of any command. */
static const struct { const char *word, *command, *offer; } meanings[] = {
	{ "USER", NULL, "users" }, { "USER", NULL, "groups" }, { "MEMBER", NULL, "users" }, { "ID", NULL, "items" }, { "DEVICE", NULL, "devices" },
	{ "FILE", NULL, ":files" }, { "DIR", NULL, ":directories" }, { "BUNDLE", NULL, ":files" }, { "PROFILE", NULL, "profiles" },
	{ "NAME", "contacts", "users" }, { "NAME", "group", "groups" }, { "NAME", "devices", "devices" },
};

static void offer_meaning(const struct wish *wish, const char *command, const char *word, size_t size, bool *is_files)
{
	for (size_t i = 0; i < ARRAY_SIZE(meanings); i++) {
		if (strlen(meanings[i].word) != size || memcmp(meanings[i].word, word, size) != 0 ||
		    (meanings[i].command != NULL && strcmp(meanings[i].command, command) != 0))
			continue;
		if (meanings[i].offer[0] != ':')
			(void)complete_kind(wish->sis, meanings[i].offer, wish->prefix, wish->before);
		else if (!*is_files) {
			*is_files = true;
			printf("%s\n", strstr(word, "FILE") != NULL ? ":files" : meanings[i].offer);
		}
	}
}

/* "make|restore FILE": what comes first is one of its words. */
static bool has_word(const char *what)
{
	for (const char *at = what; *at != '\0'; at++)
		if (islower((unsigned char)at[0]) && islower((unsigned char)at[1]))
			return true;
	return false;
}

/* what: "USER,…", "[accept NAME]" (the word comes first), "DIR|FILE|-", "ID|all". A list with commas goes on after the last one. */
static void offer_what(const struct sis *sis, const char *command, const char *what, const char *typed, bool is_first)
{
	const char *comma = strrchr(typed, ',');
	CLEANUP_FREE char *before = xasprintf("%.*s", comma != NULL ? (int)(comma + 1 - typed) : 0, typed);
	const struct wish wish = { sis, before, comma != NULL ? comma + 1 : typed };
	bool is_files = false, words_alone = is_first && what[0] == '[' && has_word(what);
	for (const char *at = what; *at != '\0';) {
		size_t size = 0;
		while (isalpha((unsigned char)at[size]) || (size > 0 && at[size] == '-'))
			size++;
		if (size > 1 && islower((unsigned char)at[0]) && is_first) {
			CLEANUP_FREE char *word = xasprintf("%.*s", (int)size, at);
			offer(&wish, "", word, NULL);
		} else if (size > 1 && isupper((unsigned char)at[0]) && !words_alone) {
			offer_meaning(&wish, command, at, size, &is_files);
		}
		at += size > 0 ? size : 1;
	}
}

static void offer_options(const struct wish *wish, const struct command *command)
{
	for (size_t i = 0; i < command->n_options; i++)
		offer(wish, "--", command->options[i].name, command->options[i].help);
	offer(wish, "--", "help", "how the command works");
}

static const struct option_row *option_of(const struct command *command, const char *word, size_t size)
{
	for (size_t i = 0; i < command->n_options; i++) {
		const struct option_row *row = &command->options[i];
		if ((size > 2 && word[0] == '-' && word[1] == '-' && strlen(row->name) == size - 2 && memcmp(row->name, word + 2, size - 2) == 0) ||
		    (size == 2 && word[0] == '-' && row->letter != 0 && word[1] == row->letter))
			return row;
	}
	return NULL;
}

/* words: after the command's name. */
static void complete_command(const struct sis *sis, const struct command *command, char **words, int n)
{
	const char *typed = words[n - 1];
	const struct option_row *row = NULL;
	bool options_over = false;
	int n_arguments = 0;
	for (int i = 0; i < n - 1; i++) {
		if (strcmp(words[i], "=") == 0)         /* bash takes "--to=bob" apart */
			continue;
		if (row != NULL && row->kind != OPTION_FLAG) {
			row = NULL;                     /* that was its value */
			continue;
		}
		row = !options_over && words[i][0] == '-' ? option_of(command, words[i], strlen(words[i])) : NULL;
		options_over = options_over || strcmp(words[i], "--") == 0;
		n_arguments += row == NULL && (options_over || words[i][0] != '-');
	}
	const char *equals = !options_over && typed[0] == '-' ? strchr(typed, '=') : NULL;
	if (row != NULL && row->kind != OPTION_FLAG) {
		offer_what(sis, command->name, row->value, strcmp(typed, "=") == 0 ? "" : typed, true);
	} else if (equals != NULL && (row = option_of(command, typed, (size_t)(equals - typed))) != NULL && row->value != NULL) {
		/* The words before stay where they are. */
		const char *comma = strrchr(equals, ',');
		CLEANUP_FREE char *before = xasprintf("%.*s", (int)((comma != NULL ? comma : equals) + 1 - typed), typed);
		if (strstr(row->value, "USER") != NULL)
			(void)complete_kind(sis, "users", typed + strlen(before), before);
	} else if (!options_over && typed[0] == '-') {
		offer_options(&(struct wish){ sis, "", typed }, command);
	} else {
		offer_what(sis, command->name, command->arguments, typed, n_arguments == 0);
	}
}

static const struct { const char *name, *about; } globals[] = {
	{ "--home", "where profiles and keys are kept" }, { "--profile", "which server and identity" }, { "--json", "results and errors as JSON" },
	{ "--quiet", "no progress and no lines about success" }, { "--version", "the version" }, { "--help", "the commands" },
};

static void offer_first(const struct wish *wish, const struct command *const *commands, size_t n_commands, bool with_globals)
{
	for (size_t i = 0; i < n_commands; i++)
		offer(wish, "", commands[i]->name, commands[i]->summary);
	if (!with_globals)
		return;
	offer(wish, "", "help", "what there is, or how a command works");
	for (size_t i = 0; i < ARRAY_SIZE(globals); i++)
		offer(wish, "", globals[i].name, globals[i].about);
}

void complete_line(struct sis *sis, const struct command *const *commands, size_t n_commands, char **words, int n)
{
	int at = 0;
	for (; at < n - 1 && words[at][0] == '-'; at++) {
		const char **value = strcmp(words[at], "--home") == 0 ? &sis->home : strcmp(words[at], "--profile") == 0 ? &sis->profile : NULL;
		if (value == NULL)
			continue;
		if (at + 1 == n - 1) {
			if (value == &sis->home)
				printf(":directories\n");
			else
				(void)complete_kind(sis, "profiles", words[n - 1], "");
			return;
		}
		*value = words[++at];
	}
	const struct wish wish = { sis, "", words[n - 1] };
	if (at == n - 1) {
		offer_first(&wish, commands, n_commands, true);
		return;
	}
	if (strcmp(words[at], "help") == 0)
		offer_first(&wish, commands, n_commands, false);
	for (size_t i = 0; i < n_commands; i++)
		if (strcmp(commands[i]->name, words[at]) == 0)
			complete_command(sis, commands[i], words + at + 1, n - at - 1);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Completion for every shell in one place: sisctl help --complete-line WORDS…. Options and commands from the tables; users from the daemon, for who may
 * ask it. */
#include "sisctl/sisctl.h"

#include "base/log.h"
#include "base/text.h"
#include "base/util.h"

#include <stdio.h>
#include <string.h>

static void offer(const char *typed, const char *mark, const char *word, const char *about)
{
	CLEANUP_FREE char *whole = xasprintf("%s%s", mark, word);
	if (strncmp(whole, typed, strlen(typed)) == 0)
		printf("%s%s%s\n", whole, *about != '\0' ? "\t" : "", about);
}

static void offer_users(struct sisctl *sisctl, const char *typed)
{
	CLEANUP_REPLY struct varlink_reply reply = { 0 };
	if (sisctl_call(sisctl, "ListUsers", json_object(), &reply) != 0)
		return;
	json_t *users = json_object_get(reply.parameters, "users");
	for (size_t i = 0; i < json_array_size(users); i++) {
		const char *user = json_member_string(json_array_get(users, i), "user"), *state = json_member_string(json_array_get(users, i), "state");
		if (user != NULL && name_is_valid(span_from_string(user)))
			offer(typed, "", user, state == NULL || strcmp(state, "live") == 0 ? "" : strcmp(state, "disabled") == 0 ? "disabled" : "revoked");
	}
}

static void offer_items(struct sisctl *sisctl, const char *typed)
{
	CLEANUP_REPLY struct varlink_reply reply = { 0 };
	uint8_t id[ITEM_ID_BYTES];
	if (sisctl_call(sisctl, "ListItems", json_object(), &reply) != 0)
		return;
	json_t *items = json_object_get(reply.parameters, "items");
	for (size_t i = 0; i < json_array_size(items); i++) {
		const char *item = json_member_string(json_array_get(items, i), "item"), *user = json_member_string(json_array_get(items, i), "user");
		if (item != NULL && user != NULL && item_id_decode(span_from_string(item), id) == 0 && name_is_valid(span_from_string(user)))
			offer(typed, "", item, user);
	}
}

static const struct command_option *option_of(const struct command *command, const char *word)
{
	for (const struct command_option *o = command->options; o != NULL && o->name != NULL; o++)
		if ((strncmp(word, "--", 2) == 0 && strcmp(word + 2, o->name) == 0) || (o->letter != 0 && word[0] == '-' && word[1] == o->letter && word[2] == '\0'))
			return o;
	return NULL;
}

static bool is_socket(const char *word)
{
	return strcmp(word, "-s") == 0 || strcmp(word, "--socket") == 0;
}

static bool is_instance_option(const char *word)
{
	return strcmp(word, "--instance") == 0;
}

static void offer_instance(const char *name, const char *typed)
{
	offer(typed, "", name, "");
}

static void offer_common(const char *typed)
{
	offer(typed, "", "--socket", "the control socket");
	offer(typed, "", "--instance", "another server of this host, by its name");
	offer(typed, "", "--json", "JSON on standard output");
	offer(typed, "", "--help", "the commands, or a command's options");
}

/* "disable|enable", the first size bytes of it */
static void offer_alternatives(const char *typed, const char *alternatives, size_t size)
{
	for (const char *at = alternatives, *end = alternatives + size; at < end;) {
		size_t length = strcspn(at, "| ]");
		CLEANUP_FREE char *word = xasprintf("%.*s", (int)length, at);
		offer(typed, "", word, "");
		at += length + 1;
	}
}

static void complete_value(struct sisctl *sisctl, const char *value, const char *typed)
{
	if (strncmp(value, "USER", strlen("USER")) == 0)
		offer_users(sisctl, typed);
	else if (strcmp(value, "ITEM") == 0)
		offer_items(sisctl, typed);
	else if (strcmp(value, "DIR") == 0 || strcmp(value, "FILE") == 0)
		puts(":files");
	else if (value[0] >= 'a' && value[0] <= 'z')
		offer_alternatives(typed, value, strlen(value));
	for (int i = 0; i < EVENT_END && strcmp(value, "EVENT") == 0; i++)
		offer(typed, "", event_name((enum event)i), "");
}

/* By the words in the command's row: small ones stand for themselves, in the first place or, behind a user, in the second. */
static void complete_argument(struct sisctl *sisctl, const struct command *command, bool is_first, const char *typed)
{
	const char *arguments = command->arguments, *words = arguments + (arguments[0] == '['), *second = strstr(arguments, "|default|");
	if (strcmp(arguments, "ITEM...") == 0)
		offer_items(sisctl, typed);
	else if (strcmp(arguments, "DIR") == 0)
		puts(":files");
	else if (is_first && words[0] >= 'a' && words[0] <= 'z')
		offer_alternatives(typed, words, strcspn(words, " ]"));
	else if (!is_first && second != NULL)
		offer_alternatives(typed, second + 1, strcspn(second, "]") - 1);
	else if (strstr(arguments, "USER") != NULL)
		offer_users(sisctl, typed);
}

static void complete_command(struct sisctl *sisctl, const struct command *command, const char *previous, const char *typed)
{
	const struct command_option *option = option_of(command, previous);
	if (option != NULL && option->value != NULL) {
		complete_value(sisctl, option->value, typed);
	} else if (typed[0] == '-') {
		for (const struct command_option *o = command->options; o != NULL && o->name != NULL; o++)
			offer(typed, "--", o->name, o->help);
		offer_common(typed);
	} else {
		complete_argument(sisctl, command, strcmp(previous, command->name) == 0, typed);
	}
}

void complete_line(struct sisctl *sisctl, const struct command *commands, size_t n_commands, char **words, int n)
{
	const struct command *command = NULL;
	const char *typed = words[n - 1], *previous = n > 1 ? words[n - 2] : "";
	for (int i = 0; i < n - 1; i++) {
		if (is_socket(words[i]) && i + 1 < n - 1)
			sisctl->socket = words[++i];
		else if (is_instance_option(words[i]) && i + 1 < n - 1)
			(void)sisctl_take_instance(sisctl, words[++i]);
		for (size_t j = 0; j < n_commands && command == NULL && words[i][0] != '-'; j++)
			if (strcmp(commands[j].name, words[i]) == 0)
				command = &commands[j];
	}
	if (is_socket(previous)) {
		puts(":files");
	} else if (is_instance_option(previous)) {
		sisctl_each_instance(offer_instance, typed);
	} else if (command != NULL) {
		complete_command(sisctl, command, previous, typed);
	} else {
		for (size_t i = 0; i < n_commands; i++)
			offer(typed, "", commands[i].name, commands[i].help);
		offer_common(typed);
	}
}

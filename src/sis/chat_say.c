/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What is typed into a chat: words, @name words, and commands that start with a slash. */
#include "sis/chat.h"
#include "sis/output.h"
#include "sis/screen.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void refuse(struct chat *chat, const char *text, const char *reason)
{
	chat_tell(chat, "warning", "%s", reason);
	if (chat->is_terminal)
		line_put_back(&chat->line, span_from_string(text));
	else
		chat->is_wrong = true;
}

static bool is_in_conversation(const struct chat *chat, const char *name)
{
	for (unsigned i = 0; i < chat->n_people; i++) {
		if (strcmp(chat->people[i], name) == 0)
			return true;
	}
	return chat->to == NULL;
}

static void run_help(struct chat *chat, const char *argument)
{
	(void)argument;
	chat_tell(chat, "help", "%s", "words: to everybody here; @name words: to one person\n"
	          "/open N, /get N [DIR]: look at, keep what was shared\n/who: who is meant, and who said to be here\n/to NAME,…: to whom plain words go\n"
	          "/quit or ^D: leave; //words say something that starts with a slash");
}

static void run_quit(struct chat *chat, const char *argument)
{
	(void)argument;
	chat->quits = true;
}

static void run_who(struct chat *chat, const char *argument)
{
	char text[600] = "";
	size_t n = 0;
	(void)argument;
	for (unsigned i = 0; i < chat->n_known_people && n < sizeof(text) - 80; i++) {
		const struct chat_person *person = &chat->known_people[i];
		if (person->is_here)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s since %s", n > 0 ? ", " : "", person->user, person->when);
	}
	chat_tell(chat, "who", "%s%s%s%s", chat->to != NULL ? "with " : "all conversations", chat->to != NULL ? chat->to : "",
	          n > 0 ? "; joined: " : "; nobody has said to be here", text);
}

static void run_to(struct chat *chat, const char *argument)
{
	if (chat->to != NULL || *argument == '\0') {
		chat_tell(chat, "warning", "%s", chat->to != NULL ? "this chat is one conversation; start \"sis chat\" without names for all of them"
		                                                  : "whom to? /to bob or /to bob,carol");
		return;
	}
	free(chat->target);
	chat->target = xstrdup(argument);
	chat_show_prompt(chat);
}

static void fetch(struct chat *chat, enum errand_kind kind, const char *argument)
{
	char *rest = NULL;
	errno = 0;
	unsigned long number = strtoul(argument, &rest, 10);
	unsigned at = 0;
	while (*rest == ' ')
		rest++;
	for (unsigned i = 0; i < chat->n_items; i++) {
		if (chat->items[i].is_file && ++at == number && errno == 0) {
			mail_errand(&chat->mail, kind, *rest != '\0' ? rest : NULL, NULL, chat->items[i].id);
			return;
		}
	}
	chat_tell(chat, "warning", "%s", "nothing here has that number: they stand in brackets where something was shared");
}

static void run_open(struct chat *chat, const char *argument)
{
	fetch(chat, ERRAND_OPEN, argument);
}

static void run_get(struct chat *chat, const char *argument)
{
	fetch(chat, ERRAND_GET, argument);
}

static const struct { const char *name; void (*run)(struct chat *chat, const char *argument); } commands[] = {
	{ "help", run_help }, { "quit", run_quit }, { "who", run_who }, { "to", run_to }, { "open", run_open }, { "get", run_get },
};

static void command(struct chat *chat, const char *text)
{
	size_t size = strcspn(text + 1, " \n");
	const char *argument = text + 1 + size;
	argument += strspn(argument, " ");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strlen(commands[i].name) == size && memcmp(commands[i].name, text + 1, size) == 0) {
			commands[i].run(chat, argument);
			return;
		}
	}
	refuse(chat, text, "there is no such command; /help names them, and //words say something that starts with a slash");
}

/* To one person: that person and us, whoever else is in the conversation. */
static void say_to_one(struct chat *chat, const char *text)
{
	char name[NAME_MAX_TEXT + 1];
	size_t size = strcspn(text + 1, " \n");
	const char *words = text + 1 + size;
	struct span span = { (const uint8_t *)text + 1, size };
	words += strspn(words, " \n");
	if (!name_is_valid(span) || !span_to_string(span, name, sizeof(name)) || !is_in_conversation(chat, name))
		refuse(chat, text, "nobody in this conversation has that name; nothing was sent");
	else if (*words == '\0')
		refuse(chat, text, "there are no words for that person");
	else
		mail_errand(&chat->mail, ERRAND_SAY, name, words, NULL);
}

void chat_say(struct chat *chat, const char *text, bool has_commands)
{
	struct why why = { "" };
	const char *to = chat->to != NULL ? chat->to : chat->target;
	if (text[strspn(text, " \t\n")] == '\0')
		return;
	if (has_commands && text[0] == '/' && text[1] != '/') {
		command(chat, text);
		return;
	}
	if (message_check_words(span_from_string(text), &why) < 0)
		refuse(chat, text, why.text);
	else if (text[0] == '@')
		say_to_one(chat, text);
	else if (to == NULL)
		refuse(chat, text, "nobody is chosen to talk to; /to bob,carol chooses, @bob words address one person");
	else
		mail_errand(&chat->mail, ERRAND_SAY, to, has_commands && text[0] == '/' ? text + 1 : text, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sis chat: a conversation in real time, on a terminal or through a pipe. */
#include "sis/chat.h"
#include "sis/command.h"
#include "sis/output.h"
#include "sis/screen.h"
#include "sis/wrap.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#define HISTORY_DEFAULT 20u
#define HISTORY_MAX 10000u
#define TICK_MS 1000
#define HELD_TICK_MS 100
#define LEAVE_NS 2000000000u

struct chat_options { unsigned history; bool hidden; };

static const struct option_row rows[] = {
	{ "history", 0, "N", "how much of what was said before to show (default 20; none through a pipe)", OPTION_NUMBER,
	  offsetof(struct chat_options, history) },
	{ "hidden", 0, NULL, "do not tell the others when you join and leave", OPTION_FLAG, offsetof(struct chat_options, hidden) },
};

static void remove_directory(const char *path)
{
	DIR *directory = path != NULL ? opendir(path) : NULL;
	for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;)
		unlinkat(dirfd(directory), entry->d_name, 0);
	if (directory != NULL)
		closedir(directory);
	if (path != NULL)
		rmdir(path);
}

/* Whatever the desktop opens such files with. The name is ours and the path absolute: nothing in it is taken for an option. */
static void open_file(struct chat *chat, const char *path)
{
	pid_t pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);
		for (int fd = 0; null >= 0 && fd < 3; fd++)
			dup2(null, fd);
		if (setsid() >= 0 && fork() == 0)
			execlp("xdg-open", "xdg-open", path, (char *)NULL);
		_exit(0);
	}
	if (pid > 0)
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	chat_tell(chat, "opened", "%s", path);
}

static void take_refusal(struct chat *chat, const struct note *note)
{
	const struct errand *errand = note->errand;
	const char *why = why_text(&note->why, note->error);
	/* Said when the chat ends, which it does. */
	chat->n_unsent += errand->kind == ERRAND_SAY && note->error == -SIS_ERR_INTERRUPTED;
	if (errand->kind == ERRAND_PRESENCE || note->error == -SIS_ERR_INTERRUPTED)
		return;
	/* Who sits there sees it and tries again: that is not how the chat ends. */
	if (!chat->is_terminal)
		chat->error = note->error;
	if (errand->kind != ERRAND_SAY) {
		chat_tell(chat, "warning", "it could not be fetched: %s", why);
		return;
	}
	chat_tell(chat, "warning", "not sent: %s", why);
	if (chat->is_terminal && !line_put_back(&chat->line, span_from_string(errand->words)))
		chat_tell(chat, "unsent", "%s", errand->words);
}

static void take_sent(struct chat *chat, const struct note *note)
{
	if (note->errand->kind != ERRAND_SAY)
		return;
	chat_show_own(chat, note->id, note->errand);
	if (chat->to == NULL) {
		free(chat->target);
		chat->target = xstrdup(note->errand->to);
	}
}

static void take_note(struct chat *chat, struct note *note)
{
	switch (note->kind) {
	case NOTE_EVENT:
		chat_take_event(chat, &note->event);
		break;
	case NOTE_SENT:
		take_sent(chat, note);
		break;
	case NOTE_REFUSED:
		take_refusal(chat, note);
		break;
	case NOTE_AWAY:
		chat_tell(chat, "away", "the server is away (%s); what you say waits", why_text(&note->why, note->error));
		break;
	case NOTE_BACK:
		chat_tell(chat, "back", "%s", "the server is back; everything was sent");
		break;
	case NOTE_SAVED:
		if (note->errand->kind == ERRAND_OPEN)
			open_file(chat, note->text);
		else
			chat_tell(chat, "saved", "%s", note->text);
		break;
	case NOTE_STREAM:
		chat->error = note->error;
		chat->why = note->why;
		chat->quits = true;
		break;
	}
}

static void read_mail(struct chat *chat)
{
	for (struct note *note; (note = mail_take(&chat->mail)) != NULL;) {
		take_note(chat, note);
		note_free(note);
	}
	if (chat->is_terminal)
		chat_show_prompt(chat);
}

static void serve(struct chat *chat)
{
	while (!chat->quits && !atomic_load(&sis_cancelled)) {
		struct pollfd polls[] = { { .fd = chat->mail.wake_fd, .events = POLLIN }, { .fd = chat->input_ended ? -1 : STDIN_FILENO, .events = POLLIN } };
		poll(polls, 2, chat->n_held > 0 ? HELD_TICK_MS : TICK_MS);
		if (chat->is_terminal && screen_has_changed())
			chat_show_prompt(chat);
		if (polls[0].revents != 0)
			read_mail(chat);
		chat_tell_held(chat, false);
		if (polls[1].revents != 0) {
			if (chat->is_terminal)
				chat_read_terminal(chat);
			else
				chat_read_pipe(chat);
		}
		if (chat->input_ended && mail_n_open(&chat->mail) == 0)
			break;
	}
}

/* What is on its way gets a moment, and so does what would explain a gap; what cannot be sent is said. */
static void leave(struct chat *chat)
{
	uint64_t until = time_monotonic_ns() + LEAVE_NS;
	bool tells = chat->is_terminal && !chat->hidden && chat->to != NULL;
	if (tells)
		mail_errand(&chat->mail, ERRAND_PRESENCE, chat->to, "left", NULL);
	while ((mail_n_open(&chat->mail) > 0 || chat->n_held > 0) && time_monotonic_ns() < until && !atomic_load(&sis_cancelled)) {
		struct pollfd wake = { .fd = chat->mail.wake_fd, .events = POLLIN };
		poll(&wake, 1, 50);
		read_mail(chat);
		chat_tell_held(chat, false);
	}
	chat_tell_held(chat, true);
	chat_mark_read(chat, chat->looked_at);
	unsigned n_unsent = mail_n_open(&chat->mail) + chat->n_unsent;
	if (n_unsent > tells) {
		bool in_doubt = atomic_load(&chat->mail.in_doubt);
		chat_tell(chat, "warning", "%u message%s could not be sent%s", n_unsent - tells, n_unsent - tells == 1 ? "" : "s",
		          in_doubt ? "; one of them may have arrived all the same, \"sis list --all\" shows it then" : "");
		chat->error = chat->error < 0 ? chat->error : in_doubt ? -SIS_ERR_UNCONFIRMED : -SIS_ERR_UNAVAILABLE;
	}
}

static int find_people(struct chat *chat, char **arguments, unsigned n, struct why *why)
{
	CLEANUP_FREE char *to = xstrdup("");
	struct audience audience;
	for (unsigned i = 0; i < n; i++) {
		char *longer = xasprintf("%s%s%s", to, i > 0 ? "," : "", arguments[i]);
		free(to);
		to = longer;
	}
	if (n == 0)
		return 0;
	int r = audience_fetch(chat->sis, chat->visit.session, chat->visit.pins, to, &audience, why);
	if (r < 0)
		return r;
	chat->to = audience_text(&audience, chat->visit.profile->user);
	chat->people = xcalloc(audience.n_people + 1, sizeof(*chat->people));
	for (unsigned i = 0; i < audience.n_people; i++)
		chat->people[chat->n_people++] = xstrdup(audience.people[i].user);
	audience_free(&audience);
	return 0;
}

static int listen_from(struct chat *chat, struct why *why)
{
	struct events *events = NULL;
	uint64_t after = chat->position;
	/* From where the conversations were last read: what was deleted since explains what is missing. */
	for (unsigned i = 0; i < chat->n_visited; i++) {
		const struct conversation *before = &chat->visited[i].before;
		if (!before->is_new && before->sequence < after)
			after = before->sequence;
	}
	int r = events_open(chat->sis, chat->visit.profile, false, after, "content", &events, why);
	return r == 0 ? mail_listen(&chat->mail, events, why) : r;
}

static int start(struct chat *chat, char **arguments, unsigned n, struct why *why)
{
	int r = visit_begin(chat->sis, &chat->visit, why);
	if (r == 0)
		r = find_people(chat, arguments, n, why);
	if (r == 0)
		r = mail_open(chat->sis, chat->visit.profile, chat->visit.pins, &chat->mail, why);
	if (r == 0 && chat->is_terminal)
		r = screen_open(why);
	chat->crl_time = time_now();
	if (r == 0) {
		r = chat_read_history(chat);
		*why = chat->why;
	}
	if (r == 0)
		r = listen_from(chat, why);
	return r;
}

static void end(struct chat *chat)
{
	mail_close(&chat->mail);
	screen_close();
	remove_directory(chat->mail.directory);
	free(chat->mail.directory);
	for (unsigned i = 0; i < chat->n_visited; i++) {
		free(chat->visited[i].before.devices);
		free(chat->visited[i].listed);
	}
	for (unsigned i = 0; i < chat->n_people; i++)
		free(chat->people[i]);
	free(chat->visited);
	free(chat->people);
	free(chat->known_people);
	free(chat->items);
	free(chat->to);
	free(chat->target);
	free(chat->piped);
}

static int run(const struct sis *sis, void *options, char **arguments, unsigned n)
{
	const struct chat_options *chosen = options;
	CLEANUP_FREE struct chat *chat = xcalloc(1, sizeof(*chat));
	struct why why = { "" };
	chat->sis = sis;
	chat->is_terminal = screen_is_terminal(sis);
	chat->hidden = chosen->hidden;
	chat->history = chosen->history > HISTORY_MAX ? HISTORY_MAX : chosen->history > 0 ? chosen->history : chat->is_terminal ? HISTORY_DEFAULT : 0;
	chat->piped = xcalloc(1, MESSAGE_MAX_BYTES + 2);
	wrap_begin();
	setvbuf(stdout, NULL, _IOLBF, 0);
	int r = start(chat, arguments, n, &why);
	if (r == 0 && chat->is_terminal && !chat->hidden && chat->to != NULL)
		mail_errand(&chat->mail, ERRAND_PRESENCE, chat->to, "joined", NULL);
	if (r == 0) {
		if (chat->is_terminal)
			chat_show_prompt(chat);
		serve(chat);
		leave(chat);
		r = chat->error;
		why = chat->why;
	}
	bool told = r < 0 && chat->why.text[0] == '\0' && chat->error < 0;
	end(chat);
	struct visit *visit = &chat->visit;
	int ended = visit_end(sis, visit, told ? 0 : r, &why);
	r = r < 0 ? r : ended;
	bool wrong = chat->is_wrong;
	visit_free(visit);
	if (atomic_load(&sis_cancelled))
		return 130;
	return r < 0 ? output_status(1, 1, r) : wrong ? EX_DATAERR : 0;
}

const struct command command_chat = {
	"chat", "[USER…]", "talk in real time",
	"Shows what was said and says what you type, to the people named or, without names, in all your conversations. On a terminal: words, Enter;\n"
	"\"@bob words\" to one person; /open N and /get N for what was shared; /help, /quit. Through a pipe: each line of standard input is a message,\n"
	"what arrives goes to standard output, and the end of input ends it once everything is sent.",
	rows, ARRAY_SIZE(rows), 0, 100, sizeof(struct chat_options), run,
};

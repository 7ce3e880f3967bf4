/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What comes in: keys of a terminal, lines of a pipe. */
#include "sis/chat.h"
#include "sis/screen.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

void chat_read_terminal(struct chat *chat)
{
	bool reads = true;
	for (enum line_event event; !chat->quits && (event = screen_read(&chat->line, reads)) != LINE_NOTHING; reads = false) {
		if (event == LINE_END || event == LINE_INTERRUPT) {
			chat->quits = true;
		} else if (event == LINE_SUSPEND) {
			screen_suspend();
		} else if (event == LINE_DONE) {
			CLEANUP_FREE char *text = xstrdup(chat->line.text);
			for (size_t n = strlen(text); n > 0 && text[n - 1] == '\n'; n--)       /* of what was pasted with its last line's end */
				text[n - 1] = '\0';
			line_clear(&chat->line);
			chat_say(chat, text, true);
			secret_wipe(text, strlen(text));
		}
	}
	chat_show_prompt(chat);
}

/* Whole lines of a pipe are messages, as they are: no commands but @name, so that nothing that is piped in does more than speak. */
static void say_lines(struct chat *chat, bool at_end)
{
	char *start = chat->piped, *end;
	size_t left = chat->n_piped;
	while (left > 0 && ((end = memchr(start, '\n', left)) != NULL || at_end)) {
		size_t size = end != NULL ? (size_t)(end - start) : left;
		CLEANUP_FREE char *text = xasprintf("%.*s", (int)size, start);
		chat_say(chat, text, false);
		size += end != NULL;
		start += size;
		left -= size;
	}
	memmove(chat->piped, start, left);
	chat->n_piped = left;
}

void chat_read_pipe(struct chat *chat)
{
	ssize_t n = read(STDIN_FILENO, chat->piped + chat->n_piped, MESSAGE_MAX_BYTES + 2 - chat->n_piped);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	chat->input_ended = n <= 0;
	chat->n_piped += n > 0 ? (size_t)n : 0;
	say_lines(chat, chat->input_ended);
	if (chat->n_piped > MESSAGE_MAX_BYTES) {
		chat_tell(chat, "warning", "a line is longer than %u bytes; the rest of the input is not sent", MESSAGE_MAX_BYTES);
		chat->error = -SIS_ERR_TOO_LARGE;
		chat->input_ended = true;
	}
}

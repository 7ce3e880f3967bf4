/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sis send: one message. */
#include "sis/command.h"
#include "sis/message.h"
#include "sis/output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

struct send_options { const char *reply_to; };

static const struct option_row rows[] = {
	{ "reply-to", 0, "ID", "the item that this answers", OPTION_TEXT, offsetof(struct send_options, reply_to) },
};

/* One byte more than is allowed, so that too many are seen. */
static int read_words(char *words, size_t *ret_size, struct why *why)
{
	size_t size = 0;
	while (size <= MESSAGE_MAX_BYTES) {
		ssize_t n = read(STDIN_FILENO, words + size, MESSAGE_MAX_BYTES + 1 - size);
		if (atomic_load(&sis_cancelled))
			return -SIS_ERR_INTERRUPTED;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return why_set(why, -SIS_ERR_IO, "standard input cannot be read: %s", strerror(errno));
		if (n == 0)
			break;
		size += (size_t)n;
	}
	while (size > 0 && size <= MESSAGE_MAX_BYTES && words[size - 1] == '\n')
		size--;
	*ret_size = size;
	return 0;
}

static int find_words(const struct sis *sis, char **arguments, unsigned n, char *room, struct span *ret_words, struct why *why)
{
	size_t size = 0;
	if (n > 1 && strcmp(arguments[1], "-") != 0) {
		*ret_words = span_from_string(arguments[1]);
		return message_check_words(*ret_words, why);
	}
	if (isatty(STDIN_FILENO) && !sis->quiet)
		output_note(sis, "type the message, then Enter and ^D");
	int r = read_words(room, &size, why);
	*ret_words = (struct span){ (uint8_t *)room, size };
	return r == 0 ? message_check_words(*ret_words, why) : r;
}

static int find_reply(struct session *session, const char *prefix, uint8_t ret_id[ITEM_ID_BYTES], struct why *why)
{
	char id[ITEM_ID_TEXT + 1];
	struct why inner = { "" };
	int r = item_resolve(session, prefix, id, &inner);
	if (r < 0)
		return why_set(why, r, "the item to answer: %s", why_text(&inner, r));
	return item_id_decode(span_from_string(id), ret_id);
}

static int report(struct sender *sender, const struct message *message)
{
	CLEANUP_FREE char *to = audience_text(sender->audience, sender->profile->user);
	if (sender->sis->json)
		output_json(json_pack("{s:s, s:s, s:I, s:s, s:I}", "item", message->id, "kind", "message", "size", (json_int_t)message->source.size, "to", to,
		                      "number", (json_int_t)message->source.manifest.conversation.number));
	else if (!sender->sis->quiet)
		output_line("%s  to %s", message->id, to);
	return 0;
}

static int send_words(struct sender *sender, struct pins *pins, struct span words, const uint8_t *reply_to, struct why *why)
{
	struct message message;
	int r = message_compose(sender, pins, words, MESSAGE_TYPE, reply_to, &message, why);
	if (r < 0)
		return r;
	r = message_deliver(sender, &message, why);
	if (r == 0)
		r = report(sender, &message);
	message_end(&message);
	return r;
}

static int send_to(struct sender *sender, struct pins *pins, const char *to, struct span words, const struct send_options *options, struct why *why)
{
	struct audience audience = { 0 };
	uint8_t reply_to[ITEM_ID_BYTES];
	int r = audience_fetch(sender->sis, sender->session, pins, to, &audience, why);
	/* Kept also when a pin was refused: what was seen is what can be accepted. */
	int saved = pins_save(pins, why);
	sender->audience = &audience;
	if (r == 0)
		r = saved;
	if (r == 0 && options->reply_to != NULL)
		r = find_reply(sender->session, options->reply_to, reply_to, why);
	if (r == 0)
		r = send_words(sender, pins, words, options->reply_to != NULL ? reply_to : NULL, why);
	audience_free(&audience);
	return r;
}

static int run(const struct sis *sis, void *options, char **arguments, unsigned n)
{
	CLEANUP_FREE char *room = xcalloc(1, MESSAGE_MAX_BYTES + 1);
	CLEANUP_PROFILE struct profile *profile = NULL;
	CLEANUP_PINS struct pins *pins = NULL;
	CLEANUP_SESSION struct session *session = NULL;
	struct span words;
	struct why why = { "" };
	if (n > 2)
		return output_usage(sis, "send", "words are one argument: put them between quotes");
	int r = find_words(sis, arguments, n, room, &words, &why);
	if (r == 0)
		r = profile_open(sis, &profile, &why);
	if (r == 0)
		r = pins_open(profile, &pins, &why);
	if (r == 0)
		r = session_open(profile, &session);
	struct sender sender = { .sis = sis, .profile = profile, .session = session, .retries = true, .flushes_chain = true };
	if (r == 0)
		r = send_to(&sender, pins, arguments[0], words, options, &why);
	if (r < 0)
		output_error(sis, NULL, r, &why);
	secret_wipe(room, MESSAGE_MAX_BYTES + 1);
	return output_status(r < 0, 1, r);
}

const struct command command_send = {
	"send", "USER,… [WORDS]", "send a message",
	"Sends WORDS to the people named (and your own devices), sealed and signed like a picture. Without WORDS, or with \"-\", standard input is the\n"
	"message: at most 60000 bytes. \"sis list\" and \"sis chat\" show it; \"sis rm ID\" removes it.",
	rows, ARRAY_SIZE(rows), 1, 10000, sizeof(struct send_options), run,
};

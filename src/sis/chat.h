/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the files of `sis chat` share. One thread shows and decides; one reads the event stream; one sends and fetches. The latter two only put notes
 * into the mail. */
#pragma once

#include "sis/conversation.h"
#include "sis/events.h"
#include "sis/line_editor.h"
#include "sis/message.h"
#include "sis/visit.h"

#include <pthread.h>

#define HELD_MAX 64

enum errand_kind { ERRAND_SAY, ERRAND_PRESENCE, ERRAND_GET, ERRAND_OPEN };
struct errand {
	struct errand *next;
	enum errand_kind kind;
	char *to, *words;                       /* of what is said; of what is fetched: the directory, NULL the current one */
	char id[ITEM_ID_TEXT + 1];
};

enum note_kind {
	NOTE_EVENT,
	NOTE_STREAM,                            /* the stream has ended: why */
	NOTE_SENT,                              /* errand; id */
	NOTE_REFUSED,                           /* errand; why */
	NOTE_AWAY, NOTE_BACK,                   /* the server, as who sends sees it */
	NOTE_SAVED,                             /* text: the path */
};
struct note {
	struct note *next;
	enum note_kind kind;
	struct event event;
	struct errand *errand;
	char id[ITEM_ID_TEXT + 1];
	char *text;
	int error;
	struct why why;
};

struct mail {
	pthread_mutex_t mutex;
	pthread_cond_t wanted;
	struct note *notes, **notes_end;
	struct errand *errands, **errands_end;
	unsigned n_open;                        /* errands not yet answered */
	char (*sent)[ITEM_ID_TEXT + 1];         /* what this chat itself says: the stream may bring it before the answer to who sent it comes */
	unsigned n_sent;
	int wake_fd;                            /* eventfd: there are notes */
	atomic_bool stops, is_stale;            /* is_stale: somebody's devices changed */
	atomic_bool in_doubt;                   /* what is being sent may have arrived */
	pthread_t poster, listener;
	bool has_poster, has_listener;
	const struct sis *sis;
	const struct profile *profile;
	struct pins *pins;
	struct events *events;
	char *directory;                        /* for files that are opened: made when one is */
};
int mail_open(const struct sis *sis, const struct profile *profile, struct pins *pins, struct mail *mail, struct why *why);
int mail_listen(struct mail *mail, struct events *events, struct why *why);
void mail_close(struct mail *mail);
void mail_errand(struct mail *mail, enum errand_kind kind, const char *to, const char *words, const char *id);
struct note *mail_take(struct mail *mail);              /* NULL: none; free with note_free */
void note_free(struct note *note);
void mail_note(struct mail *mail, struct note *note);   /* malloc'd, taken over */
unsigned mail_n_open(struct mail *mail);
void mail_add_sent(struct mail *mail, const char *id);
bool mail_has_sent(struct mail *mail, const char *id);
/* The thread that sends and fetches. */
void *chat_post_run(void *mail);

struct chat_item { char id[ITEM_ID_TEXT + 1], owner[NAME_MAX_TEXT + 1], when[8]; bool is_file, is_own; };
struct visited {                        /* a conversation that was met in this chat, as it was known before */
	struct conversation before;
	uint64_t *listed;                       /* of each device in before: the newest known message that the server lists */
};
struct chat {
	const struct sis *sis;
	struct visit visit;
	struct mail mail;
	bool is_terminal, hidden;
	char *to;                               /* the conversation, without ourselves; NULL: all of them */
	char **people;                          /* of the conversation: sorted, ourselves included */
	unsigned n_people, history;
	char *target;                           /* whom plain text goes to */
	uint64_t position, looked_at;           /* the server's sequence: that the history reaches; up to which everything was looked at */
	int64_t crl_time;                       /* when the revocation list was fetched */
	struct line_editor line;
	char *piped;                            /* an unfinished line of a pipe */
	size_t n_piped;
	bool input_ended, quits;
	struct chat_item *items;                /* shown, for removals and for /open */
	unsigned n_items, n_files;
	struct chat_person { char user[NAME_MAX_TEXT + 1]; char when[8]; unsigned n_removed; bool is_here; } *known_people;
	unsigned n_known_people;
	struct visited *visited;
	unsigned n_visited;
	struct { struct finding finding; uint64_t until_ns; unsigned n_explained; } held[HELD_MAX];
	unsigned n_held;
	char day[16];                           /* of the last line */
	bool is_wrong;                          /* something did not hold */
	unsigned n_unsent;                      /* messages that an interruption kept from being sent */
	bool is_unkept;                         /* the state of conversations cannot be written, which was said */
	int error;
	struct why why;
};

/* chat_history.c: what was said before. */
int chat_read_history(struct chat *chat);
struct visited *chat_visit(struct chat *chat, const char *key);
/* All conversations that were met were looked at up to here: the next chat begins there. */
void chat_mark_read(struct chat *chat, uint64_t sequence);
/* chat_read.c: what arrives. sight: how much of it is shown. */
enum sight { SIGHT_ALL, SIGHT_NEW };
void chat_take_item(struct chat *chat, const json_t *json, enum sight sight);
void chat_take_event(struct chat *chat, const struct event *event);
/* Gaps that the server has not explained after a moment. */
void chat_tell_held(struct chat *chat, bool all);
void chat_hold(struct chat *chat, const struct finding *finding);
bool chat_concerns(const struct chat *chat, const struct statement *statement);
/* chat_show.c: how it looks. */
void chat_show_message(struct chat *chat, const struct item *item, struct span words, const char *audience);
void chat_show_file(struct chat *chat, const struct item *item, const char *audience);
void chat_show_own(struct chat *chat, const char *id, const struct errand *errand);
void chat_tell(struct chat *chat, const char *kind, const char *format, ...) __attribute__((format(printf, 3, 4)));
void chat_format_clock(int64_t seconds, char ret_text[8]);
void chat_show_prompt(struct chat *chat);
char *chat_audience(const struct chat *chat, const struct statement *statement);       /* "" when it is everybody in this conversation; malloc'd */
/* chat_input.c: after poll. */
void chat_read_terminal(struct chat *chat);
void chat_read_pipe(struct chat *chat);
/* chat_say.c: what is typed. */
void chat_say(struct chat *chat, const char *text, bool has_commands);

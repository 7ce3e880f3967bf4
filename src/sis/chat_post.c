/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The thread of a chat that sends and fetches, one errand after the other, over a connection of its own. While the server is away it tries the same
 * sealed message again, so that nothing is said twice. */
#include "sis/chat.h"
#include "sis/fetch.h"
#include "sis/naming.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define RETRY_MS 500

struct post {
	struct mail *mail;
	struct session *session;
	struct audience audience;
	char *to;                               /* whose audience that is; NULL: none */
	bool is_away;
};

static void tell(struct post *post, enum note_kind kind, int error, const struct why *why)
{
	struct note *note = xcalloc(1, sizeof(*note));
	note->kind = kind;
	note->error = error;
	if (why != NULL)
		note->why = *why;
	mail_note(post->mail, note);
}

/* Whether to try again, after a while. */
static bool waits(struct post *post, int error, const struct why *why)
{
	struct mail *mail = post->mail;
	struct timespec until;
	if (!message_may_retry(error) || atomic_load(&mail->stops))
		return false;
	if (!post->is_away)
		tell(post, NOTE_AWAY, error, why);
	post->is_away = true;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += RETRY_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	pthread_mutex_lock(&mail->mutex);
	while (!atomic_load(&mail->stops) && pthread_cond_timedwait(&mail->wanted, &mail->mutex, &until) != ETIMEDOUT)
		;
	pthread_mutex_unlock(&mail->mutex);
	return !atomic_load(&mail->stops);
}

static void forget_audience(struct post *post)
{
	if (post->to != NULL)
		audience_free(&post->audience);
	free(post->to);
	post->to = NULL;
}

static int find_audience(struct post *post, const char *to, struct why *why)
{
	if (atomic_exchange(&post->mail->is_stale, false))
		forget_audience(post);
	if (post->to != NULL && strcmp(post->to, to) == 0)
		return 0;
	forget_audience(post);
	int r = audience_fetch(post->mail->sis, post->session, post->mail->pins, to, &post->audience, why);
	if (r == 0)
		post->to = xstrdup(to);
	return r;
}

static struct sender sender_for(struct post *post, const struct errand *errand)
{
	return (struct sender){
		.sis = post->mail->sis, .profile = post->mail->profile, .session = post->session, .audience = &post->audience, .flushes_chain = true,
		.expires = errand->kind == ERRAND_PRESENCE ? time_now() + PRESENCE_LIFE_S : 0,
	};
}

static int compose(struct post *post, const struct errand *errand, struct message *message, struct why *why)
{
	int r;
	do {
		*why = (struct why){ "" };
		r = find_audience(post, errand->to, why);
		struct sender sender = sender_for(post, errand);
		if (r == 0)
			r = message_compose(&sender, post->mail->pins, span_from_string(errand->words), errand->kind == ERRAND_SAY ? MESSAGE_TYPE : PRESENCE_TYPE,
			                    NULL, message, why);
	} while (r < 0 && errand->kind == ERRAND_SAY && waits(post, r, why));
	return r;
}

static int say(struct post *post, const struct errand *errand, struct note *note, struct why *why)
{
	struct message message;
	int r = compose(post, errand, &message, why);
	if (r < 0)
		return r;
	mail_add_sent(post->mail, message.id);
	struct sender sender = sender_for(post, errand);
	do {
		*why = (struct why){ "" };
		r = message_deliver(&sender, &message, why);
		atomic_store(&post->mail->in_doubt, r < 0 && message.small.doubt.is_open);
	} while (r < 0 && errand->kind == ERRAND_SAY && waits(post, r, why));
	strcpy(note->id, message.id);
	message_end(&message);
	/* Perhaps somebody's devices have changed since they were asked for. */
	if (r < 0)
		forget_audience(post);
	if (r == 0 && post->is_away)
		tell(post, NOTE_BACK, 0, NULL);
	if (r == 0)
		post->is_away = false;
	return r;
}

/* Files that are only opened go to a directory of their own, which goes away with the chat. */
static int find_directory(struct mail *mail, struct why *why)
{
	const char *base = getenv("XDG_RUNTIME_DIR");
	if (mail->directory != NULL)
		return 0;
	mail->directory = xasprintf("%s/sis-chat-XXXXXX", base != NULL && base[0] == '/' ? base : "/tmp");
	if (mkdtemp(mail->directory) != NULL)
		return 0;
	free(mail->directory);
	mail->directory = NULL;
	return why_set(why, error_from_errno(errno), "no directory can be made for it: %s", strerror(errno));
}

/* The desktop goes by a name's ending, and may start what a stranger calls "holiday.desktop": only what is a picture by its bytes is opened, under a
 * name of ours. */
static int name_picture(int fd, char ret_name[256], struct why *why)
{
	CLEANUP_FREE uint8_t *head = xcalloc(1, SEAL_CHUNK_BYTES);
	const char *media_type = NULL;
	uint32_t width, height;
	ssize_t n = pread(fd, head, SEAL_CHUNK_BYTES, 0);
	if (n < 0 || !media_recognise(head, (size_t)n, &media_type, &width, &height) || strncmp(media_type, "image/", 6) != 0)
		return why_set(why, -SIS_ERR_BAD_FORMAT, "it is no picture; /get keeps it, and what opens it is up to you");
	snprintf(ret_name, 256, "picture.%s", media_type + 6);
	return 0;
}

static int save(struct post *post, const struct item *item, const char *directory, bool opens, struct note *note, struct why *why)
{
	struct outfile file;
	char name[256], taken[256];
	int r = outfile_open(directory, &file, why);
	if (r < 0)
		return r;
	const struct fetch fetch = { .session = post->session, .item = item, .plain_fd = file.fd, .sealed_fd = -1 };
	file_name_make_safe(span_from_string(item->manifest.name), name);
	r = fetch_object(&fetch, why);
	if (r == 0 && opens)
		r = name_picture(file.fd, name, why);
	if (r == 0)
		r = outfile_publish(&file, name, false, false, taken, why);
	outfile_close(&file);
	if (r == 0)
		note->text = xasprintf("%s/%s", directory, taken);
	return r;
}

static int get(struct post *post, const struct errand *errand, struct note *note, struct why *why)
{
	struct acceptor acceptor = { 0 };
	struct item item;
	int r = errand->kind == ERRAND_OPEN ? find_directory(post->mail, why) : 0;
	if (r == 0)
		r = acceptor_open(post->mail->sis, post->session, post->mail->pins, &acceptor, why);
	if (r == 0)
		r = item_fetch(&acceptor, post->session, errand->id, &item, why);
	acceptor_close(&acceptor);
	if (r < 0)
		return r;
	bool opens = errand->kind == ERRAND_OPEN;
	r = save(post, &item, opens ? post->mail->directory : errand->to != NULL ? errand->to : ".", opens, note, why);
	item_wipe(&item);
	return r;
}

static void run(struct post *post, struct errand *errand)
{
	struct note *note = xcalloc(1, sizeof(*note));
	bool gets = errand->kind == ERRAND_GET || errand->kind == ERRAND_OPEN;
	note->error = gets ? get(post, errand, note, &note->why) : say(post, errand, note, &note->why);
	note->kind = note->error < 0 ? NOTE_REFUSED : gets ? NOTE_SAVED : NOTE_SENT;
	note->errand = errand;
	mail_note(post->mail, note);
}

static struct errand *wait_for_errand(struct mail *mail)
{
	pthread_mutex_lock(&mail->mutex);
	while (mail->errands == NULL && !atomic_load(&mail->stops))
		pthread_cond_wait(&mail->wanted, &mail->mutex);
	struct errand *errand = atomic_load(&mail->stops) ? NULL : mail->errands;
	if (errand != NULL) {
		mail->errands = errand->next;
		errand->next = NULL;
	}
	if (mail->errands == NULL)
		mail->errands_end = &mail->errands;
	pthread_mutex_unlock(&mail->mutex);
	return errand;
}

void *chat_post_run(void *arg)
{
	struct post post = { .mail = arg };
	struct why why = { "" };
	int r = session_open(post.mail->profile, &post.session);
	if (r < 0)
		tell(&post, NOTE_STREAM, r, &why);
	for (struct errand *errand; r == 0 && (errand = wait_for_errand(post.mail)) != NULL;)
		run(&post, errand);
	forget_audience(&post);
	session_free(post.session);
	return NULL;
}

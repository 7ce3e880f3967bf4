/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The mail between the threads of a chat. */
#include "sis/chat.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define LISTEN_MS 200

static void errand_free(struct errand *errand)
{
	if (errand == NULL)
		return;
	secret_free_text(errand->words);
	free(errand->to);
	free(errand);
}

void note_free(struct note *note)
{
	if (note == NULL)
		return;
	if (note->kind == NOTE_EVENT)
		event_free(&note->event);
	errand_free(note->errand);
	free(note->text);
	free(note);
}

void mail_note(struct mail *mail, struct note *note)
{
	static const uint64_t one = 1;
	pthread_mutex_lock(&mail->mutex);
	*mail->notes_end = note;
	mail->notes_end = &note->next;
	pthread_mutex_unlock(&mail->mutex);
	ssize_t n = write(mail->wake_fd, &one, sizeof(one));
	(void)n;
}

struct note *mail_take(struct mail *mail)
{
	uint64_t count;
	pthread_mutex_lock(&mail->mutex);
	struct note *note = mail->notes;
	if (note != NULL)
		mail->notes = note->next;
	if (mail->notes == NULL)
		mail->notes_end = &mail->notes;
	/* Only when all were taken, and before anybody can put one more: no wake is lost. */
	ssize_t n = note == NULL ? read(mail->wake_fd, &count, sizeof(count)) : 0;
	(void)n;
	if (note != NULL && note->errand != NULL)
		mail->n_open--;
	pthread_mutex_unlock(&mail->mutex);
	return note;
}

void mail_errand(struct mail *mail, enum errand_kind kind, const char *to, const char *words, const char *id)
{
	struct errand *errand = xcalloc(1, sizeof(*errand));
	errand->kind = kind;
	errand->to = to != NULL ? xstrdup(to) : NULL;
	errand->words = words != NULL ? xstrdup(words) : NULL;
	if (id != NULL)
		strcpy(errand->id, id);
	pthread_mutex_lock(&mail->mutex);
	*mail->errands_end = errand;
	mail->errands_end = &errand->next;
	mail->n_open++;
	pthread_cond_signal(&mail->wanted);
	pthread_mutex_unlock(&mail->mutex);
}

unsigned mail_n_open(struct mail *mail)
{
	pthread_mutex_lock(&mail->mutex);
	unsigned n = mail->n_open;
	pthread_mutex_unlock(&mail->mutex);
	return n;
}

void mail_add_sent(struct mail *mail, const char *id)
{
	pthread_mutex_lock(&mail->mutex);
	char (*sent)[ITEM_ID_TEXT + 1] = realloc(mail->sent, (mail->n_sent + 1) * sizeof(*sent));
	if (sent != NULL) {
		mail->sent = sent;
		strcpy(sent[mail->n_sent++], id);
	}
	pthread_mutex_unlock(&mail->mutex);
}

bool mail_has_sent(struct mail *mail, const char *id)
{
	bool found = false;
	pthread_mutex_lock(&mail->mutex);
	for (unsigned i = mail->n_sent; !found && i-- > 0;)
		found = strcmp(mail->sent[i], id) == 0;
	pthread_mutex_unlock(&mail->mutex);
	return found;
}

static void *listen_run(void *arg)
{
	struct mail *mail = arg;
	while (!atomic_load(&mail->stops)) {
		struct note *note = xcalloc(1, sizeof(*note));
		int r = events_next(mail->events, LISTEN_MS, &note->event, &note->why);
		if (r == 0 || (r < 0 && atomic_load(&mail->stops))) {
			free(note);
			continue;
		}
		note->kind = r > 0 ? NOTE_EVENT : NOTE_STREAM;
		note->error = r < 0 ? r : 0;
		mail_note(mail, note);
		if (r < 0)
			break;
	}
	return NULL;
}

int mail_listen(struct mail *mail, struct events *events, struct why *why)
{
	mail->events = events;
	mail->has_listener = pthread_create(&mail->listener, NULL, listen_run, mail) == 0;
	return mail->has_listener ? 0 : why_set(why, -SIS_ERR_SYSTEM, "no thread can be started");
}

int mail_open(const struct sis *sis, const struct profile *profile, struct pins *pins, struct mail *mail, struct why *why)
{
	mail->sis = sis;
	mail->profile = profile;
	mail->pins = pins;
	mail->notes_end = &mail->notes;
	mail->errands_end = &mail->errands;
	pthread_mutex_init(&mail->mutex, NULL);
	pthread_cond_init(&mail->wanted, NULL);
	mail->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (mail->wake_fd < 0)
		return why_set(why, error_from_errno(errno), "no descriptor can be had: %s", strerror(errno));
	mail->has_poster = pthread_create(&mail->poster, NULL, chat_post_run, mail) == 0;
	return mail->has_poster ? 0 : why_set(why, -SIS_ERR_SYSTEM, "no thread can be started");
}

/* What waits for the server is given up; a transfer under way is interrupted. */
void mail_close(struct mail *mail)
{
	bool cancelled = atomic_load(&sis_cancelled);
	if (mail->notes_end == NULL)
		return;
	pthread_mutex_lock(&mail->mutex);
	atomic_store(&mail->stops, true);
	pthread_cond_signal(&mail->wanted);
	pthread_mutex_unlock(&mail->mutex);
	atomic_store(&sis_cancelled, true);
	if (mail->has_poster)
		pthread_join(mail->poster, NULL);
	if (mail->has_listener)
		pthread_join(mail->listener, NULL);
	atomic_store(&sis_cancelled, cancelled);
	for (struct note *note; (note = mail_take(mail)) != NULL;)
		note_free(note);
	while (mail->errands != NULL) {
		struct errand *errand = mail->errands;
		mail->errands = errand->next;
		errand_free(errand);
	}
	events_free(mail->events);
	free(mail->sent);
	fd_close(mail->wake_fd);
}

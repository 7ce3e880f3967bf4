/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What items are judged by: pins, revocation list, clock. A gallery stays open for days, so they are taken anew every minute; jobs that still use the ones
 * before keep them to their end. */
#include "sis/gallery/gallery.h"

#include "sis/horizon.h"
#include "sis/output.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define TRUST_SECONDS 60

struct judgement {
	unsigned n_users;                       /* the keeper's own reference included */
	struct pins *pins;
	struct acceptor acceptor;
	bool outdated;                          /* the list had ended when the server gave it: it may have slept, too, and make the next one just now */
	struct horizon horizon;                 /* under the mutex */
};
struct trust {
	pthread_mutex_t mutex;
	struct judgement *now;
	atomic_bool stale;
};

struct trust *trust_new(struct gallery *gallery)
{
	struct trust *trust = xcalloc(1, sizeof(*trust));
	(void)gallery;
	pthread_mutex_init(&trust->mutex, NULL);
	return trust;
}

/* Locked, or when there is only one thread left. */
static void judgement_leave(struct judgement *judgement)
{
	if (judgement == NULL || --judgement->n_users > 0)
		return;
	pins_save(judgement->pins, NULL);
	horizon_save(judgement->acceptor.profile, &judgement->horizon);
	acceptor_close(&judgement->acceptor);
	pins_free(judgement->pins);
	free(judgement);
}

void trust_free(struct trust *trust)
{
	if (trust == NULL)
		return;
	judgement_leave(trust->now);
	pthread_mutex_destroy(&trust->mutex);
	free(trust);
}

static int judgement_make(const struct hand *hand, struct judgement **ret_judgement, struct why *why)
{
	struct judgement *judgement = xcalloc(1, sizeof(*judgement));
	horizon_open(hand->gallery->profile, &judgement->horizon);
	int r = pins_open(hand->gallery->profile, &judgement->pins, why);
	if (r == 0)
		r = acceptor_open(hand->gallery->sis, hand->session, judgement->pins, &judgement->acceptor, why);
	if (r < 0) {
		pins_free(judgement->pins);
		free(judgement);
		return r;
	}
	judgement->outdated = acceptor_is_outdated(&judgement->acceptor);
	judgement->n_users = 1;
	*ret_judgement = judgement;
	return 0;
}

static struct judgement *judgement_of(const struct hand *hand)
{
	return (struct judgement *)((uintptr_t)hand->acceptor - offsetof(struct judgement, acceptor));
}

/* By the time of day, which goes on while the machine sleeps: the revocation list may have ended meanwhile. */
static bool is_recent(const struct judgement *judgement)
{
	int64_t now = time_now(), taken = judgement->acceptor.now;
	return !judgement->outdated && taken <= now && now - taken <= TRUST_SECONDS;
}

int trust_take(struct hand *hand, struct why *why)
{
	struct trust *trust = hand->gallery->trust;
	int r = 0;
	pthread_mutex_lock(&trust->mutex);
	bool old = trust->now == NULL || atomic_exchange(&trust->stale, false) || !is_recent(trust->now);
	if (old) {
		struct judgement *fresh = NULL;
		r = judgement_make(hand, &fresh, why);
		if (r == 0) {
			judgement_leave(trust->now);
			trust->now = fresh;
		} else {
			atomic_store(&trust->stale, true);
		}
	}
	if (r == 0) {
		trust->now->n_users++;
		hand->acceptor = &trust->now->acceptor;
		hand->pins = trust->now->pins;
	}
	pthread_mutex_unlock(&trust->mutex);
	return r;
}

void trust_give_back(struct hand *hand, struct why *why)
{
	struct trust *trust = hand->gallery->trust;
	if (hand->acceptor == NULL)
		return;
	pins_save(hand->pins, why);
	pthread_mutex_lock(&trust->mutex);
	judgement_leave(judgement_of(hand));
	pthread_mutex_unlock(&trust->mutex);
	hand->acceptor = NULL;
	hand->pins = NULL;
}

void trust_is_stale(struct gallery *gallery)
{
	atomic_store(&gallery->trust->stale, true);
}

int trust_check_sequence(struct hand *hand, uint64_t sequence, struct why *why)
{
	struct trust *trust = hand->gallery->trust;
	pthread_mutex_lock(&trust->mutex);
	int r = horizon_check(&judgement_of(hand)->horizon, sequence, why);
	pthread_mutex_unlock(&trust->mutex);
	return r;
}

/* ------------------------------------------------ people ------------------------------------------------ */

bool trust_is_verified(const struct hand *hand, const char *user)
{
	return strcmp(pins_contact(hand->pins, user), "verified") == 0;
}

/* From a copy of our own: the shared one may be changed by another thread while it is read. */
int trust_people(const struct hand *hand, json_t **ret_people, struct why *why)
{
	CLEANUP_PINS struct pins *pins = NULL;
	json_t *entry;
	const char *user;
	int r = pins_open(hand->gallery->profile, &pins, why);
	if (r < 0)
		return r;
	json_t *people = json_array();
	json_object_foreach((json_t *)(uintptr_t)pins_json(pins), user, entry) {
		if (strcmp(user, hand->gallery->profile->user) != 0)
			json_array_append_new(people, json_pack("{s:s, s:b}", "name", user, "verified", trust_is_verified(hand, user)));
	}
	*ret_people = people;
	return 0;
}

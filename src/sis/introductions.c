/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Asking who vouches for a new device. */
#include "sis/introductions.h"

#include "sis/people.h"

#include <pthread.h>
#include <stdlib.h>

struct introductions {
	const struct sis *sis;
	const struct profile *profile;
	struct pins *pins;
	pthread_mutex_t mutex;
	struct session *session;                /* NULL: not needed yet */
	json_t *asked;                          /* {user: true} */
};

struct introductions *introductions_new(const struct sis *sis, const struct profile *profile, struct pins *pins)
{
	struct introductions *introductions = xcalloc(1, sizeof(*introductions));
	*introductions = (struct introductions){ .sis = sis, .profile = profile, .pins = pins, .asked = json_object() };
	pthread_mutex_init(&introductions->mutex, NULL);
	return introductions;
}

void introductions_free(struct introductions *introductions)
{
	if (introductions == NULL)
		return;
	session_free(introductions->session);
	json_decref(introductions->asked);
	pthread_mutex_destroy(&introductions->mutex);
	free(introductions);
}

void introductions_ask(struct introductions *introductions, const char *user)
{
	struct people_device *devices = NULL;
	unsigned n = 0;
	if (introductions == NULL)
		return;
	pthread_mutex_lock(&introductions->mutex);
	bool first = json_object_get(introductions->asked, user) == NULL;
	json_object_set_new(introductions->asked, user, json_true());
	if (first && (introductions->session != NULL || session_open(introductions->profile, &introductions->session) == 0))
		(void)people_list(introductions->sis, introductions->session, introductions->pins, user, &devices, &n, NULL);
	pthread_mutex_unlock(&introductions->mutex);
	free(devices);
}

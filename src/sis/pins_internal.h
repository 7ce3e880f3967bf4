/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What pins.c and pins_decide.c share. */
#pragma once

#include "sis/contacts_file.h"
#include "sis/pins.h"

#include <pthread.h>

struct pins {
	const struct profile *profile;
	struct verified *verified;
	struct revocations *revocations;
	pthread_mutex_t mutex;
	json_t *contacts;
	json_t *met;                            /* {user: true}: who was known before this command */
	json_t *changes;                        /* [[change, user, device, key], …], not yet written */
};

/* In memory, and kept for pins_save. Locked. */
void pins_change(struct pins *pins, enum contacts_change change, const char *user, const char *device, const char *key);

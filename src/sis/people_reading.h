/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Inside of people.c and people_vouched.c: the devices of one person while they are looked at. */
#pragma once

#include "format/item.h"
#include "sis/people.h"

/* One device as the server tells it, once its certificate holds. */
struct listed {
	char name[NAME_MAX_TEXT + 1];
	struct certificate facts;
	const char *key_statement;              /* borrowed from the JSON; NULL: none */
	const json_t *endorsements;
};

/* What is done about a person, and for whom. */
struct reading {
	const struct sis *sis;
	const struct profile *profile;
	struct pins *pins;
	struct session *session;                /* NULL: revocations are not looked at */
	const char *user;
	unsigned n;
	struct listed *device;
};

/* Pins the devices that are new and that a pinned one vouches for, and says so. */
void people_take_vouched(const struct reading *reading);

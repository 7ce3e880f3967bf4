/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The live devices of a user, as the server tells them and only as far as it can prove them. */
#pragma once

#include "sis/pins.h"
#include "sis/session.h"

struct person_device {
	char name[NAME_MAX_TEXT + 1];
	uint8_t fingerprint[FINGERPRINT_BYTES];
	uint8_t key[32];                        /* X25519 */
	struct public_key signing_key;          /* of its certificate */
};
struct person {
	char user[NAME_MAX_TEXT + 1];
	unsigned n_devices;
	struct person_device *devices;          /* malloc'd */
};
void person_free(struct person *person);

/* Every device is checked: certificate against the CA, its subject, the pin, the key statement and its signature. A device that has published no
 * key (yet) is left out. NO_USER, NO_KEY, PIN_CHANGED, UNTRUSTED, PROTOCOL. New devices of a known contact, or of ourselves, are told on standard error. */
int people_fetch(const struct sis *sis, struct session *session, struct pins *pins, const char *user, struct person *ret_person, struct why *why);
/* The same, and ourselves with one request: ret_self is left alone by a server that tells only one. */
int people_fetch_with_self(const struct sis *sis, struct session *session, struct pins *pins, const char *user, struct person *ret_person,
                           struct person *ret_self, struct why *why);
/* The same from the server's JSON: what the fuzz target feeds. */
int people_read(const struct sis *sis, const struct profile *profile, struct pins *pins, const char *user, const json_t *json, struct person *ret_person,
                struct why *why);
/* The server's authority can certify a device that is not theirs, and a first key is pinned as it comes: so it is said aloud when somebody known, or
 * we ourselves, have a device more. */
void people_tell_new_device(const struct sis *sis, const struct profile *profile, const char *user, const char *device, const struct public_key *key);

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

/* Every device is checked: certificate against the CA and its revocation list, its subject, the pin (or who vouches for it), the key statement and its
 * signature. A device that has published no key (yet) is left out, and so is, with a warning, a device of our own that is not approved. NO_USER, NO_KEY,
 * PIN_CHANGED, REVOKED, UNTRUSTED, PROTOCOL. New devices of a known contact are told on standard error. */
int people_fetch(const struct sis *sis, struct session *session, struct pins *pins, const char *user, struct person *ret_person, struct why *why);
/* The same, and ourselves with one request: ret_self is left alone by a server that tells only one. */
int people_fetch_with_self(const struct sis *sis, struct session *session, struct pins *pins, const char *user, struct person *ret_person,
                           struct person *ret_self, struct why *why);
/* The same from the server's JSON: what the fuzz target feeds, without a session. */
int people_read(const struct sis *sis, struct session *session, const struct profile *profile, struct pins *pins, const char *user, const json_t *json,
                struct person *ret_person, struct why *why);
/* The live devices of a person, pinned or not, with a key published or not; the certificates hold. malloc'd. For commands that show them. */
struct people_device { char name[NAME_MAX_TEXT + 1]; struct certificate facts; };
int people_list(const struct sis *sis, struct session *session, struct pins *pins, const char *user, struct people_device **ret_devices, unsigned *ret_n,
                struct why *why);
/* A live device of our own, approved or not: for `sis devices approve`, which lets a person compare its signing key before pins_accept_device and
 * endorse_device. NO_KEY when there is none, or none that has published its key. */
int people_fetch_own_device(const struct sis *sis, struct session *session, struct pins *pins, const char *name, struct person_device *ret_device,
                            struct why *why);
/* The server's authority can certify a device that is not theirs, and a first key is pinned as it comes: so it is said aloud when somebody known has a
 * device more. */
void people_tell_new_device(const struct sis *sis, const char *user, const char *device, const struct public_key *key);

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * contacts.json: {"version":2,"contacts":{USER:{"verified":TIME,"devices":{DEVICE:{"keys":[KEY…],"first_seen":TIME,"refused":KEY}}}}}. "verified" and
 * "refused" may be absent; a device without keys is one that was only refused. What changed in memory is a list, which is applied again to what other
 * processes wrote meanwhile. Used by pins.c. */
#pragma once

#include "base/json.h"
#include "sis/profile.h"

#define CONTACTS_MAX_BYTES (8u << 20)

/* The object behind "contacts", from either form. */
int contacts_parse(struct span text, json_t **ret_contacts);
int contacts_read(const struct profile *profile, json_t **ret_contacts, struct why *why);
int contacts_write(const struct profile *profile, json_t *contacts, struct why *why);

bool contacts_has_key(const json_t *contacts, const char *user, const char *device, const char *key);
bool contacts_has_keys(const json_t *contacts, const char *user, const char *device);   /* something is pinned for it */
/* A further device of this person is not taken on the server's word: somebody verified, or we ourselves. */
bool contacts_is_strict(const struct profile *profile, const json_t *contacts, const char *user);

enum contacts_change {
	CONTACTS_PIN,                           /* a first key; refused instead where another process has made that impossible since */
	CONTACTS_ACCEPT,                        /* one key more, whatever there is: a person said so, or a device that is pinned */
	CONTACTS_REFUSE,
	CONTACTS_VERIFY,                        /* key: the time, or empty: not verified any more */
	CONTACTS_DOUBT,                         /* no key of the user is pinned any more; the devices stay known */
	CONTACTS_FORGET,                        /* the whole contact */
};
void contacts_apply(const struct profile *profile, json_t *contacts, enum contacts_change change, const char *user, const char *device, const char *key);

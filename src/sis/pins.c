/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Pins of contacts' device keys. */
#include "sis/pins_internal.h"

#include "crypto/digest.h"
#include "sis/contacts_file.h"
#include "sis/revocations.h"
#include "sis/verified.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void pin_format(const struct public_key *key, char ret_text[PIN_TEXT])
{
	uint8_t digest[DIGEST_BYTES];
	char hex[2 * DIGEST_BYTES + 1];
	digest_sha256(key->bytes, public_key_size(key->algorithm), digest);
	hex_encode(digest, sizeof(digest), hex);
	snprintf(ret_text, PIN_TEXT, "%s:%s", key_algorithm_name(key->algorithm), hex);
}

static json_t *contacts_users(const json_t *contacts)
{
	json_t *users = json_object(), *contact;
	const char *user;
	json_object_foreach((json_t *)(uintptr_t)contacts, user, contact)
		json_object_set_new(users, user, json_true());
	return users;
}

int pins_open(const struct profile *profile, struct pins **ret_pins, struct why *why)
{
	CLEANUP_PINS struct pins *pins = xcalloc(1, sizeof(*pins));
	pthread_mutex_init(&pins->mutex, NULL);
	pins->profile = profile;
	pins->changes = json_array();
	pins->verified = verified_open(profile);
	pins->revocations = revocations_new(profile, pins->verified);
	int r = contacts_read(profile, &pins->contacts, why);
	if (r < 0)
		return r;
	pins->met = contacts_users(pins->contacts);
	*ret_pins = pins;
	pins = NULL;
	return 0;
}

void pins_free(struct pins *pins)
{
	if (pins == NULL)
		return;
	json_decref(pins->contacts);
	json_decref(pins->met);
	json_decref(pins->changes);
	revocations_free(pins->revocations);
	verified_free(pins->verified);
	pthread_mutex_destroy(&pins->mutex);
	free(pins);
}

void pins_freep(struct pins **pins)
{
	pins_free(*pins);
}

struct verified *pins_verified(struct pins *pins)
{
	return pins->verified;
}

int pins_check_revocation(struct pins *pins, struct session *session, const struct certificate *facts, struct why *why)
{
	return revocations_check(pins->revocations, session, facts, why);
}

const json_t *pins_json(const struct pins *pins)
{
	return pins->contacts;
}

/* ------------------------------------------------ looking ------------------------------------------------ */

bool pins_knows(struct pins *pins, const char *user, const char *device, const struct public_key *key)
{
	char pin[PIN_TEXT];
	pin_format(key, pin);
	pthread_mutex_lock(&pins->mutex);
	bool known = contacts_has_key(pins->contacts, user, device, pin);
	pthread_mutex_unlock(&pins->mutex);
	return known;
}

bool pins_has_device(struct pins *pins, const char *user, const char *device)
{
	pthread_mutex_lock(&pins->mutex);
	bool has = contacts_has_keys(pins->contacts, user, device);
	pthread_mutex_unlock(&pins->mutex);
	return has;
}

bool pins_is_strict(struct pins *pins, const char *user)
{
	pthread_mutex_lock(&pins->mutex);
	bool strict = contacts_is_strict(pins->profile, pins->contacts, user);
	pthread_mutex_unlock(&pins->mutex);
	return strict;
}

const char *pins_contact(struct pins *pins, const char *user)
{
	if (pins_is_strict(pins, user))
		return "verified";
	return json_object_get(pins->met, user) != NULL ? "known" : "new";
}

/* With the lock held. */
void pins_change(struct pins *pins, enum contacts_change change, const char *user, const char *device, const char *key)
{
	contacts_apply(pins->profile, pins->contacts, change, user, device, key);
	json_array_append_new(pins->changes, json_pack("[isss]", (int)change, user, device, key));
}

static bool is_this_device(const struct profile *profile, const char *user, const char *device)
{
	return strcmp(user, profile->user) == 0 && strcmp(device, profile->device) == 0;
}

static bool is_this_key(const struct profile *profile, const struct public_key *key)
{
	const struct public_key *own = &profile->facts.public_key;
	return key->algorithm == own->algorithm && memcmp(key->bytes, own->bytes, public_key_size(own->algorithm)) == 0;
}

static int say_changed(struct why *why, const char *user, const char *device, const char *pin)
{
	return why_set(why, -SIS_ERR_PIN_CHANGED, "THE KEY OF %s/%s HAS CHANGED since it was first seen: somebody may be posing as %s; ask %s for the "
	               "fingerprint by another way (theirs is in \"sis whoami\"), compare it with %s, and only then run: sis contacts accept %s --key %s",
	               user, device, user, user, pin, user, pin);
}

static int say_further(const struct profile *profile, struct why *why, const char *user, const char *device, const char *pin)
{
	if (strcmp(user, profile->user) == 0)
		return why_set(why, -SIS_ERR_PIN_CHANGED, "your device \"%s\" (key %s) is NOT APPROVED here: if it is yours, compare that key with what \"sis whoami\" "
		               "says there, and only then run: sis devices approve %s (or: sis contacts accept %s --key %s); if it is not, tell the administrator to revoke it",
		               device, pin, device, user, pin);
	return why_set(why, -SIS_ERR_PIN_CHANGED, "%s, whom you have verified, has A FURTHER DEVICE \"%s\" that none of theirs vouches for: somebody may be posing "
	               "as %s; ask %s by another way, compare the key that \"sis whoami\" says there with %s, and only then run: sis contacts accept %s --key %s",
	               user, device, user, user, pin, user, pin);
}

/* What is to be done about a key that is not pinned. With the lock held. */
static int judge(struct pins *pins, const char *user, const char *device, const struct public_key *key, const char *pin, const char *voucher,
                 enum pin_state *ret_state, struct why *why)
{
	const struct profile *profile = pins->profile;
	bool is_this = is_this_device(profile, user, device);
	if (is_this && is_this_key(profile, key)) {
		pins_change(pins, CONTACTS_ACCEPT, user, device, pin);
		*ret_state = PIN_KNOWN;
		return 0;
	}
	/* Nothing for a person to accept: which key this device has is known here. Keys that it had before are pinned. */
	if (is_this && faccessat(profile->dir_fd, PROFILE_NEXT_KEY, F_OK, 0) == 0)
		return why_set(why, -SIS_ERR_PIN_CHANGED, "the server gives another key for this device, perhaps because \"sis renew --new-key\" was cut off here; run "
		               "that again");
	if (is_this)
		return why_set(why, -SIS_ERR_PIN_CHANGED, "THE SERVER GIVES ANOTHER KEY, %s, FOR THIS VERY DEVICE (%s/%s): somebody may be posing as you; share "
		               "nothing before the administrator has explained it", pin, user, device);
	if (contacts_has_keys(pins->contacts, user, device)) {
		pins_change(pins, CONTACTS_REFUSE, user, device, pin);
		return say_changed(why, user, device, pin);
	}
	if (voucher == NULL && contacts_is_strict(profile, pins->contacts, user)) {
		pins_change(pins, CONTACTS_REFUSE, user, device, pin);
		return say_further(profile, why, user, device, pin);
	}
	*ret_state = voucher != NULL ? PIN_VOUCHED : json_object_get(pins->met, user) != NULL ? PIN_NEW_DEVICE : PIN_NEW_CONTACT;
	pins_change(pins, voucher != NULL ? CONTACTS_ACCEPT : CONTACTS_PIN, user, device, pin);
	return 0;
}

int pins_check(struct pins *pins, const char *user, const char *device, const struct public_key *key, const char *voucher, enum pin_state *ret_state,
               struct why *why)
{
	char pin[PIN_TEXT];
	enum pin_state state = PIN_KNOWN;
	int r = 0;
	pin_format(key, pin);
	pthread_mutex_lock(&pins->mutex);
	if (!contacts_has_key(pins->contacts, user, device, pin))
		r = judge(pins, user, device, key, pin, voucher, &state, why);
	pthread_mutex_unlock(&pins->mutex);
	if (r == 0)
		*ret_state = state;
	return r;
}

/* Locked. */
static int save_changes(struct pins *pins, struct why *why)
{
	CLEANUP_FD int lock = -1;
	CLEANUP_JSON json_t *contacts = NULL;
	size_t i;
	json_t *change;
	if (json_array_size(pins->changes) == 0)
		return 0;
	int r = profile_lock(pins->profile, "contacts.lock", &lock);
	if (r < 0)
		return why_set(why, r, "contacts.json of the profile cannot be written: %s", error_text(r));
	r = contacts_read(pins->profile, &contacts, why);
	if (r < 0)
		return r;
	json_array_foreach(pins->changes, i, change) {
		contacts_apply(pins->profile, contacts, (enum contacts_change)json_integer_value(json_array_get(change, 0)),
		               json_string_value(json_array_get(change, 1)), json_string_value(json_array_get(change, 2)),
		               json_string_value(json_array_get(change, 3)));
	}
	r = contacts_write(pins->profile, contacts, why);
	if (r == 0)
		json_array_clear(pins->changes);
	return r;
}

int pins_save(struct pins *pins, struct why *why)
{
	verified_save(pins->verified);
	pthread_mutex_lock(&pins->mutex);
	int r = save_changes(pins, why);
	pthread_mutex_unlock(&pins->mutex);
	return r;
}

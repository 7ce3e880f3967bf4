/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Pins of contacts' device keys. */
#include "sis/pins.h"

#include "crypto/digest.h"
#include "sis/verified.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PINS_FILE "contacts.json"
#define PINS_MAX_BYTES (8u << 20)

struct pins {
	const struct profile *profile;
	struct verified *verified;
	pthread_mutex_t mutex;
	json_t *contacts;
	json_t *met;                            /* {user: true}: who was known before this command */
	json_t *changes;                        /* [[user, device, key, "pin"|"refuse"|"accept"], …], not yet written */
};

void pin_format(const struct public_key *key, char ret_text[PIN_TEXT])
{
	uint8_t digest[DIGEST_BYTES];
	char hex[2 * DIGEST_BYTES + 1];
	digest_sha256(key->bytes, public_key_size(key->algorithm), digest);
	hex_encode(digest, sizeof(digest), hex);
	snprintf(ret_text, PIN_TEXT, "%s:%s", key_algorithm_name(key->algorithm), hex);
}

/* Our own file, but a person may have edited it: only the shape that we write is taken. */
static bool contacts_are_sound(const json_t *contacts)
{
	const char *user, *device;
	json_t *devices, *entry, *key;
	size_t i;
	if (!json_is_object(contacts))
		return false;
	json_object_foreach((json_t *)(uintptr_t)contacts, user, devices) {
		if (!name_is_valid(span_from_string(user)) || !json_is_object(devices))
			return false;
		json_object_foreach(devices, device, entry) {
			if (!name_is_valid(span_from_string(device)) || !json_is_array(json_object_get(entry, "keys")))
				return false;
			json_array_foreach(json_object_get(entry, "keys"), i, key) {
				if (!json_is_string(key))
					return false;
			}
		}
	}
	return true;
}

static int contacts_read(const struct profile *profile, json_t **ret_contacts, struct why *why)
{
	CLEANUP_FREE char *text = NULL;
	CLEANUP_JSON json_t *contacts = NULL;
	size_t size;
	int r = file_read(profile->dir_fd, PINS_FILE, PINS_MAX_BYTES, &text, &size);
	if (r == -SIS_ERR_NO_INPUT) {
		contacts = json_object();
		r = contacts != NULL ? 0 : -SIS_ERR_NO_MEMORY;
	} else if (r == 0) {
		r = json_parse((struct span){ (uint8_t *)text, size }, PINS_MAX_BYTES, &contacts);
	}
	if (r == 0 && !contacts_are_sound(contacts))
		r = -SIS_ERR_BAD_FORMAT;
	if (r < 0)
		return why_set(why, r, "contacts.json of the profile cannot be read (%s); restore it from a backup", error_text(r));
	*ret_contacts = contacts;
	contacts = NULL;
	return 0;
}

static json_t *contacts_users(const json_t *contacts)
{
	json_t *users = json_object(), *devices;
	const char *user;
	json_object_foreach((json_t *)(uintptr_t)contacts, user, devices)
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

const json_t *pins_json(const struct pins *pins)
{
	return pins->contacts;
}

static bool keys_hold(const json_t *keys, const char *pin)
{
	size_t i;
	json_t *key;
	json_array_foreach(keys, i, key) {
		const char *text = json_string_value(key);
		if (text != NULL && strcmp(text, pin) == 0)
			return true;
	}
	return false;
}

static void contacts_pin(json_t *contacts, const char *user, const char *device, const char *pin)
{
	json_t *devices = json_object_get(contacts, user);
	if (devices == NULL) {
		json_object_set_new(contacts, user, json_object());
		devices = json_object_get(contacts, user);
	}
	json_t *entry = json_object_get(devices, device);
	if (entry == NULL) {
		char now[TIME_TEXT + 1] = "";
		time_encode(time_now(), now);
		json_object_set_new(devices, device, json_pack("{s:[], s:s}", "keys", "first_seen", now));
		entry = json_object_get(devices, device);
	}
	json_t *keys = json_object_get(entry, "keys");
	if (!keys_hold(keys, pin))
		json_array_append_new(keys, json_string(pin));
}

static void contacts_apply(json_t *contacts, const char *user, const char *device, const char *pin, const char *change)
{
	json_t *entry = json_object_get(json_object_get(contacts, user), device);
	if (strcmp(change, "refuse") == 0) {
		if (entry != NULL)
			json_object_set_new(entry, "refused", json_string(pin));
		return;
	}
	/* Another process may have pinned this device since: then the keys that differ are for a person to judge. */
	if (strcmp(change, "pin") == 0 && entry != NULL && !keys_hold(json_object_get(entry, "keys"), pin)) {
		json_object_set_new(entry, "refused", json_string(pin));
		return;
	}
	contacts_pin(contacts, user, device, pin);
	if (strcmp(change, "accept") == 0)
		json_object_del(json_object_get(json_object_get(contacts, user), device), "refused");
}

static void pins_change(struct pins *pins, const char *user, const char *device, const char *pin, const char *change)
{
	contacts_apply(pins->contacts, user, device, pin, change);
	json_array_append_new(pins->changes, json_pack("[ssss]", user, device, pin, change));
}

int pins_check(struct pins *pins, const char *user, const char *device, const struct public_key *key, enum pin_state *ret_state, struct why *why)
{
	char pin[PIN_TEXT];
	int r = 0;
	pin_format(key, pin);
	pthread_mutex_lock(&pins->mutex);
	const json_t *devices = json_object_get(pins->contacts, user), *entry = json_object_get(devices, device);
	bool met = json_object_get(pins->met, user) != NULL;
	enum pin_state state = entry != NULL ? PIN_KNOWN : met ? PIN_NEW_DEVICE : PIN_NEW_CONTACT;
	if (state != PIN_KNOWN) {
		pins_change(pins, user, device, pin, "pin");
	} else if (!keys_hold(json_object_get(entry, "keys"), pin)) {
		pins_change(pins, user, device, pin, "refuse");
		r = why_set(why, -SIS_ERR_PIN_CHANGED, "THE KEY OF %s/%s HAS CHANGED since it was first seen: somebody may be posing as %s; ask %s for the "
		            "fingerprint by another way (theirs is in \"sis whoami\"), compare it with %s, and only then run: sis contacts accept %s",
		            user, device, user, user, pin, user);
	}
	pthread_mutex_unlock(&pins->mutex);
	if (r == 0)
		*ret_state = state;
	return r;
}

int pins_accept(struct pins *pins, const char *user, unsigned *ret_n)
{
	const char *device;
	json_t *entry;
	void *next;
	*ret_n = 0;
	json_t *devices = json_object_get(pins->contacts, user);
	if (devices == NULL)
		return -SIS_ERR_NO_USER;
	json_object_foreach_safe(devices, next, device, entry) {
		CLEANUP_FREE char *pin = NULL;
		const char *refused = json_member_string(entry, "refused");
		if (refused == NULL)
			continue;
		pin = xstrdup(refused);
		pins_change(pins, user, device, pin, "accept");
		++*ret_n;
	}
	return 0;
}

int pins_save(struct pins *pins, struct why *why)
{
	CLEANUP_FD int lock = -1;
	CLEANUP_JSON json_t *contacts = NULL;
	size_t i;
	json_t *change;
	verified_save(pins->verified);
	if (json_array_size(pins->changes) == 0)
		return 0;
	int r = profile_lock(pins->profile, "contacts.lock", &lock);
	if (r == 0)
		r = contacts_read(pins->profile, &contacts, why);
	if (r < 0)
		return r;
	json_array_foreach(pins->changes, i, change) {
		contacts_apply(contacts, json_string_value(json_array_get(change, 0)), json_string_value(json_array_get(change, 1)),
		               json_string_value(json_array_get(change, 2)), json_string_value(json_array_get(change, 3)));
	}
	CLEANUP_FREE char *text = json_print(contacts);
	r = text != NULL ? file_write_atomic(pins->profile->dir_fd, PINS_FILE, text, strlen(text), 0600) : -SIS_ERR_NO_MEMORY;
	if (r < 0)
		return why_set(why, r, "contacts.json of the profile cannot be written: %s", error_text(r));
	json_array_clear(pins->changes);
	return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a person decides about pins: accept, verify, forget, and take over another one's file. */
#include "sis/pins_internal.h"

#include "sis/words.h"

#include <stdio.h>
#include <string.h>

int pins_accept(struct pins *pins, const char *user, const char *only, void (*fn)(const char *device, const char *key, void *arg), void *arg, unsigned *ret_n)
{
	json_t *devices = json_object_get(json_object_get(pins->contacts, user), "devices"), *entry;
	const char *device;
	void *next;
	unsigned n = 0;
	if (devices == NULL)
		return -SIS_ERR_NO_USER;
	pthread_mutex_lock(&pins->mutex);
	json_object_foreach_safe(devices, next, device, entry) {
		const char *refused = json_member_string(entry, "refused");
		CLEANUP_FREE char *pin = refused != NULL ? xstrdup(refused) : NULL;
		if (pin == NULL || (only != NULL && strcmp(pin, only) != 0))
			continue;
		pins_change(pins, CONTACTS_ACCEPT, user, device, pin);
		if (fn != NULL)
			fn(device, pin, arg);
		n++;
	}
	pthread_mutex_unlock(&pins->mutex);
	*ret_n = n;
	return 0;
}

void pins_accept_device(struct pins *pins, const char *user, const char *device, const struct public_key *key)
{
	char pin[PIN_TEXT];
	pin_format(key, pin);
	pthread_mutex_lock(&pins->mutex);
	pins_change(pins, CONTACTS_ACCEPT, user, device, pin);
	pthread_mutex_unlock(&pins->mutex);
}

/* With the lock held: what was pinned before and is not any more. */
static void refuse_rest(struct pins *pins, const char *user, json_t *before, void (*fn)(const char *device, const char *key, void *arg), void *arg)
{
	const char *device;
	json_t *entry, *key;
	size_t i;
	json_object_foreach(before, device, entry) {
		json_array_foreach(json_object_get(entry, "keys"), i, key) {
			if (contacts_has_key(pins->contacts, user, device, json_string_value(key)))
				continue;
			pins_change(pins, CONTACTS_REFUSE, user, device, json_string_value(key));
			if (fn != NULL)
				fn(device, json_string_value(key), arg);
		}
	}
}

/* A server could else show a false device at the first contact, hide it while the words are compared, and bring it back afterwards. */
void pins_keep_compared(struct pins *pins, const char *user, const struct words_device *compared, unsigned n_compared,
                        void (*fn)(const char *device, const char *key, void *arg), void *arg)
{
	pthread_mutex_lock(&pins->mutex);
	CLEANUP_JSON json_t *before = json_deep_copy(json_object_get(json_object_get(pins->contacts, user), "devices"));
	pins_change(pins, CONTACTS_DOUBT, user, "", "");
	for (unsigned i = 0; i < n_compared; i++) {
		char pin[PIN_TEXT];
		pin_format(&compared[i].key, pin);
		pins_change(pins, CONTACTS_ACCEPT, user, compared[i].name, pin);
	}
	refuse_rest(pins, user, before, fn, arg);
	pthread_mutex_unlock(&pins->mutex);
}

int pins_set_verified(struct pins *pins, const char *user, bool verified)
{
	char now[TIME_TEXT + 1] = "";
	int r = json_object_get(pins->contacts, user) == NULL ? -SIS_ERR_NO_USER : verified ? time_encode(time_now(), now) : 0;
	if (r < 0)
		return r;
	pthread_mutex_lock(&pins->mutex);
	pins_change(pins, CONTACTS_VERIFY, user, "", now);
	pthread_mutex_unlock(&pins->mutex);
	return 0;
}

int pins_forget(struct pins *pins, const char *user)
{
	if (json_object_get(pins->contacts, user) == NULL)
		return -SIS_ERR_NO_USER;
	pthread_mutex_lock(&pins->mutex);
	pins_change(pins, CONTACTS_FORGET, user, "", "");
	pthread_mutex_unlock(&pins->mutex);
	return 0;
}

/* ------------------------------------------------ another one's file ------------------------------------------------ */

/* 1: new; 0: known; CONFLICT: we have other keys for this device. */
static int import_device(struct pins *pins, const char *user, const char *device, const json_t *keys)
{
	bool knows_some = contacts_has_keys(pins->contacts, user, device), agrees = false;
	int n = 0;
	size_t i;
	json_t *key;
	json_array_foreach((json_t *)(uintptr_t)keys, i, key)
		agrees |= contacts_has_key(pins->contacts, user, device, json_string_value(key));
	if (knows_some && !agrees && json_array_size(keys) > 0)
		return -SIS_ERR_CONFLICT;
	json_array_foreach((json_t *)(uintptr_t)keys, i, key) {
		if (contacts_has_key(pins->contacts, user, device, json_string_value(key)))
			continue;
		pins_change(pins, CONTACTS_ACCEPT, user, device, json_string_value(key));
		n = 1;
	}
	return n;
}

/* Verified there is what is pinned there: what else was met here is no part of it. */
static void import_verified(struct pins *pins, const char *user, json_t *devices, const char *verified)
{
	CLEANUP_JSON json_t *before = json_deep_copy(json_object_get(json_object_get(pins->contacts, user), "devices"));
	const char *device;
	json_t *entry, *key;
	size_t i;
	pins_change(pins, CONTACTS_DOUBT, user, "", "");
	json_object_foreach(devices, device, entry) {
		json_array_foreach(json_object_get(entry, "keys"), i, key)
			pins_change(pins, CONTACTS_ACCEPT, user, device, json_string_value(key));
	}
	refuse_rest(pins, user, before, NULL, NULL);
	pins_change(pins, CONTACTS_VERIFY, user, "", verified);
}

static unsigned import_contact(struct pins *pins, const char *user, const json_t *contact, void (*fn)(const char *user, const char *device, void *arg),
                               void *arg, unsigned *n_conflicts)
{
	json_t *devices = json_object_get(contact, "devices");
	const char *device, *verified = json_member_string(contact, "verified");
	unsigned n_new = 0, n_bad = 0;
	json_t *entry;
	json_object_foreach(devices, device, entry) {
		int r = import_device(pins, user, device, json_object_get(entry, "keys"));
		if (r < 0 && fn != NULL)
			fn(user, device, arg);
		n_bad += r < 0;
		n_new += r > 0;
	}
	if (verified != NULL && n_bad == 0 && !contacts_is_strict(pins->profile, pins->contacts, user))
		import_verified(pins, user, devices, verified);
	*n_conflicts += n_bad;
	return n_new;
}

int pins_import(struct pins *pins, const json_t *contacts, void (*fn)(const char *user, const char *device, void *arg), void *arg, unsigned *ret_n)
{
	unsigned n = 0, n_conflicts = 0;
	const char *user;
	json_t *contact;
	pthread_mutex_lock(&pins->mutex);
	json_object_foreach((json_t *)(uintptr_t)contacts, user, contact)
		n += import_contact(pins, user, contact, fn, arg, &n_conflicts);
	pthread_mutex_unlock(&pins->mutex);
	*ret_n = n;
	return n_conflicts > 0 ? -SIS_ERR_CONFLICT : 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Reading, changing and writing contacts.json. */
#include "sis/contacts_file.h"

#include <string.h>

#define CONTACTS_FILE "contacts.json"

/* ------------------------------------------------ the two forms ------------------------------------------------ */

static bool keys_are_sound(const json_t *keys)
{
	size_t i;
	json_t *key;
	json_array_foreach((json_t *)(uintptr_t)keys, i, key) {
		if (!json_is_string(key))
			return false;
	}
	return json_is_array(keys);
}

static bool devices_are_sound(const json_t *devices)
{
	const char *device;
	json_t *entry;
	json_object_foreach((json_t *)(uintptr_t)devices, device, entry) {
		if (!name_is_valid(span_from_string(device)) || !keys_are_sound(json_object_get(entry, "keys")))
			return false;
	}
	return json_is_object(devices);
}

/* Our own file, but a person may have edited it, or imports somebody's: only the shape that we write is taken. */
static bool contacts_are_sound(const json_t *contacts)
{
	const char *user;
	json_t *contact;
	int64_t when;
	json_object_foreach((json_t *)(uintptr_t)contacts, user, contact) {
		const json_t *verified = json_object_get(contact, "verified");
		if (!name_is_valid(span_from_string(user)) || !devices_are_sound(json_object_get(contact, "devices")))
			return false;
		if (verified != NULL && (!json_is_string(verified) || time_decode(span_from_string(json_string_value(verified)), &when) < 0))
			return false;
	}
	return json_is_object(contacts);
}

/* The first form had the devices where a contact is now: {USER:{DEVICE:{…}}}. */
static json_t *from_first_form(const json_t *old)
{
	json_t *contacts = json_object(), *devices;
	const char *user;
	json_object_foreach((json_t *)(uintptr_t)old, user, devices)
		json_object_set_new(contacts, user, json_pack("{s:O}", "devices", devices));
	return contacts;
}

int contacts_parse(struct span text, json_t **ret_contacts)
{
	CLEANUP_JSON json_t *json = NULL, *contacts = NULL;
	int r = json_parse(text, CONTACTS_MAX_BYTES, &json);
	if (r < 0)
		return r;
	const json_t *version = json_object_get(json, "version");
	if (!json_is_object(json))
		return -SIS_ERR_BAD_FORMAT;
	if (json_is_integer(version) && json_integer_value(version) != 2)
		return -SIS_ERR_UNKNOWN_SUITE;
	contacts = json_is_integer(version) ? json_incref(json_object_get(json, "contacts")) : from_first_form(json);
	if (!contacts_are_sound(contacts))
		return -SIS_ERR_BAD_FORMAT;
	*ret_contacts = contacts;
	contacts = NULL;
	return 0;
}

int contacts_read(const struct profile *profile, json_t **ret_contacts, struct why *why)
{
	CLEANUP_FREE char *text = NULL;
	size_t size;
	int r = file_read(profile->dir_fd, CONTACTS_FILE, CONTACTS_MAX_BYTES, &text, &size);
	if (r == -SIS_ERR_NO_INPUT) {
		*ret_contacts = json_object();
		return 0;
	}
	if (r == 0)
		r = contacts_parse((struct span){ (uint8_t *)text, size }, ret_contacts);
	return r < 0 ? why_set(why, r, "contacts.json of the profile cannot be read (%s); restore it from a backup", error_text(r)) : 0;
}

int contacts_write(const struct profile *profile, json_t *contacts, struct why *why)
{
	CLEANUP_JSON json_t *json = json_pack("{s:i, s:O}", "version", 2, "contacts", contacts);
	CLEANUP_FREE char *text = json_print(json);
	int r = text != NULL ? file_write_atomic(profile->dir_fd, CONTACTS_FILE, text, strlen(text), 0600) : -SIS_ERR_NO_MEMORY;
	return r < 0 ? why_set(why, r, "contacts.json of the profile cannot be written: %s", error_text(r)) : 0;
}

/* ------------------------------------------------ looking ------------------------------------------------ */

/* NULL: not known. */
static json_t *find_device(const json_t *contacts, const char *user, const char *device)
{
	return json_object_get(json_object_get(json_object_get(contacts, user), "devices"), device);
}

bool contacts_has_key(const json_t *contacts, const char *user, const char *device, const char *key)
{
	size_t i;
	json_t *one;
	json_array_foreach(json_object_get(find_device(contacts, user, device), "keys"), i, one) {
		if (strcmp(json_string_value(one), key) == 0)
			return true;
	}
	return false;
}

bool contacts_has_keys(const json_t *contacts, const char *user, const char *device)
{
	return json_array_size(json_object_get(find_device(contacts, user, device), "keys")) > 0;
}

bool contacts_is_strict(const struct profile *profile, const json_t *contacts, const char *user)
{
	return strcmp(user, profile->user) == 0 || json_object_get(json_object_get(contacts, user), "verified") != NULL;
}

/* ------------------------------------------------ changing ------------------------------------------------ */

static json_t *make_contact(json_t *contacts, const char *user)
{
	if (json_object_get(contacts, user) == NULL)
		json_object_set_new(contacts, user, json_pack("{s:{}}", "devices"));
	return json_object_get(contacts, user);
}

static json_t *make_device(json_t *contacts, const char *user, const char *device)
{
	json_t *devices = json_object_get(make_contact(contacts, user), "devices");
	char now[TIME_TEXT + 1] = "";
	if (json_object_get(devices, device) == NULL) {
		time_encode(time_now(), now);
		json_object_set_new(devices, device, json_pack("{s:[], s:s}", "keys", "first_seen", now));
	}
	return json_object_get(devices, device);
}

static void set_verified(json_t *contact, const char *time)
{
	if (*time != '\0')
		json_object_set_new(contact, "verified", json_string(time));
	else
		json_object_del(contact, "verified");
}

static void add_key(json_t *contacts, const char *user, const char *device, const char *key)
{
	json_t *entry = make_device(contacts, user, device);
	if (!contacts_has_key(contacts, user, device, key))
		json_array_append_new(json_object_get(entry, "keys"), json_string(key));
}

static void drop_keys(json_t *contact)
{
	const char *device;
	json_t *entry;
	json_object_foreach(json_object_get(contact, "devices"), device, entry)
		json_array_clear(json_object_get(entry, "keys"));
}

/* May this key become a device's first one, or is it for a person to judge? */
static bool may_pin(const struct profile *profile, const json_t *contacts, const char *user, const char *device, const char *key)
{
	if (contacts_has_keys(contacts, user, device))
		return contacts_has_key(contacts, user, device, key);
	return !contacts_is_strict(profile, contacts, user);
}

void contacts_apply(const struct profile *profile, json_t *contacts, enum contacts_change change, const char *user, const char *device, const char *key)
{
	if (change == CONTACTS_PIN && !may_pin(profile, contacts, user, device, key))
		change = CONTACTS_REFUSE;
	switch (change) {
	case CONTACTS_PIN:
		add_key(contacts, user, device, key);
		break;
	case CONTACTS_ACCEPT:
		add_key(contacts, user, device, key);
		json_object_del(find_device(contacts, user, device), "refused");
		break;
	case CONTACTS_REFUSE:
		if (!contacts_has_key(contacts, user, device, key))
			json_object_set_new(make_device(contacts, user, device), "refused", json_string(key));
		break;
	case CONTACTS_VERIFY:
		set_verified(make_contact(contacts, user), key);
		break;
	case CONTACTS_DOUBT:
		drop_keys(json_object_get(contacts, user));
		break;
	case CONTACTS_FORGET:
		json_object_del(contacts, user);
		break;
	}
}

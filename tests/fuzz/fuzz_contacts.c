/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Contacts that somebody exported, or made up, and that a person imports: what is taken can be changed in every way, and is taken again. */
#include "sis/contacts_file.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct profile profile = { .user = "alice", .device = "laptop", .dir_fd = -1 };

static void change(json_t *contacts, const char *user, const char *device)
{
	bool was_strict = contacts_is_strict(&profile, contacts, user), had_keys = contacts_has_keys(contacts, user, device);
	bool had_key = contacts_has_key(contacts, user, device, "ed25519:00");
	contacts_apply(&profile, contacts, CONTACTS_PIN, user, device, "ed25519:00");
	/* Not on the server's word: another key of a known device, or a further device of who is verified. */
	if (contacts_has_key(contacts, user, device, "ed25519:00") != (had_key || (!had_keys && !was_strict)))
		abort();
	contacts_apply(&profile, contacts, CONTACTS_REFUSE, user, device, "ed25519:01");
	contacts_apply(&profile, contacts, CONTACTS_ACCEPT, user, device, "ed25519:01");
	if (!contacts_has_key(contacts, user, device, "ed25519:01"))
		abort();
	contacts_apply(&profile, contacts, CONTACTS_VERIFY, user, "", "2026-01-01T00:00:00Z");
	contacts_apply(&profile, contacts, CONTACTS_DOUBT, user, "", "");
	if (contacts_has_keys(contacts, user, device) || !contacts_is_strict(&profile, contacts, user))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP_JSON json_t *contacts = NULL, *again = NULL, *copy = NULL;
	const char *user, *device;
	json_t *contact, *entry;
	if (contacts_parse((struct span){ data, size }, &contacts) < 0)
		return 0;
	copy = json_deep_copy(contacts);
	json_object_foreach(copy, user, contact) {
		json_object_foreach(json_object_get(contact, "devices"), device, entry)
			change(contacts, user, device);
		change(contacts, user, "tablet");
	}
	change(contacts, "zoe", "phone");
	CLEANUP_JSON json_t *file = json_pack("{s:i, s:O}", "version", 2, "contacts", contacts);
	char *text = json_print(file);
	if (text == NULL || contacts_parse(span_from_string(text), &again) < 0)
		abort();
	free(text);
	contacts_apply(&profile, contacts, CONTACTS_FORGET, "zoe", "", "");
	if (json_object_get(json_object_get(json_object_get(contacts, "zoe"), "devices"), "phone") != NULL)
		abort();
	return 0;
}

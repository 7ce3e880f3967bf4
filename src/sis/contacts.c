/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sis contacts: whose keys we have pinned, and accepting one that changed. */
#include "sis/command.h"
#include "sis/output.h"
#include "sis/pins.h"

#include <string.h>

static void show_device(const struct sis *sis, const char *user, const char *device, json_t *entry)
{
	const char *first_seen = json_member_string(entry, "first_seen"), *refused = json_member_string(entry, "refused");
	json_t *keys = json_object_get(entry, "keys"), *key;
	size_t i;
	char safe[200];
	if (sis->json) {
		output_json(json_pack("{s:s, s:s, s:O, s:s*, s:s*}", "user", user, "device", device, "keys", keys, "first_seen", first_seen, "refused", refused));
		return;
	}
	json_array_foreach(keys, i, key) {
		text_for_terminal(span_from_string(json_string_value(key)), safe, sizeof(safe));
		output_line("%-16s %-16s %s", i == 0 ? user : "", i == 0 ? device : "", safe);
	}
	text_for_terminal(span_from_string(refused), safe, sizeof(safe));
	if (refused != NULL)
		output_line("%-16s %-16s %s  REFUSED: accept with \"sis contacts accept %s\" only after you compared it with theirs", "", "", safe, user);
}

static void show_all(const struct sis *sis, const json_t *contacts)
{
	const char *user, *device;
	json_t *devices, *entry;
	json_object_foreach((json_t *)(uintptr_t)contacts, user, devices) {
		json_object_foreach(devices, device, entry)
			show_device(sis, user, device, entry);
	}
}

static int accept_changed(const struct sis *sis, struct pins *pins, const char *user, struct why *why)
{
	unsigned n = 0;
	int r = pins_accept(pins, user, &n);
	if (r < 0)
		return why_set(why, r, "nothing is known of %s; see \"sis contacts\"", user);
	if (n == 0)
		return why_set(why, -SIS_ERR_NO_INPUT, "no changed key of %s waits to be accepted; see \"sis contacts\"", user);
	r = pins_save(pins, why);
	if (r == 0 && sis->json)
		output_json(json_pack("{s:s, s:i}", "user", user, "accepted", (int)n));
	else if (r == 0 && !sis->quiet)
		output_line("%u changed %s of %s accepted", n, n == 1 ? "key" : "keys", user);
	return r;
}

static int run(const struct sis *sis, void *options, char **arguments, unsigned n)
{
	CLEANUP_PROFILE struct profile *profile = NULL;
	CLEANUP_PINS struct pins *pins = NULL;
	struct why why = { "" };
	(void)options;
	if (n != 0 && (n != 2 || strcmp(arguments[0], "accept") != 0))
		return output_usage(sis, "contacts", "say \"sis contacts\" or \"sis contacts accept NAME\"");
	int r = profile_open(sis, &profile, &why);
	if (r == 0)
		r = pins_open(profile, &pins, &why);
	if (r == 0 && n == 2)
		r = accept_changed(sis, pins, arguments[1], &why);
	else if (r == 0)
		show_all(sis, pins_json(pins));
	if (r < 0)
		output_error(sis, NULL, r, &why);
	return output_status(r < 0, 1, r);
}

const struct command command_contacts = {
	"contacts", "[accept NAME]", "whose keys are pinned",
	"Lists the devices that this profile has met and their keys. When a key changes, everything by it is refused until \"sis contacts accept NAME\": say that\n"
	"only after you have compared the new key with what its owner reads to you from \"sis whoami\".",
	NULL, 0, 0, 2, 0, run,
};

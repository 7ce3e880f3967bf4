/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sis contacts: whose keys we have pinned, who is verified, and what a person decides about them. */
#include "sis/contacts.h"

#include "crypto/digest.h"
#include "sis/contacts_file.h"
#include "sis/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct option_row rows[] = {
	{ "yes", 'y', NULL, "verify: the words were compared and are the same", OPTION_FLAG, offsetof(struct contacts_options, yes) },
	{ "code", 0, "TEXT", "verify: compare with TEXT, which the other person's scanner or message gave", OPTION_TEXT, offsetof(struct contacts_options, code) },
	{ "key", 0, "KEY", "accept: this key and no other, the one that was compared", OPTION_TEXT, offsetof(struct contacts_options, key) },
	{ "output", 'o', "FILE", "export: to this file instead of standard output", OPTION_TEXT, offsetof(struct contacts_options, output) },
};

/* ------------------------------------------------ showing ------------------------------------------------ */

static void show_device_json(const char *user, const char *verified, const char *device, json_t *entry)
{
	output_json(json_pack("{s:s, s:s, s:O, s:s*, s:s*, s:s*}", "user", user, "device", device, "keys", json_object_get(entry, "keys"), "first_seen",
	                      json_member_string(entry, "first_seen"), "refused", json_member_string(entry, "refused"), "verified", verified));
}

static void format_time(const char *text, char *ret_text, size_t capacity)
{
	int64_t when;
	if (text != NULL && time_decode(span_from_string(text), &when) == 0)
		output_time(when, ret_text, capacity);
	else
		text_for_terminal(span_from_string("?"), ret_text, capacity);
}

static void show_device(const char *user, const char *device, json_t *entry)
{
	const char *refused = json_member_string(entry, "refused");
	char safe[200], since[32];
	size_t i;
	json_t *key;
	format_time(json_member_string(entry, "first_seen"), since, sizeof(since));
	json_array_foreach(json_object_get(entry, "keys"), i, key) {
		text_for_terminal(span_from_string(json_string_value(key)), safe, sizeof(safe));
		output_line("  %-16s %s  since %s", i == 0 ? device : "", safe, since);
	}
	text_for_terminal(span_from_string(refused), safe, sizeof(safe));
	if (refused != NULL)
		output_line("  %-16s %s  %s%s%s: run \"sis contacts accept %s --key %s\" only after you compared it with theirs", device, safe, STYLED(STYLE_BAD, "REFUSED"), user, safe);
}

static void show_contact(const struct sis *sis, const struct profile *profile, const char *user, json_t *contact)
{
	const char *device, *verified = json_member_string(contact, "verified");
	json_t *entry;
	char since[32];
	format_time(verified, since, sizeof(since));
	bool is_self = strcmp(user, profile->user) == 0, is_verified = !is_self && verified != NULL;
	if (!sis->json)
		output_line("%s: %s%s%s%s", user, STYLED(is_verified ? STYLE_OK : STYLE_END, is_self ? "you" : is_verified ? "verified since " : "not verified"),
		            is_verified ? since : "");
	json_object_foreach(json_object_get(contact, "devices"), device, entry) {
		if (sis->json)
			show_device_json(user, verified, device, entry);
		else
			show_device(user, device, entry);
	}
}

static int name_compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int show_all(const struct contacts_visit *visit, struct why *why)
{
	const json_t *contacts = pins_json(visit->pins);
	CLEANUP_FREE const char **users = xcalloc(json_object_size(contacts) + 1, sizeof(*users));
	const char *user;
	json_t *contact;
	size_t n = 0;
	(void)why;
	json_object_foreach((json_t *)(uintptr_t)contacts, user, contact)
		users[n++] = user;
	qsort(users, n, sizeof(*users), name_compare);
	for (size_t i = 0; i < n; i++)
		show_contact(visit->sis, visit->profile, users[i], json_object_get(contacts, users[i]));
	return 0;
}

/* ------------------------------------------------ deciding ------------------------------------------------ */

static int say_unknown(struct why *why, int error, const char *user)
{
	return why_set(why, error, "nothing is known of %s; see \"sis contacts\"", user);
}

static void tell_accepted(const char *device, const char *key, void *arg)
{
	const struct contacts_visit *visit = arg;
	char safe[200];
	text_for_terminal(span_from_string(key), safe, sizeof(safe));
	if (!visit->sis->json && !visit->sis->quiet)
		output_line("%s/%s accepted: %s", visit->subject, device, safe);
}

static int accept_refused(const struct contacts_visit *visit, struct why *why)
{
	unsigned n = 0;
	int r = pins_accept(visit->pins, visit->subject, visit->options->key, tell_accepted, (void *)(uintptr_t)visit, &n);
	if (r < 0)
		return say_unknown(why, r, visit->subject);
	if (n == 0)
		return why_set(why, -SIS_ERR_NO_INPUT, "no changed or further key of %s waits to be accepted%s; see \"sis contacts\"", visit->subject,
		               visit->options->key != NULL ? " that is the one given with --key" : "");
	if (visit->sis->json)
		output_json(json_pack("{s:s, s:i}", "user", visit->subject, "accepted", (int)n));
	return 0;
}

static int forget(const struct contacts_visit *visit, struct why *why)
{
	int r = pins_forget(visit->pins, visit->subject);
	if (r < 0)
		return say_unknown(why, r, visit->subject);
	r = pins_save(visit->pins, why);
	if (r < 0)
		return r;
	if (visit->sis->json)
		output_json(json_pack("{s:s, s:b}", "user", visit->subject, "forgotten", 1));
	else if (!visit->sis->quiet)
		output_line("%s is forgotten: the next keys that are seen of them will be taken as they come", visit->subject);
	return 0;
}

/* ------------------------------------------------ files ------------------------------------------------ */

static void authority_text(const struct profile *profile, char ret_text[2 * DIGEST_BYTES + 1])
{
	uint8_t fingerprint[FINGERPRINT_BYTES];
	certificate_fingerprint(authorities_newest((struct span){ profile->ca.data, profile->ca.size }), fingerprint);
	hex_encode(fingerprint, sizeof(fingerprint), ret_text);
}

static int export_pins(const struct contacts_visit *visit, struct why *why)
{
	const char *path = visit->options->output;
	char authority[2 * DIGEST_BYTES + 1];
	authority_text(visit->profile, authority);
	CLEANUP_JSON json_t *json = json_pack("{s:i, s:s, s:s, s:O}", "version", 2, "authority", authority, "user", visit->profile->user, "contacts",
	                                      pins_json(visit->pins));
	CLEANUP_FREE char *text = json_print(json);
	if (path == NULL || strcmp(path, "-") == 0) {
		output_line("%s", text);
		return 0;
	}
	CLEANUP_FD int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int r = fd < 0 ? error_from_errno(errno) : fd_write_all(fd, text, strlen(text));
	if (r < 0 && fd >= 0)
		unlink(path);
	return r < 0 ? why_set(why, r, "%s cannot be written: %s", path, error_text(r)) : 0;
}

static void tell_conflict(const char *user, const char *device, void *arg)
{
	const struct contacts_visit *visit = arg;
	output_warning(visit->sis, "%s/%s has another key in that file than the one pinned here, which stays: ask %s which is right", user, device, user);
}

/* Users of one server are not those of another, whatever their names. */
static int check_authority(const struct profile *profile, struct span text, struct why *why)
{
	CLEANUP_JSON json_t *json = NULL;
	uint8_t fingerprint[FINGERPRINT_BYTES];
	if (json_parse(text, CONTACTS_MAX_BYTES, &json) < 0)
		return 0;
	const char *theirs = json_member_string(json, "authority");
	if (theirs == NULL || (hex_decode(span_from_string(theirs), fingerprint, sizeof(fingerprint)) == 0 &&
	                       authorities_find((struct span){ profile->ca.data, profile->ca.size }, fingerprint, NULL)))
		return 0;
	return why_set(why, -SIS_ERR_MISMATCH, "these are contacts on another server; nothing was taken");
}

static int import_pins(const struct contacts_visit *visit, struct why *why)
{
	CLEANUP_FREE char *text = NULL;
	CLEANUP_JSON json_t *contacts = NULL;
	size_t size = 0;
	unsigned n = 0;
	int r = file_read(AT_FDCWD, strcmp(visit->subject, "-") == 0 ? "/dev/stdin" : visit->subject, CONTACTS_MAX_BYTES, &text, &size);
	struct span span = { (const uint8_t *)text, size };
	if (r == 0)
		r = contacts_parse(span, &contacts);
	if (r < 0)
		return why_set(why, r, "cannot be read as exported contacts: %s", error_text(r));
	r = check_authority(visit->profile, span, why);
	if (r < 0)
		return r;
	r = pins_import(visit->pins, contacts, tell_conflict, (void *)(uintptr_t)visit, &n);
	if (visit->sis->json)
		output_json(json_pack("{s:i, s:b}", "imported", (int)n, "conflicts", r == -SIS_ERR_CONFLICT));
	else if (!visit->sis->quiet)
		output_line("%u %s imported", n, n == 1 ? "key" : "keys");
	return r == -SIS_ERR_CONFLICT ? why_set(why, r, "some keys differ from those pinned here") : r;
}

/* ------------------------------------------------ the command ------------------------------------------------ */

static const struct {
	const char *word;
	bool has_subject;
	int (*run)(const struct contacts_visit *visit, struct why *why);
} words[] = {
	{ "verify", true, contacts_verify }, { "accept", true, accept_refused }, { "forget", true, forget }, { "export", false, export_pins },
	{ "import", true, import_pins },
};

static int run_word(struct contacts_visit *visit, int (*act)(const struct contacts_visit *visit, struct why *why))
{
	struct why why = { "" };
	int r = profile_open(visit->sis, &visit->profile, &why);
	if (r == 0)
		r = pins_open(visit->profile, &visit->pins, &why);
	if (r == 0)
		r = act(visit, &why);
	int saved = visit->pins != NULL ? pins_save(visit->pins, &why) : 0;
	if (r == 0)
		r = saved;
	if (r < 0)
		output_error(visit->sis, visit->subject, r, &why);
	pins_free(visit->pins);
	profile_free(visit->profile);
	/* Some of what a file held was taken. */
	return r == -SIS_ERR_CONFLICT ? 1 : output_status(r < 0, 1, r);
}

static int run(const struct sis *sis, void *options, char **arguments, unsigned n)
{
	struct contacts_visit visit = { .sis = sis, .options = options, .subject = n > 1 ? arguments[1] : NULL };
	if (n == 0)
		return run_word(&visit, show_all);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcmp(arguments[0], words[i].word) == 0 && (n == 2) == words[i].has_subject)
			return run_word(&visit, words[i].run);
	}
	return output_usage(sis, "contacts", "say \"sis contacts\", \"sis contacts verify|accept|forget NAME\", or \"sis contacts export\" and \"import FILE\"");
}

const struct command command_contacts = {
	"contacts", "[verify|accept|forget NAME | export | import FILE]", "whose keys are pinned, and who is verified",
	"Lists the devices that this profile has met and their keys. \"verify\" shows the same words here and, with \"sis contacts verify YOU\", at NAME's: compare\n"
	"them over another way, and from then on a further device of NAME is refused unless one of theirs vouches for it. \"accept\" takes the keys that were\n"
	"refused: say that only after you have compared them with what their owner reads to you from \"sis whoami\", and with --key, so that no other is taken.",
	rows, ARRAY_SIZE(rows), 0, 2, sizeof(struct contacts_options), run,
};

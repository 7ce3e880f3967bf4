/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sis contacts verify: both people see the same words when each takes exactly the other's own devices for theirs. */
#include "sis/contacts.h"
#include "sis/output.h"
#include "sis/people.h"
#include "sis/qr.h"
#include "sis/terminal.h"
#include "sis/words.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINES_BESIDE_CODE 8

struct row { const char *user; struct words words; struct words_device *devices; unsigned n_devices; };

/* Ourselves: what is approved here, this device first of all. Of others everything that is live has to be pinned, and is, when it comes for the first
 * time. */
static int take_device(const struct contacts_visit *visit, const char *user, const struct people_device *device, struct words_device *ret_device,
                       struct why *why)
{
	bool is_own = strcmp(user, visit->profile->user) == 0 && strcmp(device->name, visit->profile->device) != 0;
	bool is_further = !pins_has_device(visit->pins, user, device->name);
	struct why further = { "" };
	enum pin_state state;
	int r = pins_check(visit->pins, user, device->name, &device->facts.public_key, NULL, &state, is_own && is_further ? &further : why);
	if (r == -SIS_ERR_PIN_CHANGED && is_own && is_further) {
		output_warning(visit->sis, "%s; until then the words leave it out, and differ from those that others see", further.text);
		return -SIS_ERR_AGAIN;
	}
	if (r < 0)
		return r;
	if (state == PIN_NEW_DEVICE)
		people_tell_new_device(visit->sis, user, device->name, &device->facts.public_key);
	memcpy(ret_device->name, device->name, sizeof(ret_device->name));
	ret_device->key = device->facts.public_key;
	return 0;
}

static int make_row(const struct contacts_visit *visit, struct session *session, const char *user, struct row *ret_row, struct why *why)
{
	CLEANUP_FREE struct people_device *listed = NULL;
	unsigned n_listed = 0, n = 0;
	int r = people_list(visit->sis, session, visit->pins, user, &listed, &n_listed, why);
	if (r < 0)
		return r;
	struct words_device *devices = ret_row->devices = xcalloc(n_listed + 1, sizeof(*devices));
	for (unsigned i = 0; i < n_listed; i++) {
		r = take_device(visit, user, &listed[i], &devices[n], why);
		if (r < 0 && r != -SIS_ERR_AGAIN)
			return r;
		n += r == 0;
	}
	if (n == 0)
		return why_set(why, -SIS_ERR_NO_KEY, "%s has no device yet; ask %s to enroll one", user, user);
	ret_row->user = user;
	ret_row->n_devices = n;
	words_make(authorities_newest((struct span){ visit->profile->ca.data, visit->profile->ca.size }), user, devices, n, &ret_row->words);
	return 0;
}

static json_t *row_json(const struct row *row)
{
	json_t *array = json_array();
	for (unsigned i = 0; i < WORDS_EACH; i++)
		json_array_append_new(array, json_string(row->words.word[i]));
	return array;
}

static void show_row(const struct row *row)
{
	const char *const *word = row->words.word;
	output_line("  %-16s %s %s %s %s %s %s", row->user, word[0], word[1], word[2], word[3], word[4], word[5]);
}

static void show_code(const char *text)
{
	char capitals[WORDS_TEXT];
	size_t i = 0;
	for (; text[i] != '\0'; i++)
		capitals[i] = (char)toupper((unsigned char)text[i]);
	capitals[i] = '\0';
	qr_show(capitals, LINES_BESIDE_CODE);
}

/* 1: the same; 0: not said; MISMATCH: not the same. */
static int judge(const struct contacts_visit *visit, const char *words, struct why *why)
{
	char question[160];
	bool yes = false;
	if (visit->options->code != NULL && !words_match(visit->options->code, words))
		return why_set(why, -SIS_ERR_MISMATCH, "THE WORDS ARE NOT THE SAME: somebody may stand between you and %s; share nothing that matters before you know why "
		               "(a device that one of you has not approved, or keys that were put in their place)", visit->subject);
	if (visit->options->code != NULL || visit->options->yes)
		return 1;
	if (visit->sis->json || !isatty(STDIN_FILENO))
		return 0;
	snprintf(question, sizeof(question), "Does %s see the same words with \"sis contacts verify %s\"? [y/N] ", visit->subject, visit->profile->user);
	int r = terminal_ask_yes(question, &yes, why);
	return r < 0 ? r : yes;
}

static void show(const struct contacts_visit *visit, const struct row rows[2], const char *words, bool verified)
{
	if (visit->sis->json)
		output_json(json_pack("{s:s, s:{s:o, s:o}, s:s, s:b}", "user", visit->subject, "words", rows[0].user, row_json(&rows[0]), rows[1].user,
		                      row_json(&rows[1]), "code", words, "verified", verified || pins_is_strict(visit->pins, visit->subject)));
	else if (verified && !visit->sis->quiet)
		output_line("%s is verified: a further device of theirs is refused unless one of theirs vouches for it", visit->subject);
	else if (!verified && pins_is_strict(visit->pins, visit->subject))
		output_line("%s was verified before; if they see other words than these, say so with --code", visit->subject);
	else if (!verified)
		output_line("%s is not verified; compare the words with them, by telephone or face to face, and say it with --yes or --code", visit->subject);
}

/* Not saying yes takes nothing back: only other words do. */
static void tell_doubted(const char *device, const char *key, void *arg)
{
	const struct contacts_visit *visit = arg;
	output_warning(visit->sis, "%s/%s with the key %s was NOT AMONG WHAT YOU COMPARED, and counts no more; if %s says that it was theirs: sis contacts accept %s --key %s",
	               visit->subject, device, key, visit->subject, visit->subject, key);
}

static int remember(const struct contacts_visit *visit, const struct row *row, bool verified)
{
	/* Not saying yes takes nothing back: only other words do. */
	if (!verified)
		return 0;
	pins_keep_compared(visit->pins, visit->subject, row->devices, row->n_devices, tell_doubted, (void *)(uintptr_t)visit);
	return pins_set_verified(visit->pins, visit->subject, true);
}

static int compare(const struct contacts_visit *visit, struct row rows[2], bool is_first, struct why *why)
{
	CLEANUP_SESSION struct session *session = NULL;
	char text[WORDS_TEXT];
	int r = session_open(visit->profile, &session);
	if (r == 0)
		r = make_row(visit, session, visit->subject, &rows[is_first], why);
	if (r == 0)
		r = make_row(visit, session, visit->profile->user, &rows[!is_first], why);
	if (r < 0)
		return r;
	words_join((const struct words[2]){ rows[0].words, rows[1].words }, text);
	if (!visit->sis->json) {
		show_row(&rows[0]);
		show_row(&rows[1]);
		show_code(text);
	}
	int verified = judge(visit, text, why);
	if (verified < 0) {
		if (verified == -SIS_ERR_MISMATCH)
			(void)pins_set_verified(visit->pins, visit->subject, false);
		return verified;
	}
	show(visit, rows, text, verified == 1);
	return remember(visit, &rows[is_first], verified == 1);
}

int contacts_verify(const struct contacts_visit *visit, struct why *why)
{
	struct row rows[2] = { 0 };
	if (strcmp(visit->profile->user, visit->subject) == 0)
		return why_set(why, -SIS_ERR_USAGE, "that is you; your own devices are approved with \"sis devices approve\"");
	/* Half of it, or something else from the clipboard, is no alarm. */
	const char *code = visit->options->code;
	if (code != NULL && words_count(code) != 2 * WORDS_EACH)
		return why_set(why, -SIS_ERR_USAGE, "--code takes all %u words, yours and those of %s, and these are %u; nothing was compared", 2 * WORDS_EACH,
		               visit->subject, words_count(code));
	int r = compare(visit, rows, strcmp(visit->profile->user, visit->subject) < 0, why);
	free(rows[0].devices);
	free(rows[1].devices);
	return r;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sis devices: one's own devices, as the server tells them and as far as it can prove them; and, when asked, how much each of them can read. */
#include "sis/devices.h"

#include "format/item.h"
#include "sis/introductions.h"
#include "sis/listing.h"
#include "sis/output.h"
#include "sis/visit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEVICES_MAX 256u
#define DEVICES_MAX_BYTES (4u << 20)

struct device_row {
	char name[NAME_MAX_TEXT + 1], pin[PIN_TEXT];
	const char *enrolled;                   /* in the answer */
	struct certificate facts;
	uint8_t key[32];                        /* X25519 */
	const char *state;                      /* "ok", or what is wrong in a word or two */
	char words[480];                        /* what is wrong, for people */
	bool is_this;
	uint64_t n_readable;
};

struct device_list {
	struct device_row *rows;
	unsigned n;
	bool counted;
	uint64_t n_items;
	const struct profile *profile;
};

static void row_complain(struct device_row *row, const char *state, const char *words)
{
	row->state = state;
	snprintf(row->words, sizeof(row->words), "%s", words);
}

/* The key statement under which others seal for it. */
static int check_key(const struct profile *profile, struct device_row *row, const char *text)
{
	struct key_statement statement;
	struct span span = span_from_string(text);
	if (text == NULL || key_statement_parse(span, &statement, NULL) < 0 || strcmp(statement.user, profile->user) != 0 ||
	    strcmp(statement.device, row->name) != 0 || memcmp(statement.certificate, row->facts.fingerprint, FINGERPRINT_BYTES) != 0)
		return -SIS_ERR_NO_KEY;
	memcpy(row->key, statement.key, sizeof(row->key));
	return key_statement_verify(span, &statement, &row->facts.public_key);
}

static int check_certificate(const struct profile *profile, struct device_row *row, const char *pem)
{
	CLEANUP_BLOB struct blob der = { 0 };
	int r = pem != NULL ? certificate_from_pem(span_from_string(pem), &der) : -SIS_ERR_BAD_FORMAT;
	struct span span = { der.data, der.size };
	if (r == 0)
		r = certificate_parse(span, &row->facts);
	if (r == 0)
		r = certificate_verify(span, (struct span){ profile->ca.data, profile->ca.size }, row->facts.not_before);
	return r == 0 && (strcmp(row->facts.user, profile->user) != 0 || strcmp(row->facts.device, row->name) != 0) ? -SIS_ERR_MISMATCH : r;
}

static void row_check(struct visit *visit, const json_t *json, struct device_row *row)
{
	const struct profile *profile = visit->profile;
	enum pin_state pin_state;
	struct why why = { "" };
	row->state = "ok";
	if (check_certificate(profile, row, json_member_string(json, "certificate")) < 0) {
		row_complain(row, "untrusted", "its certificate does not hold; tell the administrator");
		return;
	}
	pin_format(&row->facts.public_key, row->pin);
	row->is_this = strcmp(row->name, profile->device) == 0;
	int r = check_key(profile, row, json_member_string(json, "key"));
	if (r == -SIS_ERR_NO_KEY)
		row_complain(row, "no key", "no encryption key is published under its certificate: nobody can share with it; run \"sis renew\" there");
	else if (r < 0)
		row_complain(row, "untrusted", "its encryption key is not signed by it; tell the administrator");
	if (row->facts.not_after <= time_now())
		row_complain(row, "expired", "its certificate has expired; enroll it again with a new invite");
	if (!row->is_this && !pins_has_device(visit->pins, profile->user, row->name))
		introductions_ask(visit->acceptor.introductions, profile->user);
	bool is_pinned = row->is_this || pins_has_device(visit->pins, profile->user, row->name);
	r = pins_check(visit->pins, profile->user, row->name, &row->facts.public_key, NULL, &pin_state, &why);
	if (r < 0)
		row_complain(row, is_pinned ? "refused" : "not approved", why_text(&why, r));
}

static int list_read(struct visit *visit, const json_t *answer, struct device_list *list, struct why *why)
{
	const json_t *devices = json_object_get(answer, "devices");
	size_t i;
	json_t *json;
	if (!json_is_array(devices) || json_array_size(devices) > DEVICES_MAX)
		return why_set(why, -SIS_ERR_PROTOCOL, "the server's list of your devices is malformed");
	list->rows = xcalloc(json_array_size(devices) + 1, sizeof(*list->rows));
	json_array_foreach((json_t *)(uintptr_t)devices, i, json) {
		const char *name = json_member_string(json, "device"), *enrolled = json_member_string(json, "enrolled");
		int64_t ignored;
		if (name == NULL || !name_is_valid(span_from_string(name)) || enrolled == NULL || time_decode(span_from_string(enrolled), &ignored) < 0)
			return why_set(why, -SIS_ERR_PROTOCOL, "the server's list of your devices is malformed");
		struct device_row *row = &list->rows[list->n++];
		strcpy(row->name, name);
		row->enrolled = enrolled;
		row_check(visit, json, row);
	}
	return 0;
}

/* ------------------------------------------------ what they can read ------------------------------------------------ */

static bool grant_is_for(const json_t *text, const struct device_list *list, const struct device_row *row)
{
	struct grant grant;
	return json_is_string(text) && grant_parse(span_from_string(json_string_value(text)), &grant, NULL) == 0 &&
	       strcmp(grant.recipient, list->profile->user) == 0 && strcmp(grant.device, row->name) == 0 && memcmp(grant.key, row->key, sizeof(row->key)) == 0;
}

static void count_item(const json_t *item, struct device_list *list)
{
	const json_t *grants = json_object_get(item, "grants");
	list->n_items++;
	for (unsigned i = 0; i < list->n; i++) {
		bool found = false;
		for (size_t j = 0; j < json_array_size(grants) && !found; j++)
			found = grant_is_for(json_array_get(grants, j), list, &list->rows[i]);
		list->rows[i].n_readable += found;
	}
}

static int count_items(struct session *session, struct device_list *list, struct why *why)
{
	struct listing listing = { .session = session };
	while (!listing.is_over) {
		CLEANUP_JSON json_t *items = NULL;
		size_t i;
		json_t *item;
		int r = listing_next(&listing, LISTING_PAGE_MAX, &items, why);
		if (r < 0)
			return r;
		json_array_foreach(items, i, item)
			count_item(item, list);
	}
	list->counted = true;
	return 0;
}

/* ------------------------------------------------ showing ------------------------------------------------ */

static void show_json(const struct device_list *list, const struct device_row *row)
{
	char until[TIME_TEXT + 1] = "";
	time_encode(row->facts.not_after, until);
	json_t *json = json_pack("{s:s, s:b, s:s, s:s, s:s, s:s, s:s*}", "device", row->name, "this", (int)row->is_this, "state", row->state, "enrolled",
	                         row->enrolled, "not_after", until, "key", row->pin, "detail", row->words[0] != '\0' ? row->words : NULL);
	if (json != NULL && list->counted) {
		json_object_set_new(json, "items", json_integer((json_int_t)list->n_items));
		json_object_set_new(json, "readable", json_integer((json_int_t)row->n_readable));
	}
	output_json(json);
}

static void show_words(const struct device_list *list, const struct device_row *row)
{
	char enrolled[32] = "", until[32];
	int64_t time = 0;
	time_decode(span_from_string(row->enrolled), &time);
	output_time(time, enrolled, sizeof(enrolled));
	output_time(row->facts.not_after, until, sizeof(until));
	output_line("%s%s%s%s\n  enrolled     %s\n  certificate  until %s\n  key          %s", STYLED(STYLE_ID, row->name), row->is_this ? "  (this device)" : "", enrolled,
	            until, row->pin);
	if (list->counted && row->n_readable == list->n_items)
		output_line("  can read     all %llu items", (unsigned long long)list->n_items);
	else if (list->counted)
		output_line("  can read     %llu of %llu items; for the others say \"sis devices approve %s\" on a device that can", (unsigned long long)row->n_readable,
		            (unsigned long long)list->n_items, row->name);
	if (row->words[0] != '\0')
		output_line("  %s%s%s", STYLED(STYLE_BAD, row->words));
}

static int list_fetch(const struct sis *sis, const struct devices_options *options, struct visit *visit, struct why *why)
{
	CLEANUP_JSON json_t *answer = NULL;
	struct device_list list = { .profile = visit->profile };
	char target[80];
	snprintf(target, sizeof(target), "/v1/users/%s", visit->profile->user);
	int r = session_get_json(visit->session, target, DEVICES_MAX_BYTES, &answer, why);
	if (r == 0)
		r = list_read(visit, answer, &list, why);
	if (r == 0 && options->verify)
		r = count_items(visit->session, &list, why);
	for (unsigned i = 0; i < list.n && r == 0; i++)
		(sis->json ? show_json : show_words)(&list, &list.rows[i]);
	free(list.rows);
	return r;
}

int devices_list(const struct sis *sis, const struct devices_options *options)
{
	CLEANUP_VISIT struct visit visit = { 0 };
	struct why why = { "" };
	int r = visit_begin(sis, &visit, &why);
	if (r == 0)
		r = list_fetch(sis, options, &visit, &why);
	r = visit_end(sis, &visit, r, &why);
	return output_status(r < 0, 1, r);
}

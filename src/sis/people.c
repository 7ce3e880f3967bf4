/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The live devices of a user. */
#include "sis/people.h"

#include "sis/output.h"
#include "sis/people_reading.h"
#include "sis/verified.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PERSON_MAX_BYTES (1u << 20)
#define DEVICES_MAX 256u

void person_free(struct person *person)
{
	free(person->devices);
	*person = (struct person){ 0 };
}

/* The chain, unless it held a short while ago; the times always. */
static int certificate_check_chain(const struct profile *profile, struct verified *verified, struct span der, const struct certificate *facts)
{
	int64_t now = time_now();
	if (now < facts->not_before || now > facts->not_after)
		return -SIS_ERR_EXPIRED;
	if (verified_knows(verified, VERIFIED_CERTIFICATE_NOW, facts->fingerprint, (struct span){ 0 }))
		return 0;
	int r = certificate_verify(der, (struct span){ profile->ca.data, profile->ca.size }, now);
	if (r == 0)
		verified_add(verified, VERIFIED_CERTIFICATE_NOW, facts->fingerprint, (struct span){ 0 });
	return r;
}

static int device_check_certificate(const struct profile *profile, struct verified *verified, const char *user, const char *device, const char *pem,
                                    struct certificate *ret_facts, struct why *why)
{
	CLEANUP_BLOB struct blob der = { 0 };
	int r = certificate_from_pem(span_from_string(pem), &der);
	struct span span = { der.data, der.size };
	if (r == 0)
		r = certificate_parse(span, ret_facts);
	if (r == 0)
		r = certificate_check_chain(profile, verified, span, ret_facts);
	if (r < 0)
		return why_set(why, r, "the server gave a certificate for %s that does not hold: %s", user, error_text(r));
	if (strcmp(ret_facts->user, user) != 0 || strcmp(ret_facts->device, device) != 0)
		return why_set(why, -SIS_ERR_MISMATCH, "the server gave somebody else's certificate for %s", user);
	return 0;
}

/* A key statement for an older certificate of the device counts as none: its owner has yet to publish a new one. */
static int device_check_key(struct verified *verified, const char *user, const char *device, const char *text, const struct certificate *facts, struct person_device *ret_device,
                            struct why *why)
{
	struct key_statement statement;
	struct span span = span_from_string(text);
	int r = key_statement_parse(span, &statement, NULL);
	if (r == 0 && (strcmp(statement.user, user) != 0 || strcmp(statement.device, device) != 0))
		r = -SIS_ERR_MISMATCH;
	if (r == 0 && memcmp(statement.certificate, facts->fingerprint, sizeof(statement.certificate)) != 0)
		return -SIS_ERR_NO_KEY;
	if (r == 0 && !verified_knows(verified, VERIFIED_KEY, facts->fingerprint, span)) {
		r = key_statement_verify(span, &statement, &facts->public_key);
		if (r == 0)
			verified_add(verified, VERIFIED_KEY, facts->fingerprint, span);
	}
	if (r < 0)
		return why_set(why, r, "the server gave an encryption key for %s/%s that the device did not sign", user, device);
	snprintf(ret_device->name, sizeof(ret_device->name), "%s", device);
	memcpy(ret_device->fingerprint, facts->fingerprint, sizeof(ret_device->fingerprint));
	memcpy(ret_device->key, statement.key, sizeof(ret_device->key));
	ret_device->signing_key = facts->public_key;
	return 0;
}

void people_tell_new_device(const struct sis *sis, const char *user, const char *device, const struct public_key *key)
{
	char pin[PIN_TEXT];
	pin_format(key, pin);
	output_warning(sis, "%s has a new device \"%s\" with key %s; if %s does not know of it, tell the administrator", user, device, pin, user);
}

static int list_device(const struct reading *reading, const json_t *json, struct listed *ret_device, struct why *why)
{
	const char *device = json_member_string(json, "device"), *pem = json_member_string(json, "certificate");
	struct listed listed = { .key_statement = json_member_string(json, "key"), .endorsements = json_object_get(json, "endorsements") };
	if (device == NULL || pem == NULL || !name_is_valid(span_from_string(device)))
		return why_set(why, -SIS_ERR_PROTOCOL, "the server's list of the devices of %s is malformed", reading->user);
	snprintf(listed.name, sizeof(listed.name), "%s", device);
	int r = device_check_certificate(reading->profile, pins_verified(reading->pins), reading->user, device, pem, &listed.facts, why);
	if (r == 0 && reading->session != NULL)
		r = pins_check_revocation(reading->pins, reading->session, &listed.facts, why);
	if (r == 0)
		*ret_device = listed;
	return r;
}

static int list_devices(struct reading *reading, const json_t *json, struct why *why)
{
	const json_t *devices = json_object_get(json, "devices");
	const char *name = json_member_string(json, "user");
	size_t i;
	json_t *device;
	if (!json_is_array(devices) || name == NULL || strcmp(name, reading->user) != 0 || json_array_size(devices) > DEVICES_MAX)
		return why_set(why, -SIS_ERR_PROTOCOL, "the server's answer about %s is malformed", reading->user);
	reading->device = xcalloc(json_array_size(devices) + 1, sizeof(*reading->device));
	json_array_foreach((json_t *)(uintptr_t)devices, i, device) {
		int r = list_device(reading, device, &reading->device[reading->n], why);
		if (r < 0)
			return r;
		reading->n++;
	}
	return 0;
}

/* ------------------------------------------------ a person ------------------------------------------------ */

/* Our own further devices are left out until they are approved: what we share must not wait for that, and must not reach them before. */
static int check_pin(const struct reading *reading, const struct listed *device, struct why *why)
{
	bool is_further = !pins_has_device(reading->pins, reading->user, device->name), is_own = strcmp(reading->user, reading->profile->user) == 0;
	struct why own_why = { "" };
	enum pin_state state;
	int r = pins_check(reading->pins, reading->user, device->name, &device->facts.public_key, NULL, &state, is_own ? &own_why : why);
	if (r == 0 && state == PIN_NEW_DEVICE)
		people_tell_new_device(reading->sis, reading->user, device->name, &device->facts.public_key);
	if (r == -SIS_ERR_PIN_CHANGED && is_own && is_further && strcmp(device->name, reading->profile->device) != 0) {
		output_warning(reading->sis, "%s; until then it gets nothing", own_why.text);
		return -SIS_ERR_NO_KEY;
	}
	return r < 0 && is_own ? why_set(why, r, "%s", own_why.text) : r;
}

static int read_devices(const struct reading *reading, struct person *person, struct why *why)
{
	for (unsigned i = 0; i < reading->n; i++) {
		const struct listed *device = &reading->device[i];
		int r = check_pin(reading, device, why);
		if (r == 0)
			r = device->key_statement == NULL ? -SIS_ERR_NO_KEY : device_check_key(pins_verified(reading->pins), reading->user, device->name,
			                                    device->key_statement, &device->facts, &person->devices[person->n_devices], why);
		if (r < 0 && r != -SIS_ERR_NO_KEY)
			return r;
		person->n_devices += r == 0;
	}
	if (person->n_devices == 0)
		return why_set(why, -SIS_ERR_NO_KEY, "%s has no device that can receive; ask %s to enroll one", person->user, person->user);
	return 0;
}

static int read_person(struct reading *reading, const json_t *json, struct person *ret_person, struct why *why)
{
	struct person person = { 0 };
	int r = list_devices(reading, json, why);
	if (r == 0) {
		people_take_vouched(reading);
		person.devices = xcalloc(reading->n + 1, sizeof(*person.devices));
		snprintf(person.user, sizeof(person.user), "%s", reading->user);
		r = read_devices(reading, &person, why);
	}
	free(reading->device);
	if (r < 0)
		person_free(&person);
	else
		*ret_person = person;
	return r;
}

int people_read(const struct sis *sis, struct session *session, const struct profile *profile, struct pins *pins, const char *user, const json_t *json,
                struct person *ret_person, struct why *why)
{
	struct reading reading = { .sis = sis, .session = session, .profile = profile, .pins = pins, .user = user };
	return read_person(&reading, json, ret_person, why);
}

static int ask(struct session *session, const char *user, const char *query, json_t **ret_json, struct why *why)
{
	char target[80];
	if (!name_is_valid(span_from_string(user)))
		return why_set(why, -SIS_ERR_BAD_NAME, "\"%s\" is not a valid user name: 1 to 32 of a-z 0-9 . _ -", user);
	snprintf(target, sizeof(target), "/v1/users/%s%s", user, query);
	int r = session_get_json(session, target, PERSON_MAX_BYTES, ret_json, why);
	if (r == -SIS_ERR_NO_USER || r == -SIS_ERR_NO_ITEM)
		return why_set(why, -SIS_ERR_NO_USER, "there is no user %s on this server; check the name", user);
	return r;
}

int people_fetch(const struct sis *sis, struct session *session, struct pins *pins, const char *user, struct person *ret_person, struct why *why)
{
	CLEANUP_JSON json_t *json = NULL;
	int r = ask(session, user, "", &json, why);
	return r == 0 ? people_read(sis, session, session_profile(session), pins, user, json, ret_person, why) : r;
}

int people_fetch_with_self(const struct sis *sis, struct session *session, struct pins *pins, const char *user, struct person *ret_person,
                           struct person *ret_self, struct why *why)
{
	const struct profile *profile = session_profile(session);
	CLEANUP_JSON json_t *json = NULL;
	struct person person;
	int r = ask(session, user, "?include=self", &json, why);
	if (r == 0)
		r = people_read(sis, session, profile, pins, user, json, &person, why);
	if (r < 0)
		return r;
	const json_t *self = json_object_get(json, "self");
	if (self != NULL)
		r = people_read(sis, session, profile, pins, profile->user, self, ret_self, why);
	if (r < 0)
		person_free(&person);
	else
		*ret_person = person;
	return r;
}

int people_list(const struct sis *sis, struct session *session, struct pins *pins, const char *user, struct people_device **ret_devices, unsigned *ret_n,
                struct why *why)
{
	struct reading reading = { .sis = sis, .session = session, .profile = session_profile(session), .pins = pins, .user = user };
	CLEANUP_JSON json_t *json = NULL;
	int r = ask(session, user, "", &json, why);
	if (r == 0)
		r = list_devices(&reading, json, why);
	if (r == 0) {
		people_take_vouched(&reading);
		*ret_devices = xcalloc(reading.n + 1, sizeof(**ret_devices));
		*ret_n = reading.n;
		for (unsigned i = 0; i < reading.n; i++) {
			memcpy((*ret_devices)[i].name, reading.device[i].name, sizeof((*ret_devices)[i].name));
			(*ret_devices)[i].facts = reading.device[i].facts;
		}
	}
	free(reading.device);
	return r;
}

int people_fetch_own_device(const struct sis *sis, struct session *session, struct pins *pins, const char *name, struct person_device *ret_device,
                            struct why *why)
{
	const struct profile *profile = session_profile(session);
	struct reading reading = { .sis = sis, .session = session, .profile = profile, .pins = pins, .user = profile->user };
	CLEANUP_JSON json_t *json = NULL;
	int r = ask(session, profile->user, "", &json, why);
	if (r == 0)
		r = list_devices(&reading, json, why);
	const struct listed *found = NULL;
	for (unsigned i = 0; r == 0 && i < reading.n; i++) {
		if (strcmp(reading.device[i].name, name) == 0 && reading.device[i].key_statement != NULL)
			found = &reading.device[i];
	}
	if (r == 0 && found == NULL)
		r = why_set(why, -SIS_ERR_NO_KEY, "no live device of yours is called \"%s\", or it has published no key yet; enroll it first", name);
	if (r == 0)
		r = device_check_key(pins_verified(pins), profile->user, name, found->key_statement, &found->facts, ret_device, why);
	free(reading.device);
	return r;
}

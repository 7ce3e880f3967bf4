/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Devices that others of the same person vouch for: the server's authority has no say in it. */
#include "sis/output.h"
#include "sis/people_reading.h"
#include "sis/verified.h"

#include <string.h>

#define ENDORSEMENTS_MAX 64u            /* looked at, of one device: a hostile server must not keep us busy */

static bool keys_equal(const struct public_key *a, const struct public_key *b)
{
	return a->algorithm == b->algorithm && memcmp(a->bytes, b->bytes, public_key_size(a->algorithm)) == 0;
}

/* The device of this person, live and pinned, whose key this is. */
static const struct listed *find_pinned(const struct reading *reading, const struct public_key *key)
{
	for (unsigned i = 0; i < reading->n; i++) {
		const struct listed *device = &reading->device[i];
		if (keys_equal(&device->facts.public_key, key) && pins_knows(reading->pins, reading->user, device->name, key))
			return device;
	}
	return NULL;
}

static bool endorsement_holds(const struct reading *reading, struct span text, const struct endorsement *endorsement)
{
	struct verified *verified = pins_verified(reading->pins);
	uint8_t endorser[DIGEST_BYTES];
	digest_sha256(endorsement->endorser.bytes, public_key_size(endorsement->endorser.algorithm), endorser);
	if (verified_knows(verified, VERIFIED_ENDORSEMENT, endorser, text))
		return true;
	if (endorsement_verify(text, endorsement) < 0)
		return false;
	verified_add(verified, VERIFIED_ENDORSEMENT, endorser, text);
	return true;
}

/* An endorsement counts when a device that we have pinned, and that the server still tells as live, signed for exactly this key. */
static const char *find_voucher(const struct reading *reading, const struct listed *device)
{
	size_t n = json_array_size(device->endorsements);
	for (size_t i = 0; i < n && i < ENDORSEMENTS_MAX; i++) {
		const char *string = json_string_value(json_array_get(device->endorsements, i));
		struct span text = span_from_string(string);
		struct endorsement endorsement;
		if (string == NULL || endorsement_parse(text, &endorsement, NULL) < 0 || strcmp(endorsement.user, reading->user) != 0 ||
		    strcmp(endorsement.device, device->name) != 0 || !keys_equal(&endorsement.key, &device->facts.public_key))
			continue;
		const struct listed *endorser = find_pinned(reading, &endorsement.endorser);
		if (endorser != NULL && endorsement_holds(reading, text, &endorsement))
			return endorser->name;
	}
	return NULL;
}

static bool take_one_vouched(const struct reading *reading)
{
	for (unsigned i = 0; i < reading->n; i++) {
		const struct listed *device = &reading->device[i];
		enum pin_state state;
		const char *voucher = pins_has_device(reading->pins, reading->user, device->name) ? NULL : find_voucher(reading, device);
		if (voucher == NULL || pins_check(reading->pins, reading->user, device->name, &device->facts.public_key, voucher, &state, NULL) < 0)
			continue;
		if (state == PIN_VOUCHED && strcmp(reading->user, reading->profile->user) == 0)
			output_warning(reading->sis, "you have a new device \"%s\", which your \"%s\" vouches for", device->name, voucher);
		else if (state == PIN_VOUCHED)
			output_warning(reading->sis, "%s has a new device \"%s\", which their \"%s\" vouches for", reading->user, device->name, voucher);
		return true;
	}
	return false;
}

/* Who was vouched for may vouch in turn. */
void people_take_vouched(const struct reading *reading)
{
	for (unsigned i = 0; i < reading->n && take_one_vouched(reading); i++)
		;
}

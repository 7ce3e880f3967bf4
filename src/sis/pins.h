/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What we have seen of each contact: the signing keys of their devices (contacts.json). The first key of a device is kept; another one for the same
 * device is refused until the person says `sis contacts accept NAME`. So a server that swaps a key is seen. Thread-safe. */
#pragma once

#include "base/json.h"
#include "sis/profile.h"

struct pins;
struct verified;

int pins_open(const struct profile *profile, struct pins **ret_pins, struct why *why);
void pins_free(struct pins *pins);
void pins_freep(struct pins **pins);
#define CLEANUP_PINS __attribute__((cleanup(pins_freep)))

/* NEW_CONTACT: a device of somebody who was not known before this command. */
enum pin_state { PIN_KNOWN, PIN_NEW_CONTACT, PIN_NEW_DEVICE };
/* Looks, and remembers what is new. PIN_CHANGED (remembered as refused) with what to do in why. */
int pins_check(struct pins *pins, const char *user, const char *device, const struct public_key *key, enum pin_state *ret_state, struct why *why);
/* Writes what is new, under a lock, merged with what other processes wrote meanwhile. Nothing to do when nothing is new. */
int pins_save(struct pins *pins, struct why *why);
/* Takes every refused key of the user into the pins; *ret_n says how many. Saved with pins_save. */
int pins_accept(struct pins *pins, const char *user, unsigned *ret_n);
struct verified *pins_verified(struct pins *pins);     /* what held before; saved with the pins */
/* {"bob":{"phone":{"keys":["ed25519:HEX",...],"first_seen":TIME,"refused":KEY}}}; borrowed. */
const json_t *pins_json(const struct pins *pins);

#define PIN_TEXT 80
void pin_format(const struct public_key *key, char ret_text[PIN_TEXT]);                 /* "ed25519:" + SHA-256 in hex */

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What we have seen of each contact: the signing keys of their devices (contacts.json). Of somebody new, whatever comes first is kept. Another key for a
 * device is refused until the person says `sis contacts accept NAME`; and so is a further device of somebody verified, or of ourselves, unless a device
 * that is pinned vouches for it. So a server that swaps a key, or adds a device, is seen. Thread-safe. */
#pragma once

#include "base/json.h"
#include "sis/profile.h"

struct pins;
struct verified;
struct session;

int pins_open(const struct profile *profile, struct pins **ret_pins, struct why *why);
void pins_free(struct pins *pins);
void pins_freep(struct pins **pins);
#define CLEANUP_PINS __attribute__((cleanup(pins_freep)))

/* NEW_CONTACT: a device of somebody who was not known before this command. VOUCHED: a new device for which a pinned one vouches. */
enum pin_state { PIN_KNOWN, PIN_NEW_CONTACT, PIN_NEW_DEVICE, PIN_VOUCHED };
/* Looks, and remembers what is new. voucher: the pinned device of the same user that vouches for it (the caller has checked that), or NULL.
 * PIN_CHANGED (remembered as refused) with what to do in why. */
int pins_check(struct pins *pins, const char *user, const char *device, const struct public_key *key, const char *voucher, enum pin_state *ret_state,
               struct why *why);
/* Writes what is new, under a lock, merged with what other processes wrote meanwhile. Nothing to do when nothing is new. */
int pins_save(struct pins *pins, struct why *why);

bool pins_knows(struct pins *pins, const char *user, const char *device, const struct public_key *key);        /* exactly this key is pinned */
bool pins_has_device(struct pins *pins, const char *user, const char *device);                                 /* some key is */
/* Is a further device of this person refused? */
bool pins_is_strict(struct pins *pins, const char *user);
/* "verified" (ourselves, too), "known", or "new": met by this command. */
const char *pins_contact(struct pins *pins, const char *user);

/* What a person decides; saved with pins_save. NO_USER: nothing is known of them. */
/* Takes the refused keys of the user into the pins, or (only not NULL) this one of them; fn (NULL allowed) hears of each; *ret_n says how many. */
int pins_accept(struct pins *pins, const char *user, const char *only, void (*fn)(const char *device, const char *key, void *arg), void *arg, unsigned *ret_n);
void pins_accept_device(struct pins *pins, const char *user, const char *device, const struct public_key *key);
/* Before somebody is set verified: only what was compared stays pinned. fn (NULL allowed) hears of each key that is refused from now on. */
struct words_device;
void pins_keep_compared(struct pins *pins, const char *user, const struct words_device *compared, unsigned n_compared,
                        void (*fn)(const char *device, const char *key, void *arg), void *arg);
int pins_set_verified(struct pins *pins, const char *user, bool verified);
int pins_forget(struct pins *pins, const char *user);
/* Adds what another contacts.json knows. fn hears of each device with another key than ours, which stays as it is. *ret_n: keys that were new. */
int pins_import(struct pins *pins, const json_t *contacts, void (*fn)(const char *user, const char *device, void *arg), void *arg, unsigned *ret_n);

struct verified *pins_verified(struct pins *pins);     /* what held before; saved with the pins */
/* REVOKED when the authority's list names the certificate of this user; the list is at most ten minutes old. */
int pins_check_revocation(struct pins *pins, struct session *session, const struct certificate *facts, struct why *why);
/* {"bob":{"verified":TIME,"devices":{"phone":{"keys":["ed25519:HEX",...],"first_seen":TIME,"refused":KEY}}}}; borrowed. */
const json_t *pins_json(const struct pins *pins);

#define PIN_TEXT 80
void pin_format(const struct public_key *key, char ret_text[PIN_TEXT]);                 /* "ed25519:" + SHA-256 in hex */

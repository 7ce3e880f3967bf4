/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A new certificate before the old one ends: when the person asks for it, and by itself at two thirds of its life. */
#pragma once

#include "sis/profile.h"

/* Gets a certificate for the same key, or a new one, and writes it; the profile in memory has it, too. */
int renewal_renew(struct profile *profile, bool new_key, struct why *why);
/* Publishes the encryption key under the certificate. Until that has worked, the profile remembers that it must. */
int renewal_publish(const struct profile *profile, struct why *why);
/* Before a new certificate is in force, and after the key is published under it: whatever ends this process in between, a later one publishes. */
int renewal_mark_unpublished(const struct profile *profile);
void renewal_mark_published(const struct profile *profile);
/* Waits for whoever renews just now. */
int renewal_lock(const struct profile *profile, int *ret_fd, struct why *why);
bool renewal_is_due(const struct certificate *facts, int64_t now);

/* From then on, renewals that are due are made by this process: main.c says so. */
void renewal_allow(const struct sis *sis);
/* After a session that worked: renews on disk what is due, once in a run and in an hour. Never fails: says what it did on standard error. */
void renewal_after_session(const struct profile *profile);
/* For commands that run on for days, from any thread, as often as they like: once an hour it does the same. The profile in memory stays as it is: what is
 * asked (session_call) and signed (renewal_fingerprint) later is with what is on the disk. */
void renewal_tick(const struct profile *profile);
/* What to sign as: the certificate that is the newest now, though this process began with another one for the same key. */
void renewal_fingerprint(const struct profile *profile, uint8_t ret_fingerprint[FINGERPRINT_BYTES]);
/* Is a newer certificate for the same key on the disk? */
bool renewal_find_newer(const struct profile *profile, struct blob *ret_der, struct certificate *ret_facts);

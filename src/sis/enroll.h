/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What enrolling and renewing share. */
#pragma once

#include "sis/invite.h"
#include "sis/session.h"

/* Posts a CSR for key to an EST path; checks that what comes back is a certificate by the CA for this key and user. extra: one more
 * request header, or NULL. */
int enroll_request(struct http_client *client, const char *path, const struct http_client_header *extra, const struct profile *profile,
                   const struct signing_key *key, struct blob *ret_certificate, struct why *why);
/* Publishes the profile's encryption key, signed by its certificate's key. */
int enroll_publish_key(struct http_client *client, const struct profile *profile, struct why *why);
/* A client for the profile; with_certificate: as the device. */
int enroll_client(const struct profile *profile, const uint8_t ca_fingerprint[FINGERPRINT_BYTES], bool with_certificate, struct http_client **ret_client);

/* enroll_meet.c: the authority is checked before anything secret is sent, by the handshake, and here once more, on what the handshake found. old: whose keys
 * or past these are, or NULL: MISMATCH when its authorities do not lead to the invite's. */
int enroll_meet(struct http_client *client, const struct invite *invite, const struct profile *old, struct profile *profile, struct why *why);

/* enroll_certify.c: a certificate for an invite, in profile, with the keys that it is for. old: whose keys or past these are; may be NULL for a new one only.
 * The errors are the server's (EXISTS, CONFLICT: it does not certify that device again), those of enroll_meet, and PROTOCOL. */
int enroll_check_old(const struct profile *old, const struct invite *invite, struct why *why);        /* MISMATCH: the invite is for another user */
/* As the device that old is, with its keys; when it fails, the profile has the name of before. */
int enroll_certify_old(const struct invite *invite, struct profile *profile, const struct profile *old, struct why *why);
/* With new keys; password: NULL for the invite's code. The old one's key goes on reading what was granted to it. */
int enroll_certify_new(const struct invite *invite, const char *password, struct profile *profile, const struct profile *old, struct why *why);
/* By a recovery page; device: the name that was asked for, or NULL. */
int enroll_certify_recovered(const char *device, const struct invite *invite, struct profile *profile, const struct profile *old, struct why *why);

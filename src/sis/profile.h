/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A profile: one server and who we are there. The layout of the home is in ARCHITECTURE.md. */
#pragma once

#include "base/json.h"
#include "base/secret.h"
#include "pki/pki.h"
#include "sis/sis.h"

#define HOST_MAX_TEXT 253

/* The encryption key of a device that we were, by a recovery file: what was granted to it is still ours to read. */
struct former_key { char device[NAME_MAX_TEXT + 1]; struct secret32 key; };
#define FORMER_KEYS_MAX 64u

struct profile {
	int dir_fd;
	char host[HOST_MAX_TEXT + 1], port[6];
	char user[NAME_MAX_TEXT + 1], device[NAME_MAX_TEXT + 1];
	struct blob ca, certificate;            /* DER; the authorities (authorities.h) are a set, which may grow */
	size_t ca_capacity;                     /* bytes that ca has room for; 0: it does not grow */
	struct certificate facts;               /* of our certificate */
	struct signing_key key;
	struct secret32 encryption_key;         /* X25519 */
	struct former_key *former;              /* malloc'd */
	unsigned n_former;
	char *passphrase;                       /* as typed, NULL when the keys are in the clear; wiped on free */
};

/* Opens the profile that the options name. NO_INPUT when there is none (enroll first), BAD_LOGIN on a wrong passphrase. */
int profile_open(const struct sis *sis, struct profile **ret_profile, struct why *why);
/* Its directory alone, and where that is (profile_home.c). */
int profile_open_directory(const struct sis *sis, int *ret_fd, char **ret_path, struct why *why);
/* Whose the profile is that the options name, without its keys. */
int profile_peek_user(const struct sis *sis, char ret_user[NAME_MAX_TEXT + 1]);
void profile_free(struct profile *profile);
void profile_freep(struct profile **profile);
#define CLEANUP_PROFILE __attribute__((cleanup(profile_freep)))
/* Keeps the key of a device that we were, in memory; one of that name that is there stays when it is the same, else CONFLICT. TOO_MANY. */
int profile_add_former(struct profile *profile, const char *device, const struct secret32 *key);

/* profile_home.c: the directory that holds all profiles (made if need be, 0700), and the name of the one that the options ask for (a valid name or BAD_NAME). */
int profile_open_home(const struct sis *sis, int *ret_dir_fd, char **ret_path, struct why *why);
int profile_name(const struct sis *sis, const char **ret_name, struct why *why);
/* Server, user and device, as profile.json and a recovery page name them; false when one is missing or malformed. */
bool profile_take_names(struct profile *profile, const json_t *json);
/* Writes every file of a profile into the open directory; dir_fd of the profile is ignored. */
int profile_write(const struct profile *profile, int dir_fd, const char *passphrase);
/* Before a certificate is asked for: proves that the profile can take one, and keeps the key that it is to be for, when that is a new one. Whatever happens
 * then, the key that the server may have certified is not lost. */
#define PROFILE_NEXT_KEY "device.key.next"
int profile_prepare_certificate(const struct profile *profile, const struct signing_key *key, struct why *why);
/* Replaces the certificate, and the key (the prepared one) when it is not NULL: a crash in between is mended at the next profile_open. */
int profile_replace_certificate(const struct profile *profile, const struct signing_key *key, struct span certificate, struct why *why);

/* device.pem as it is now: another process may have renewed it. */
int profile_load_certificate(const struct profile *profile, struct blob *ret_der);

/* profile_ticket.c: the TLS ticket: empty when there is none. Losing or failing to write it costs one full handshake, so errors are not told. */
struct secret *profile_load_ticket(const struct profile *profile, int64_t *ret_age_s);
void profile_save_ticket(const struct profile *profile, const struct secret *ticket);
/* A file (0600) that may be lost: replaced in one step, not flushed to the disk; errors are not told. */
void profile_write_quick(const struct profile *profile, const char *name, struct span data);

/* flock(2) on a file of the profile, across processes: held until the descriptor is closed. */
int profile_lock(const struct profile *profile, const char *name, int *ret_fd);
/* "host:port" or "[::1]:port" apart; false when it is neither. */
bool address_parse(const char *text, char ret_host[HOST_MAX_TEXT + 1], char ret_port[6]);
char *address_print(const char *host, const char *port);       /* and together; owned */

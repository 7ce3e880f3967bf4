/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a recovery page holds: a profile's keys, certificates and memory of contacts, as JSON (sis-item(5), RECOVERY PAGE), under a passphrase. */
#pragma once

#include "base/json.h"
#include "sis/profile.h"
#include "sis/recovery_page.h"

struct recovery {
	struct profile *profile;                /* dir_fd -1: nowhere on disk */
	json_t *files;                          /* {"contacts.json": TEXT, …}: to be written beside the keys */
};
#define CLEANUP_RECOVERY __attribute__((cleanup(recovery_close)))
void recovery_close(struct recovery *recovery);

/* The whole page of an open profile. */
int recovery_make(const struct profile *profile, const char *passphrase, unsigned cost, struct blob *ret_text, struct why *why);
/* Reads the page in path, "-" being standard input. */
int recovery_load(const char *path, struct blob *ret_sealed, char ret_subject[RECOVERY_FOR_TEXT], struct why *why);
/* BAD_LOGIN on a wrong passphrase (or an altered page: nobody can tell which). Everything is checked as at profile_open. */
int recovery_open(struct span sealed, const char *passphrase, struct recovery *ret_recovery, struct why *why);
/* Both, asking for the passphrase on the terminal. */
int recovery_ask(const char *path, struct recovery *ret_recovery, struct why *why);
/* recovery_contents.c; same_device: with its chain of statements, which a new device begins anew. */
int recovery_write_files(const struct recovery *recovery, int dir_fd, bool same_device, struct why *why);

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What was listed or watched lately, for completion: ids, owners and names, in the profile's file "recent", so that a key press needs no network. Not kept
 * at all when the keys are under a passphrase: the names are what it protects. It may be lost, and is never believed for anything else. */
#pragma once

#include "sis/profile.h"

#include "base/json.h"

#define RECENT_MAX 200u

struct recent { json_t *items; };

void recent_add(struct recent *recent, uint64_t sequence, const char *id, const char *owner, const char *name);
/* What is kept from before and not older than the oldest that was added has gone in the meantime. Errors are not told. Frees what was added. */
void recent_save(const struct profile *profile, struct recent *recent);
/* Newest first: [{"sequence","item","owner","name"}…]; NULL when there is none. */
json_t *recent_load(int profile_dir_fd);

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A restore under way. */
#pragma once

#include "sisctl/sisctl.h"
#include "sisctl/snapshot.h"

#include <sys/types.h>

#define NOBODY ((uid_t)-1)

struct restore {
	const char *from, *state_dir, *keys;
	int from_fd, state_fd, lock_fd;
	uid_t ledger, signer;
	gid_t group;
	json_t *about;
	uint64_t n_items, bytes;
	bool has_keys;
	char at[SNAPSHOT_PATH_MAX];
};

/* restore_files.c: every file, compared with its digest, with its owner and mode; and the marks. */
int  restore_all(struct restore *restore);

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The worker's sandbox: it may read the database and the objects, and open nothing else. */
#include "worker/confine.h"

#include "base/error.h"
#include "base/util.h"
#include "sandbox/sandbox.h"

#include <stdio.h>

int confine_worker(const char *state_dir, uid_t uid, gid_t gid, char *ret_words, size_t capacity, bool *ret_weak)
{
	CLEANUP_FREE char *database = xasprintf("%s/db", state_dir), *objects = xasprintf("%s/objects", state_dir);
	const struct sandbox_path paths[] = { { database, false }, { objects, false } };
	const struct sandbox_profile profile = {
		.role = ROLE_WORKER, .paths = paths, .n_paths = ARRAY_SIZE(paths), .uid = uid, .gid = gid, .open_files = true,
	};
	return sandbox_enter(&profile, ret_words, capacity, ret_weak);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Confinement of a role, entered once after start and before the first byte from outside: no new privileges, not dumpable, rlimits, user id,
 * Landlock, seccomp. What could not be had is told, never silently skipped. */
#pragma once

#include "ipc/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* First statement of every role's main(): PR_SET_DUMPABLE 0, RLIMIT_CORE 0, PR_SET_NO_NEW_PRIVS, umask 077, closes descriptors above `keep`. */
void sandbox_begin(int keep_fds_below);

/* Root goes on with the rights of the files' owner and group alone, as the master does from its first moment: what it can read at its start, it can read
 * at every reload, with systemd's sandbox and without. */
void sandbox_forgo_files(void);

/* Only the user id, and no capabilities any more, for what a role must read or make as itself before sandbox_enter(), which is called with the same ids then.
 * (uid_t)-1: stays. SYSTEM when it cannot be changed: then the role must end. */
int sandbox_become(uid_t uid, gid_t gid);

struct sandbox_path { const char *path; bool write; };  /* a directory or file beneath which reading (or also writing) is allowed */

struct sandbox_profile {
	enum role role;                 /* selects rlimits and the seccomp list */
	const struct sandbox_path *paths;
	size_t n_paths;
	uid_t uid; gid_t gid;           /* (uid_t)-1: stay (started unprivileged) */
	bool open_files;                /* false: no path may be opened at all */
};

/* ret_words (at least 256 bytes): "uid 991, landlock abi 4, seccomp 71 calls, no new privileges"; *ret_weak tells whether anything is missing.
 * SYSTEM only when the user id cannot be changed: then the role must end. */
int sandbox_enter(const struct sandbox_profile *profile, char *ret_words, size_t capacity, bool *ret_weak);

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The layers that sandbox_enter() puts on, one after the other. */
#pragma once

#include "sandbox/sandbox.h"

/* identity.c. Whether the process ends up with an id that only this role has; -SYSTEM when the change fails or could be taken back. */
int identity_change(uid_t uid, gid_t gid, bool *ret_own);
/* keep is a mask of 1 << CAP_.... Limit goes before the change of id, because it needs CAP_SETPCAP (without which there is nothing that could be
 * regained, thanks to no_new_privs); drop goes after it. */
void identity_limit_capabilities(uint64_t keep);
int identity_drop_capabilities(uint64_t keep);

/* landlock.c. Prepare opens the paths while the role still may; enforce takes the ruleset's descriptor. *ret_abi is the kernel's version, 0 when
 * there is none; *ret_missing names the first path that does not exist, or is NULL. */
int landlock_prepare(const struct sandbox_profile *profile, int *ret_ruleset_fd, int *ret_abi, const char **ret_missing);
int landlock_enforce(int ruleset_fd);

/* seccomp.c. *ret_n_calls: system calls that are allowed, or for the master: that are not. */
int seccomp_enforce(const struct sandbox_profile *profile, unsigned *ret_n_calls);

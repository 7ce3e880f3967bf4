/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A file of its own, because the test's compromised worker (tests/hostile) must sit in the very same sandbox. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

int confine_worker(const char *state_dir, uid_t uid, gid_t gid, char *ret_words, size_t capacity, bool *ret_weak);

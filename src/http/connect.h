/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Waiting and connecting with a deadline and a cancel flag: what is below TLS in the client. */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* Waits until fd has one of the poll events. deadline_ns on time_monotonic_ns. 0, TIMEOUT, INTERRUPTED, SYSTEM. */
int connect_wait(int fd, short events, uint64_t deadline_ns, const atomic_bool *cancelled);
/* Tries every address of the name in order. A non-blocking socket without Nagle's delay. ret_words (always terminated) says what failed.
 * UNAVAILABLE, TIMEOUT, INTERRUPTED. */
int connect_open(const char *host, const char *port, uint64_t deadline_ns, const atomic_bool *cancelled, int *ret_fd, char *ret_words, size_t capacity);

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012): for tables whose keys strangers choose, so that nobody who does not know the
 * process's random key can choose keys that share a place. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SIPHASH_KEY_BYTES 16

/* key: random, the process's own. */
uint64_t siphash(const uint8_t key[SIPHASH_KEY_BYTES], const void *data, size_t size);

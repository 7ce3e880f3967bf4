/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The PROXY protocol, version 2 (HAProxy, "The PROXY protocol", section 2.2): what a balancer says of whom it connects. Version 1 is refused. */
#pragma once

#include "base/cursor.h"

#include <stdbool.h>
#include <sys/socket.h>

#define PROXY_START_BYTES 16            /* signature, command, family, length */
#define PROXY_MAX_BYTES (16 + 2048)     /* addresses and what is said besides; a client's certificate name is the longest that balancers send */

/* How long the whole header is, from its first PROXY_START_BYTES. BAD_FORMAT: this is none; UNKNOWN_SUITE: it is of version 1; TOO_LARGE. */
int proxy_size(const uint8_t start[PROXY_START_BYTES], size_t *ret_size);
/* A whole header. *ret_announced is false when the balancer speaks for itself (LOCAL) or names no address; *ret_address is then untouched.
 * BAD_FORMAT; BAD_ROOT when its checksum does not hold. */
int proxy_parse(struct span header, bool *ret_announced, struct sockaddr_storage *ret_address);

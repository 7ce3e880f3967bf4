/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Network addresses and prefixes as configurations name them. IPv4 is held as IPv6's ::ffff:a.b.c.d (RFC 4291, section 2.5.5.2), so that an address is the same
 * whichever kind of socket it came by. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define ADDRESS_BYTES 16
#define PREFIX_LIST_MAX 16

struct prefix { uint8_t address[ADDRESS_BYTES]; unsigned bits; };
struct prefix_list { unsigned n; struct prefix item[PREFIX_LIST_MAX]; };

/* Of AF_INET and AF_INET6; false for anything else. */
bool address_from_socket(const struct sockaddr *address, uint8_t ret_address[ADDRESS_BYTES]);
bool address_is_v4(const uint8_t address[ADDRESS_BYTES]);

/* "192.0.2.1", "10.0.0.0/8", "2001:db8::/32". BAD_FORMAT; MISMATCH when the address has bits set beyond its length. */
int prefix_parse(const char *text, struct prefix *ret_prefix);
/* One a line. As prefix_parse; TOO_LARGE. */
int prefix_list_parse(const char *lines, struct prefix_list *ret_list);
bool prefix_list_holds(const struct prefix_list *list, const uint8_t address[ADDRESS_BYTES]);

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Addresses and prefixes. */
#include "base/prefix.h"

#include "base/cursor.h"
#include "base/error.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#define V4_BITS 32
#define V6_BITS 128
#define PREFIX_TEXT_MAX (INET6_ADDRSTRLEN + 4)

static const uint8_t v4_start[12] = { [10] = 0xff, [11] = 0xff };

bool address_from_socket(const struct sockaddr *address, uint8_t ret_address[ADDRESS_BYTES])
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	if (address->sa_family == AF_INET) {
		memcpy(&in, address, sizeof(in));
		memcpy(ret_address, v4_start, sizeof(v4_start));
		memcpy(ret_address + sizeof(v4_start), &in.sin_addr, 4);
	} else if (address->sa_family == AF_INET6) {
		memcpy(&in6, address, sizeof(in6));
		memcpy(ret_address, &in6.sin6_addr, ADDRESS_BYTES);
	} else {
		return false;
	}
	return true;
}

bool address_is_v4(const uint8_t address[ADDRESS_BYTES])
{
	return memcmp(address, v4_start, sizeof(v4_start)) == 0;
}

static bool address_parse(const char *text, uint8_t ret_address[ADDRESS_BYTES], unsigned *ret_bits)
{
	uint8_t v4[4];
	*ret_bits = V6_BITS;
	if (inet_pton(AF_INET6, text, ret_address) == 1)
		return true;
	if (inet_pton(AF_INET, text, v4) != 1)
		return false;
	memcpy(ret_address, v4_start, sizeof(v4_start));
	memcpy(ret_address + sizeof(v4_start), v4, sizeof(v4));
	*ret_bits = V4_BITS;
	return true;
}

static bool bits_agree(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;
	return memcmp(a, b, whole) == 0 && (rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0);
}

static bool bits_end(const struct prefix *prefix)
{
	for (unsigned bit = prefix->bits; bit < V6_BITS; bit++)
		if ((prefix->address[bit / 8] >> (7 - bit % 8) & 1) != 0)
			return false;
	return true;
}

int prefix_parse(const char *text, struct prefix *ret_prefix)
{
	char host[PREFIX_TEXT_MAX];
	struct prefix prefix;
	unsigned family_bits;
	uint64_t bits;
	size_t size = strcspn(text, "/");
	if (!span_to_string((struct span){ (const uint8_t *)text, size }, host, sizeof(host)) || !address_parse(host, prefix.address, &family_bits))
		return -SIS_ERR_BAD_FORMAT;
	bits = family_bits;
	if (text[size] == '/' && !span_to_u64(span_from_string(text + size + 1), family_bits, &bits))
		return -SIS_ERR_BAD_FORMAT;
	prefix.bits = V6_BITS - family_bits + (unsigned)bits;
	if (!bits_end(&prefix))
		return -SIS_ERR_MISMATCH;
	*ret_prefix = prefix;
	return 0;
}

int prefix_list_parse(const char *lines, struct prefix_list *ret_list)
{
	struct prefix_list list = { 0 };
	while (*lines != '\0') {
		char line[PREFIX_TEXT_MAX];
		size_t size = strcspn(lines, "\n");
		if (list.n == PREFIX_LIST_MAX)
			return -SIS_ERR_TOO_LARGE;
		if (!span_to_string((struct span){ (const uint8_t *)lines, size }, line, sizeof(line)))
			return -SIS_ERR_BAD_FORMAT;
		int error = prefix_parse(line, &list.item[list.n++]);
		if (error < 0)
			return error;
		lines += size + (lines[size] == '\n');
	}
	*ret_list = list;
	return 0;
}

bool prefix_list_holds(const struct prefix_list *list, const uint8_t address[ADDRESS_BYTES])
{
	for (unsigned i = 0; i < list->n; i++)
		if (bits_agree(list->item[i].address, address, list->item[i].bits))
			return true;
	return false;
}

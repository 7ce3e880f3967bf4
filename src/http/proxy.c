/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * PROXY protocol version 2: a bounded, strict reader of one header. */
#include "http/proxy.h"

#include "base/error.h"

#include <netinet/in.h>
#include <string.h>

#define COMMAND_LOCAL 0x20
#define COMMAND_PROXY 0x21
#define FAMILY_NONE 0x00
#define FAMILY_TCP4 0x11
#define FAMILY_TCP6 0x21
#define TYPE_CRC32C 0x03
#define CRC32C_BYTES 4

static const uint8_t signature[12] = { 0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a };

int proxy_size(const uint8_t start[PROXY_START_BYTES], size_t *ret_size)
{
	if (memcmp(start, "PROXY ", 6) == 0)
		return -SIS_ERR_UNKNOWN_SUITE;
	if (memcmp(start, signature, sizeof(signature)) != 0)
		return -SIS_ERR_BAD_FORMAT;
	size_t size = PROXY_START_BYTES + ((size_t)start[14] << 8 | start[15]);
	if (size > PROXY_MAX_BYTES)
		return -SIS_ERR_TOO_LARGE;
	*ret_size = size;
	return 0;
}

/* ------------------------------------------------ the checksum ------------------------------------------------ */

/* Castagnoli's polynomial, reflected (RFC 9260, appendix A). Bytes at hole, CRC32C_BYTES of them, count as zero. */
static uint32_t crc32c(struct span data, const uint8_t *hole)
{
	uint32_t crc = 0xffffffffu;
	for (size_t i = 0; i < data.size; i++) {
		const uint8_t *at = data.data + i;
		crc ^= at >= hole && at < hole + CRC32C_BYTES ? 0 : *at;
		for (unsigned bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (0x82f63b78u & (0u - (crc & 1)));
	}
	return ~crc;
}

static bool checksum_holds(struct span header, struct span value)
{
	struct cursor cursor = cursor_from(value.data, value.size);
	uint32_t told = cursor_get_u32(&cursor);
	return cursor_done(&cursor) && crc32c(header, value.data) == told;
}

/* What else is said (type, length, value) is skipped, but has to be well-formed. */
static int check_rest(struct span header, struct cursor *cursor)
{
	bool has_checksum = false;
	while (cursor_left(cursor) > 0) {
		uint8_t type = cursor_get_u8(cursor);
		struct span value = cursor_get_bytes(cursor, cursor_get_u16(cursor));
		if (cursor->failed || (type == TYPE_CRC32C && has_checksum))
			return -SIS_ERR_BAD_FORMAT;
		if (type != TYPE_CRC32C)
			continue;
		has_checksum = true;
		if (!checksum_holds(header, value))
			return -SIS_ERR_BAD_ROOT;
	}
	return 0;
}

/* ------------------------------------------------ the addresses ------------------------------------------------ */

static void get_v4(struct cursor *cursor, struct sockaddr_storage *ret_address)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct span from = cursor_get_bytes(cursor, sizeof(in.sin_addr));
	(void)cursor_get_bytes(cursor, sizeof(in.sin_addr));
	in.sin_port = htons(cursor_get_u16(cursor));
	(void)cursor_get_u16(cursor);
	if (cursor->failed)
		return;
	memcpy(&in.sin_addr, from.data, sizeof(in.sin_addr));
	memcpy(ret_address, &in, sizeof(in));
}

static void get_v6(struct cursor *cursor, struct sockaddr_storage *ret_address)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct span from = cursor_get_bytes(cursor, sizeof(in6.sin6_addr));
	(void)cursor_get_bytes(cursor, sizeof(in6.sin6_addr));
	in6.sin6_port = htons(cursor_get_u16(cursor));
	(void)cursor_get_u16(cursor);
	if (cursor->failed)
		return;
	memcpy(&in6.sin6_addr, from.data, sizeof(in6.sin6_addr));
	memcpy(ret_address, &in6, sizeof(in6));
}

int proxy_parse(struct span header, bool *ret_announced, struct sockaddr_storage *ret_address)
{
	struct sockaddr_storage address = { 0 };
	struct cursor cursor = cursor_from(header.data, header.size);
	struct span start = cursor_get_bytes(&cursor, sizeof(signature));
	uint8_t command = cursor_get_u8(&cursor), family = cursor_get_u8(&cursor);
	uint16_t left = cursor_get_u16(&cursor);
	if (cursor.failed || memcmp(start.data, signature, sizeof(signature)) != 0 || left != cursor_left(&cursor))
		return -SIS_ERR_BAD_FORMAT;
	/* Of a connection that the balancer makes itself, and of families that are not ours, what follows has to be skipped (section 2.2). */
	if (command == COMMAND_LOCAL || (command == COMMAND_PROXY && family == FAMILY_NONE)) {
		*ret_announced = false;
		return 0;
	}
	if (command != COMMAND_PROXY || (family != FAMILY_TCP4 && family != FAMILY_TCP6))
		return -SIS_ERR_BAD_FORMAT;
	if (family == FAMILY_TCP4)
		get_v4(&cursor, &address);
	else
		get_v6(&cursor, &address);
	int error = cursor.failed ? -SIS_ERR_BAD_FORMAT : check_rest(header, &cursor);
	if (error < 0)
		return error;
	*ret_address = address;
	*ret_announced = true;
	return 0;
}

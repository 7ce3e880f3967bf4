/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * For tests that quote published vectors: hexadecimal in, and comparing with it. Include after cmocka.h. */
#pragma once

#include "base/text.h"

#include <string.h>

static inline size_t from_hex(const char *hex, void *ret_data)
{
	const size_t size = strlen(hex) / 2;

	assert_int_equal(hex_decode(span_from_string(hex), ret_data, size), 0);
	return size;
}

static inline void assert_hex(const void *data, const char *hex)
{
	uint8_t expected[1024];

	assert_memory_equal(data, expected, from_hex(hex, expected));
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Bytes as digits of base 64, 32 and 16, one canonical form each. Not constant-time: secrets are not encoded here except an invite code, once. */
#include "base/text.h"
#include "base/error.h"
#include "base/util.h"

#include <string.h>

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base32_digits[] = "abcdefghijklmnopqrstuvwxyz234567";
static const char hex_digits[] = "0123456789abcdef";

/* -1 for a character outside of the alphabet. */
static int base64_value(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static int base32_value(uint8_t c)
{
	if (c >= 'a' && c <= 'z')
		return c - 'a';
	return c >= '2' && c <= '7' ? c - '2' + 26 : -1;
}

static int hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* All three alphabets are the same work: n bits a digit, the last digit filled up with zero bits. */
static void encode_digits(const uint8_t *data, size_t size, const char *digits, unsigned bits, char *ret_text)
{
	uint32_t held = 0;
	unsigned n_held = 0;
	for (size_t i = 0; i < size; i++) {
		held = held << 8 | data[i];
		for (n_held += 8; n_held >= bits; n_held -= bits)
			*ret_text++ = digits[held >> (n_held - bits) & ((1u << bits) - 1)];
	}
	if (n_held > 0)
		*ret_text++ = digits[held << (bits - n_held) & ((1u << bits) - 1)];
	*ret_text = 0;
}

static bool digits_are_canonical(struct span text, size_t size, int value_of(uint8_t), unsigned bits)
{
	if (size > SIZE_MAX / 8 - 1 || text.size != (size * 8 + bits - 1) / bits)
		return false;
	for (size_t i = 0; i < text.size; i++)
		if (value_of(text.data[i]) < 0)
			return false;
	unsigned unused = (unsigned)(text.size * bits - size * 8);
	return text.size == 0 || (value_of(text.data[text.size - 1]) & ((1 << unused) - 1)) == 0;
}

static int decode_digits(struct span text, uint8_t *ret_data, size_t size, int value_of(uint8_t), unsigned bits)
{
	if (!digits_are_canonical(text, size, value_of, bits))
		return -SIS_ERR_BAD_FORMAT;
	uint32_t held = 0;
	unsigned n_held = 0;
	for (size_t i = 0; i < text.size; i++) {
		held = held << bits | (uint32_t)value_of(text.data[i]);
		n_held += bits;
		if (n_held >= 8 && size > 0) {
			n_held -= 8;
			*ret_data++ = (uint8_t)(held >> n_held);
			size--;
		}
	}
	return 0;
}

void base64_encode(const void *data, size_t size, char *ret_text)
{
	encode_digits(data, size, base64_digits, 6, ret_text);
}

int base64_decode(struct span text, void *ret_data, size_t size)
{
	return decode_digits(text, ret_data, size, base64_value, 6);
}

void base64_encode_padded(const void *data, size_t size, char *ret_text)
{
	base64_encode(data, size, ret_text);
	char *end = ret_text + BASE64_SIZE(size);
	for (size_t n = BASE64_SIZE(size); n % 4 != 0; n++)
		*end++ = '=';
	*end = 0;
}

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Checks the whole text before the first byte is written; *ret_n_digits counts what carries data. */
static bool lenient_is_valid(struct span text, size_t *ret_n_digits)
{
	size_t n_digits = 0, n_padding = 0;
	for (size_t i = 0; i < text.size; i++) {
		uint8_t c = text.data[i];
		if (is_space(c))
			continue;
		if (c == '=')
			n_padding++;
		else if (base64_value(c) < 0 || n_padding > 0)
			return false;
		else
			n_digits++;
	}
	*ret_n_digits = n_digits;
	return n_digits % 4 != 1 && n_padding <= 2 && (n_padding == 0 || (n_digits + n_padding) % 4 == 0);
}

int base64_decode_lenient(struct span text, void *ret_data, size_t capacity, size_t *ret_size)
{
	size_t n_digits;
	if (!lenient_is_valid(text, &n_digits))
		return -SIS_ERR_BAD_FORMAT;
	size_t size = n_digits / 4 * 3 + n_digits % 4 * 6 / 8;
	if (size > capacity)
		return -SIS_ERR_TOO_LARGE;
	uint8_t *at = ret_data;
	uint32_t held = 0;
	unsigned n_held = 0;
	for (size_t i = 0; i < text.size; i++) {
		int value = base64_value(text.data[i]);
		if (value < 0)
			continue;
		held = held << 6 | (uint32_t)value;
		n_held += 6;
		if (n_held >= 8) {
			n_held -= 8;
			*at++ = (uint8_t)(held >> n_held);
		}
	}
	*ret_size = size;
	return 0;
}

void hex_encode(const void *data, size_t size, char *ret_text)
{
	encode_digits(data, size, hex_digits, 4, ret_text);
}

int hex_decode(struct span text, void *ret_data, size_t size)
{
	return decode_digits(text, ret_data, size, hex_value, 4);
}

void item_id_encode(const uint8_t id[ITEM_ID_BYTES], char ret_text[ITEM_ID_TEXT + 1])
{
	encode_digits(id, ITEM_ID_BYTES, base32_digits, 5, ret_text);
}

int item_id_decode(struct span text, uint8_t ret_id[ITEM_ID_BYTES])
{
	return decode_digits(text, ret_id, ITEM_ID_BYTES, base32_value, 5);
}

bool item_id_is_prefix(const char *text)
{
	size_t size = strnlen(text, ITEM_ID_TEXT + 1);
	if (size == 0 || size > ITEM_ID_TEXT)
		return false;
	for (size_t i = 0; i < size; i++)
		if (base32_value((uint8_t)text[i]) < 0)
			return false;
	return size < ITEM_ID_TEXT || (base32_value((uint8_t)text[ITEM_ID_TEXT - 1]) & 3) == 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Times, names, UTF-8, and quantities with units, each in one canonical form. */
#include "base/text.h"
#include "base/error.h"
#include "base/util.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The calendar without the C library, which would go looking for a time zone file that confined roles may not open. Both directions after the
 * proleptic Gregorian calendar with years that begin in March, so that the leap day is a year's last. */
static int64_t days_from_date(int64_t year, unsigned month, unsigned day)
{
	year -= month <= 2;
	int64_t era = year / 400;
	unsigned year_of_era = (unsigned)(year - era * 400);
	unsigned day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
	return era * 146097 + (int64_t)(year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year) - 719468;
}

static void date_from_days(int64_t days, int64_t *ret_year, unsigned *ret_month, unsigned *ret_day)
{
	days += 719468;
	int64_t era = days / 146097;
	unsigned day_of_era = (unsigned)(days - era * 146097);
	unsigned year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	unsigned march_month = (5 * day_of_year + 2) / 153;
	*ret_day = day_of_year - (153 * march_month + 2) / 5 + 1;
	*ret_month = march_month < 10 ? march_month + 3 : march_month - 9;
	*ret_year = (int64_t)year_of_era + era * 400 + (*ret_month <= 2);
}

#define TIME_END 253402300800   /* 10000-01-01: the first second that RFC 3339 cannot write */

int time_encode(int64_t seconds, char ret_text[TIME_TEXT + 1])
{
	if (seconds < 0 || seconds >= TIME_END)
		return -SIS_ERR_BAD_FORMAT;
	int64_t year;
	unsigned month, day, rest = (unsigned)(seconds % 86400);
	date_from_days(seconds / 86400, &year, &month, &day);
	char text[64];
	snprintf(text, sizeof(text), "%04u-%02u-%02uT%02u:%02u:%02uZ", (unsigned)year, month, day, rest / 3600, rest / 60 % 60, rest % 60);
	memcpy(ret_text, text, TIME_TEXT + 1);
	return 0;
}

/* Decodes by the digits' places and lets the encoder judge: whatever it would not write (month 13, second 60, 30 February) is refused. */
int time_decode(struct span text, int64_t *ret_seconds)
{
	static const char pattern[] = "dddd-dd-ddTdd:dd:ddZ";
	unsigned digits[14], n = 0;
	if (text.size != TIME_TEXT)
		return -SIS_ERR_BAD_FORMAT;
	for (size_t i = 0; i < TIME_TEXT; i++) {
		unsigned digit = (unsigned)text.data[i] - '0';
		if (pattern[i] == 'd' ? digit > 9 : text.data[i] != (uint8_t)pattern[i])
			return -SIS_ERR_BAD_FORMAT;
		if (pattern[i] == 'd')
			digits[n++] = digit;
	}
	int64_t year = digits[0] * 1000 + digits[1] * 100 + digits[2] * 10 + digits[3];
	unsigned part[5];
	for (size_t i = 0; i < ARRAY_SIZE(part); i++)
		part[i] = digits[4 + 2 * i] * 10 + digits[5 + 2 * i];
	if (year < 1970 || part[0] < 1 || part[0] > 12)
		return -SIS_ERR_BAD_FORMAT;
	int64_t seconds = days_from_date(year, part[0], part[1]) * 86400 + part[2] * 3600 + part[3] * 60 + part[4];
	char again[TIME_TEXT + 1];
	if (time_encode(seconds, again) != 0 || memcmp(again, text.data, TIME_TEXT) != 0)
		return -SIS_ERR_BAD_FORMAT;
	*ret_seconds = seconds;
	return 0;
}

static bool is_name_start(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool name_is_valid(struct span name)
{
	if (name.size == 0 || name.size > NAME_MAX_TEXT || !is_name_start(name.data[0]))
		return false;
	for (size_t i = 1; i < name.size; i++) {
		uint8_t c = name.data[i];
		if (!is_name_start(c) && c != '.' && c != '_' && c != '-')
			return false;
		if (c == '.' && name.data[i - 1] == '.')
			return false;
	}
	return true;
}

/* The code point at text and its size in bytes; 0 when the bytes are not UTF-8 (RFC 3629 section 4). */
static unsigned utf8_take(struct span text, uint32_t *ret_code)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint8_t first = text.data[0];
	unsigned size = first < 0x80 ? 1 : first >= 0xc2 && first < 0xe0 ? 2 : first >= 0xe0 && first < 0xf0 ? 3 : first >= 0xf0 && first < 0xf5 ? 4 : 0;
	if (size == 0 || size > text.size)
		return 0;
	uint32_t code = size == 1 ? first : first & (0x7fu >> size);
	for (unsigned i = 1; i < size; i++) {
		if ((text.data[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (text.data[i] & 0x3f);
	}
	if (code < smallest[size] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	*ret_code = code;
	return size;
}

bool utf8_is_valid(struct span text)
{
	while (text.size > 0) {
		uint32_t code;
		unsigned size = utf8_take(text, &code);
		if (size == 0)
			return false;
		text.data += size;
		text.size -= size;
	}
	return true;
}

/* Controls (C0, DEL, C1), line and paragraph separators, and everything that changes the direction of writing (Unicode TR 9). */
static bool is_harmful(uint32_t code)
{
	static const struct { uint32_t first, last; } ranges[] = {
		{ 0, 0x1f }, { 0x7f, 0x9f }, { 0x61c, 0x61c }, { 0x200e, 0x200f }, { 0x2028, 0x202e }, { 0x2066, 0x206f }, { 0xfeff, 0xfeff },
		{ 0xfff9, 0xfffb },
	};
	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++)
		if (code >= ranges[i].first && code <= ranges[i].last)
			return true;
	return false;
}

void text_for_terminal(struct span text, char *ret_text, size_t capacity)
{
	size_t n = 0;
	if (capacity == 0)
		return;
	while (text.size > 0) {
		uint32_t code = 0;
		unsigned size = utf8_take(text, &code);
		bool harmful = size == 0 || is_harmful(code);
		unsigned shown = harmful ? 1 : size;
		if (n + shown >= capacity)
			break;
		if (harmful)
			ret_text[n] = '?';
		else
			memcpy(ret_text + n, text.data, size);
		n += shown;
		text.data += size > 0 ? size : 1;
		text.size -= size > 0 ? size : 1;
	}
	ret_text[n] = 0;
}

/* What JSON is made of besides its strings is none of them. */
char *text_escape_json(const char *json)
{
	struct span text = span_from_string(json);
	char *escaped = malloc(6 * text.size + 1), *at = escaped;
	while (escaped != NULL && text.size > 0) {
		uint32_t code = 0;
		unsigned size = utf8_take(text, &code);
		if (size > 0 && code >= 0x7f && is_harmful(code))
			at += sprintf(at, "\\u%04x", (unsigned)code);
		else
			at = mempcpy(at, text.data, size > 0 ? size : 1);
		text.data += size > 0 ? size : 1;
		text.size -= size > 0 ? size : 1;
	}
	if (escaped != NULL)
		*at = '\0';
	return escaped;
}

struct unit { const char *suffix; uint64_t factor; };

static int parse_with_unit(const char *text, const struct unit *units, size_t n_units, uint64_t *ret_value)
{
	size_t n_digits = strspn(text, "0123456789");
	uint64_t value;
	if (!span_to_u64((struct span){ .data = (const uint8_t *)text, .size = n_digits }, UINT64_MAX, &value))
		return -SIS_ERR_BAD_FORMAT;
	for (size_t i = 0; i < n_units; i++) {
		if (strcmp(text + n_digits, units[i].suffix) != 0)
			continue;
		if (__builtin_mul_overflow(value, units[i].factor, &value) || value > INT64_MAX)
			return -SIS_ERR_BAD_FORMAT;
		*ret_value = value;
		return 0;
	}
	return -SIS_ERR_BAD_FORMAT;
}

int duration_parse(const char *text, uint64_t *ret_seconds)
{
	static const struct unit units[] = { { "", 1 }, { "s", 1 }, { "m", 60 }, { "h", 3600 }, { "d", 86400 }, { "w", 7 * 86400 } };
	return parse_with_unit(text, units, ARRAY_SIZE(units), ret_seconds);
}

int size_parse(const char *text, uint64_t *ret_bytes)
{
	static const struct unit units[] = {
		{ "", 1 }, { "K", 1 << 10 }, { "M", 1 << 20 }, { "G", 1 << 30 }, { "T", UINT64_C(1) << 40 },
	};
	return parse_with_unit(text, units, ARRAY_SIZE(units), ret_bytes);
}

void size_format(uint64_t bytes, char *ret_text, size_t capacity)
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	size_t unit = 0;
	if (bytes < 1024) {
		snprintf(ret_text, capacity, "%u %s", (unsigned)bytes, bytes == 1 ? "byte" : units[0]);
		return;
	}
	while (bytes >> (10 * unit) >= 1024)
		unit++;
	/* Tenths are cut, never rounded up: 1023.99 KiB must not be shown as 1024.0. */
	unsigned shift = 10 * (unsigned)unit;
	uint64_t whole = bytes >> shift, rest = bytes & ((UINT64_C(1) << shift) - 1);
	unsigned digit = (unsigned)(rest * 10 >> shift);
	snprintf(ret_text, capacity, "%u.%u %s", (unsigned)whole, digit, units[unit]);
}

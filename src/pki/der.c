/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Reading and writing DER. */
#include "pki/der.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static size_t get_length(struct cursor *cursor)
{
	uint8_t first = cursor_get_u8(cursor);
	if (first < 0x80)
		return first;
	unsigned n = first & 0x7f;
	size_t length = 0;
	if (n == 0 || n > 4)
		cursor_fail(cursor);
	for (unsigned i = 0; i < n && !cursor->failed; i++)
		length = length << 8 | cursor_get_u8(cursor);
	/* Shortest form only: X.690 §10.1. */
	if (length < 0x80 || (n > 1 && length >> (8 * (n - 1)) == 0))
		cursor_fail(cursor);
	return length;
}

struct span der_get(struct cursor *cursor, uint8_t tag)
{
	if (cursor_get_u8(cursor) != tag)
		cursor_fail(cursor);
	size_t length = get_length(cursor);
	return cursor_get_bytes(cursor, length);
}

bool der_next_is(const struct cursor *cursor, uint8_t tag)
{
	return cursor_left(cursor) > 0 && *cursor->at == tag;
}

uint64_t der_get_u64(struct cursor *cursor, uint8_t tag)
{
	struct span content = der_get(cursor, tag);
	uint64_t value = 0;
	if (content.size == 0 || content.size > 8 || content.data[0] >= 0x80 ||
	    (content.size > 1 && content.data[0] == 0 && content.data[1] < 0x80)) {
		cursor_fail(cursor);
		return 0;
	}
	for (size_t i = 0; i < content.size; i++)
		value = value << 8 | content.data[i];
	return value;
}

static int two_digits(const uint8_t *text)
{
	if (text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9')
		return -1;
	return (text[0] - '0') * 10 + text[1] - '0';
}

/* At text: MMDDHHMMSSZ */
static int64_t time_from(int year, const uint8_t *text)
{
	static const int lowest[5] = { 1, 1, 0, 0, 0 }, highest[5] = { 12, 31, 23, 59, 59 };
	int part[5];
	for (int i = 0; i < 5; i++) {
		part[i] = two_digits(text + 2 * i);
		if (part[i] < lowest[i] || part[i] > highest[i])
			return -1;
	}
	struct tm tm = { .tm_year = year - 1900, .tm_mon = part[0] - 1, .tm_mday = part[1], .tm_hour = part[2], .tm_min = part[3], .tm_sec = part[4] };
	time_t seconds = timegm(&tm);
	/* timegm turns 31 April into 1 May: refused. */
	return text[10] == 'Z' && tm.tm_mday == part[1] ? seconds : -1;
}

int64_t der_get_time(struct cursor *cursor)
{
	int64_t seconds = -1;
	if (der_next_is(cursor, DER_UTC_TIME)) {
		struct span text = der_get(cursor, DER_UTC_TIME);
		int year = text.size == 13 ? two_digits(text.data) : -1;
		if (year >= 0)
			seconds = time_from(year < 50 ? 2000 + year : 1900 + year, text.data + 2);
	} else {
		struct span text = der_get(cursor, DER_GENERALIZED_TIME);
		int century = text.size == 15 ? two_digits(text.data) : -1, year = text.size == 15 ? two_digits(text.data + 2) : -1;
		if (century >= 20 && year >= 0)
			seconds = time_from(century * 100 + year, text.data + 4);
	}
	if (seconds < 0)
		cursor_fail(cursor);
	return seconds;
}

struct der_writer der_writer_from(void *data, size_t capacity)
{
	uint8_t *bytes = data;
	return (struct der_writer){ .start = bytes, .at = bytes + capacity, .end = bytes + capacity };
}

size_t der_mark(const struct der_writer *writer)
{
	return (size_t)(writer->end - writer->at);
}

void der_put_raw(struct der_writer *writer, const void *data, size_t size)
{
	if (writer->failed || size > (size_t)(writer->at - writer->start)) {
		writer->failed = true;
		return;
	}
	writer->at -= size;
	if (size > 0)
		memcpy(writer->at, data, size);
}

void der_wrap(struct der_writer *writer, uint8_t tag, size_t mark)
{
	size_t length = der_mark(writer) - mark;
	uint8_t header[2 + sizeof(length)];
	size_t n = sizeof(header);
	if (length < 0x80) {
		header[--n] = (uint8_t)length;
	} else {
		size_t left = length;
		for (; left > 0; left >>= 8)
			header[--n] = (uint8_t)left;
		uint8_t n_bytes = (uint8_t)(sizeof(header) - n);
		header[--n] = 0x80 | n_bytes;
	}
	header[--n] = tag;
	der_put_raw(writer, header + n, sizeof(header) - n);
}

void der_put(struct der_writer *writer, uint8_t tag, const void *data, size_t size)
{
	size_t mark = der_mark(writer);
	der_put_raw(writer, data, size);
	der_wrap(writer, tag, mark);
}

void der_put_u64(struct der_writer *writer, uint8_t tag, uint64_t value)
{
	uint8_t bytes[9];
	size_t n = sizeof(bytes);
	do {
		bytes[--n] = (uint8_t)value;
		value >>= 8;
	} while (value > 0);
	if (bytes[n] >= 0x80)
		bytes[--n] = 0;
	der_put(writer, tag, bytes + n, sizeof(bytes) - n);
}

void der_put_time(struct der_writer *writer, int64_t seconds)
{
	time_t time = (time_t)seconds;
	struct tm tm;
	char text[80];
	if (seconds < 0 || gmtime_r(&time, &tm) == NULL || tm.tm_year + 1900 > 9999) {
		writer->failed = true;
		return;
	}
	int year = tm.tm_year + 1900;
	bool is_utc_time = year < 2050;
	int size = snprintf(text, sizeof(text), is_utc_time ? "%02d%02d%02d%02d%02d%02dZ" : "%04d%02d%02d%02d%02d%02dZ", is_utc_time ? year % 100 : year,
	                    tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
	der_put(writer, is_utc_time ? DER_UTC_TIME : DER_GENERALIZED_TIME, text, (size_t)size);
}

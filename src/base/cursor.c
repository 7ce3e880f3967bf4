/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The bounded cursor through which every byte from outside is read, its writing twin, and spans. */
#include "base/cursor.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct cursor cursor_from(const void *data, size_t size)
{
	static const uint8_t nothing[1];
	const uint8_t *at = data != NULL ? data : nothing;
	return (struct cursor){ .at = at, .end = at + (data != NULL ? size : 0) };
}

void cursor_fail(struct cursor *cursor)
{
	cursor->failed = true;
}

bool cursor_done(const struct cursor *cursor)
{
	return !cursor->failed && cursor->at == cursor->end;
}

size_t cursor_left(const struct cursor *cursor)
{
	return cursor->failed ? 0 : (size_t)(cursor->end - cursor->at);
}

/* NULL when fewer than size bytes are left. */
static const uint8_t *take(struct cursor *cursor, size_t size)
{
	if (cursor->failed || size > (size_t)(cursor->end - cursor->at)) {
		cursor->failed = true;
		return NULL;
	}
	const uint8_t *at = cursor->at;
	cursor->at += size;
	return at;
}

static uint64_t take_integer(struct cursor *cursor, size_t size)
{
	const uint8_t *at = take(cursor, size);
	uint64_t value = 0;
	for (size_t i = 0; at != NULL && i < size; i++)
		value = value << 8 | at[i];
	return value;
}

uint8_t cursor_get_u8(struct cursor *cursor)
{
	return (uint8_t)take_integer(cursor, 1);
}

uint16_t cursor_get_u16(struct cursor *cursor)
{
	return (uint16_t)take_integer(cursor, 2);
}

uint32_t cursor_get_u32(struct cursor *cursor)
{
	return (uint32_t)take_integer(cursor, 4);
}

uint64_t cursor_get_u64(struct cursor *cursor)
{
	return take_integer(cursor, 8);
}

struct span cursor_get_bytes(struct cursor *cursor, size_t size)
{
	const uint8_t *at = take(cursor, size);
	return at != NULL ? (struct span){ .data = at, .size = size } : (struct span){ 0 };
}

struct span cursor_get_sized(struct cursor *cursor)
{
	return cursor_get_bytes(cursor, cursor_get_u32(cursor));
}

static bool is_control(uint8_t byte)
{
	return byte < 0x20 || byte == 0x7f;
}

struct span cursor_get_line(struct cursor *cursor)
{
	size_t left = cursor_left(cursor), size = 0;
	while (size < left && !is_control(cursor->at[size]))
		size++;
	if (size == left || cursor->at[size] != '\n') {
		cursor->failed = true;
		return (struct span){ 0 };
	}
	struct span line = { .data = cursor->at, .size = size };
	cursor->at += size + 1;
	return line;
}

struct span cursor_get_field(struct cursor *cursor, const char *keyword)
{
	struct span line = cursor_get_line(cursor);
	size_t size = strlen(keyword);
	if (cursor->failed || line.size <= size || memcmp(line.data, keyword, size) != 0 || line.data[size] != ' ') {
		cursor->failed = true;
		return (struct span){ 0 };
	}
	return (struct span){ .data = line.data + size + 1, .size = line.size - size - 1 };
}

struct builder builder_from(void *data, size_t capacity)
{
	return (struct builder){ .data = data, .capacity = capacity };
}

/* NULL when size bytes do not fit any more. */
static uint8_t *reserve(struct builder *builder, size_t size)
{
	if (builder->failed || size > builder->capacity - builder->size) {
		builder->failed = true;
		return NULL;
	}
	uint8_t *at = builder->data + builder->size;
	builder->size += size;
	return at;
}

static void put_integer(struct builder *builder, uint64_t value, size_t size)
{
	uint8_t *at = reserve(builder, size);
	for (size_t i = size; at != NULL && i-- > 0; value >>= 8)
		at[i] = (uint8_t)value;
}

void builder_put_u8(struct builder *builder, uint8_t value)
{
	put_integer(builder, value, 1);
}

void builder_put_u16(struct builder *builder, uint16_t value)
{
	put_integer(builder, value, 2);
}

void builder_put_u32(struct builder *builder, uint32_t value)
{
	put_integer(builder, value, 4);
}

void builder_put_u64(struct builder *builder, uint64_t value)
{
	put_integer(builder, value, 8);
}

void builder_put_bytes(struct builder *builder, const void *data, size_t size)
{
	uint8_t *at = reserve(builder, size);
	if (at != NULL && size > 0)
		memcpy(at, data, size);
}

void builder_put_sized(struct builder *builder, const void *data, size_t size)
{
	if (size > UINT32_MAX) {
		builder->failed = true;
		return;
	}
	builder_put_u32(builder, (uint32_t)size);
	builder_put_bytes(builder, data, size);
}

void builder_printf(struct builder *builder, const char *format, ...)
{
	if (builder->failed)
		return;
	size_t room = builder->capacity - builder->size;
	va_list args;
	va_start(args, format);
	int size = vsnprintf(room > 0 ? (char *)builder->data + builder->size : NULL, room, format, args);
	va_end(args);
	if (size < 0 || (size_t)size >= room)   /* the NUL needs room too, though it is not part of the result */
		builder->failed = true;
	else
		builder->size += (size_t)size;
}

bool span_equals(struct span span, const char *text)
{
	size_t size = strlen(text);
	return span.size == size && (size == 0 || memcmp(span.data, text, size) == 0);
}

bool span_to_u64(struct span span, uint64_t max, uint64_t *ret_value)
{
	uint64_t value = 0;
	if (span.size == 0 || (span.size > 1 && span.data[0] == '0'))
		return false;
	for (size_t i = 0; i < span.size; i++) {
		unsigned digit = (unsigned)span.data[i] - '0';
		if (digit > 9 || __builtin_mul_overflow(value, 10u, &value) || __builtin_add_overflow(value, digit, &value))
			return false;
	}
	if (value > max)
		return false;
	*ret_value = value;
	return true;
}

bool span_to_string(struct span span, char *ret_text, size_t capacity)
{
	if (span.size >= capacity || (span.size > 0 && memchr(span.data, 0, span.size) != NULL))
		return false;
	if (span.size > 0)
		memcpy(ret_text, span.data, span.size);
	ret_text[span.size] = 0;
	return true;
}

struct span span_from_string(const char *text)
{
	return (struct span){ .data = (const uint8_t *)(text != NULL ? text : ""), .size = text != NULL ? strlen(text) : 0 };
}

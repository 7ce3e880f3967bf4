/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Bounded reading and writing of bytes with a sticky error: use it freely, check once at the end. Integers are big-endian.
 * A cursor borrows its bytes; a failed read returns 0, NULL or an empty span and every later read fails too. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct span {                           /* borrowed bytes; text is not NUL-terminated */
	const uint8_t *data;
	size_t size;
};

struct cursor {
	const uint8_t *at, *end;
	bool failed;
};

struct builder {                        /* writes into a fixed buffer that the caller owns */
	uint8_t *data;
	size_t capacity, size;
	bool failed;
};

struct cursor cursor_from(const void *data, size_t size);
uint8_t  cursor_get_u8(struct cursor *cursor);
uint16_t cursor_get_u16(struct cursor *cursor);
uint32_t cursor_get_u32(struct cursor *cursor);
uint64_t cursor_get_u64(struct cursor *cursor);
struct span cursor_get_bytes(struct cursor *cursor, size_t size);
struct span cursor_get_sized(struct cursor *cursor);                    /* u32 length, then the bytes */
/* One line without its '\n' (which must be there); fails when it holds '\r', NUL or another control character. */
struct span cursor_get_line(struct cursor *cursor);
/* The rest of a line that must start with keyword and one space. */
struct span cursor_get_field(struct cursor *cursor, const char *keyword);
void cursor_fail(struct cursor *cursor);
bool cursor_done(const struct cursor *cursor);                          /* not failed and everything was read */
size_t cursor_left(const struct cursor *cursor);

struct builder builder_from(void *data, size_t capacity);
void builder_put_u8(struct builder *builder, uint8_t value);
void builder_put_u16(struct builder *builder, uint16_t value);
void builder_put_u32(struct builder *builder, uint32_t value);
void builder_put_u64(struct builder *builder, uint64_t value);
void builder_put_bytes(struct builder *builder, const void *data, size_t size);
void builder_put_sized(struct builder *builder, const void *data, size_t size);
void builder_printf(struct builder *builder, const char *format, ...) __attribute__((format(printf, 2, 3)));

bool span_equals(struct span span, const char *text);
bool span_to_u64(struct span span, uint64_t max, uint64_t *ret_value);  /* canonical decimal: no sign, no leading zero */
/* Copies text and NUL-terminates it; false when it does not fit or holds a NUL. */
bool span_to_string(struct span span, char *ret_text, size_t capacity);
struct span span_from_string(const char *text);                         /* NULL reads as empty */

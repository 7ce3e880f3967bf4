/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Text encodings, one canonical form each: RFC 4648 base64 (§4 alphabet, no padding, zero trailing bits), base32 (§6, lower case, no
 * padding), lower-case hex, RFC 3339 UTC times ("2026-11-21T11:30:00Z"), and the names of users and devices. Decoders refuse any other form. */
#pragma once

#include "base/cursor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BASE64_SIZE(n) (((n) * 4 + 2) / 3)              /* characters for n bytes, without NUL */
#define ITEM_ID_BYTES 16
#define ITEM_ID_TEXT 26
#define NAME_MAX_TEXT 32
#define TIME_TEXT 20

/* Encoders NUL-terminate; ret_text holds the encoded size + 1. Decoders give 0, or BAD_FORMAT for anything but the one form and size. */
void base64_encode(const void *data, size_t size, char *ret_text);
int  base64_decode(struct span text, void *ret_data, size_t size);                      /* exactly size bytes */
/* Padded, white space allowed, any decoder-lenient form: for EST bodies (RFC 8951) and HTTP Basic only. *ret_size <= text.size. BAD_FORMAT; TOO_LARGE
 * for more than capacity bytes. */
int  base64_decode_lenient(struct span text, void *ret_data, size_t capacity, size_t *ret_size);
void base64_encode_padded(const void *data, size_t size, char *ret_text);               /* 4*ceil(n/3)+1 bytes */
void hex_encode(const void *data, size_t size, char *ret_text);
int  hex_decode(struct span text, void *ret_data, size_t size);
void item_id_encode(const uint8_t id[ITEM_ID_BYTES], char ret_text[ITEM_ID_TEXT + 1]);
int  item_id_decode(struct span text, uint8_t ret_id[ITEM_ID_BYTES]);
/* True when text is a prefix (1 to 26 base32 characters) of an item id. */
bool item_id_is_prefix(const char *text);
/* Seconds since the epoch, from year 1970 to 9999: BAD_FORMAT for others. */
int  time_encode(int64_t seconds, char ret_text[TIME_TEXT + 1]);
int  time_decode(struct span text, int64_t *ret_seconds);
bool name_is_valid(struct span name);                   /* [a-z0-9][a-z0-9._-]{0,31}, no ".." */
bool utf8_is_valid(struct span text);                   /* RFC 3629, no overlong, no surrogates */
/* Copies text for showing on a terminal: control, bidi and invalid bytes become '?'. Always NUL-terminated, cut at capacity on a character border. */
void text_for_terminal(struct span text, char *ret_text, size_t capacity);

/* JSON in which each of those characters is written as \uXXXX: the same to who parses it, and harmless to whose terminal it reaches. To be freed; NULL: no memory. */
char *text_escape_json(const char *json);
/* "90", "15m", "12h", "7d", "2w" -> seconds; "64K", "16M", "2G" -> bytes (powers of 1024). BAD_FORMAT for overflow and anything else. */
int duration_parse(const char *text, uint64_t *ret_seconds);
int size_parse(const char *text, uint64_t *ret_bytes);
void size_format(uint64_t bytes, char *ret_text, size_t capacity);                      /* "1.4 MiB" */

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The line texts' shared grammar: "keyword value\n" in a fixed order, one encoding of each value. Reading is sticky like a cursor: the first
 * deviation decides error and reason, everything after it is ignored. Used inside this room. */
#pragma once

#include "format/item.h"

struct lines {
	struct cursor cursor;
	int error;                              /* 0, or the first deviation's negative code */
	const char *why;                        /* static sentence, NULL while all is well */
};

/* TOO_LARGE beyond max; the text must end with '\n'. */
struct lines lines_open(struct span text, size_t max);
void lines_fail(struct lines *lines, int error, const char *why);
/* 0 when every line was read and nothing is left; else the error, with *ret_why set when ret_why is not NULL. */
int lines_close(struct lines *lines, const char **ret_why);

/* "name/1" alone. UNKNOWN_SUITE for "name/N" with another N of 1 to 9 digits that starts with 1 to 9. */
void lines_version(struct lines *lines, const char *name);
void lines_suite(struct lines *lines);
struct span lines_value(struct lines *lines, const char *keyword);
void lines_item(struct lines *lines, const char *keyword, uint8_t ret_id[ITEM_ID_BYTES]);
void lines_name(struct lines *lines, const char *keyword, char ret_name[NAME_MAX_TEXT + 1]);
void lines_hex(struct lines *lines, const char *keyword, uint8_t ret_digest[DIGEST_BYTES]);
void lines_base64(struct lines *lines, const char *keyword, uint8_t *ret_data, size_t size);
void lines_time(struct lines *lines, const char *keyword, int64_t *ret_seconds);
void lines_number(struct lines *lines, const char *keyword, uint64_t max, uint64_t *ret_value);
void lines_public_key(struct lines *lines, const char *keyword, struct public_key *ret_key);           /* "ed25519 BASE64" */
/* A value "alice,bob": 1 to AUDIENCE_MAX names, sorted, each once. why: the sentence when it is not so. */
void lines_names(struct lines *lines, struct span value, char ret_names[AUDIENCE_MAX][NAME_MAX_TEXT + 1], unsigned *ret_n, const char *why);
void lines_signature(struct lines *lines, struct signature_line *ret_signature);

/* A sealed size that some plaintext of at most max bytes has, or 0 where may_be_absent. */
bool sealed_size_is_possible(uint64_t sealed_size, enum seal_part part);
/* The next word of a value: up to the next separator, which is eaten; false when the value is used up. */
bool span_take_word(struct span *value, char separator, struct span *ret_word);

/* put.c: one line each; the builder fails when it does not fit. */
void put_hex(struct builder *builder, const char *keyword, const uint8_t digest[DIGEST_BYTES]);
void put_base64(struct builder *builder, const char *keyword, const uint8_t *data, size_t size);        /* size <= 64 */
void put_public_key(struct builder *builder, const char *keyword, const struct public_key *key);
void put_names(struct builder *builder, const char *keyword, const char names[AUDIENCE_MAX][NAME_MAX_TEXT + 1], unsigned n);
void put_item(struct builder *builder, const uint8_t id[ITEM_ID_BYTES]);
void put_time(struct builder *builder, const char *keyword, int64_t seconds);
/* Copies the finished text out with a NUL; BAD_FORMAT when it did not fit. */
int put_done(const struct builder *builder, char *ret_text, size_t *ret_size);

/* text_signature.c: the text without its last n lines. */
struct span text_before_last(struct span text, unsigned n_lines);
/* Signs context || 0x00 || what the builder holds, and puts the signature line. The builder fails when signing does. */
void put_signature(struct builder *builder, const char *context, const struct signing_key *key);
/* Verifies the last line of text, already parsed into signature. BAD_SIGNATURE. */
int text_verify(struct span text, const char *context, const struct signature_line *signature, const struct public_key *key);

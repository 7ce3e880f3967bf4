/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * JSON from jansson, with this project's limits: this header is the only place that names the library. Duplicate members, deep nesting
 * (over 16), NUL in strings, anything over max bytes, and more values than a text of its size rightly has, are refused. */
#pragma once

#include "base/cursor.h"

#include <jansson.h>

#define CLEANUP_JSON __attribute__((cleanup(json_decrefp_sis)))
void json_decrefp_sis(json_t **json);

/* max: in bytes. ret_json: owned. BAD_FORMAT, TOO_LARGE, NO_MEMORY. */
int json_parse(struct span text, size_t max, json_t **ret_json);
/* Typed members of an object: NULL, fallback or BAD_FORMAT when missing, of another type or negative. Strings are borrowed from the object. */
const char *json_member_string(const json_t *object, const char *name);
int json_member_u64(const json_t *object, const char *name, uint64_t *ret_value);
bool json_member_bool(const json_t *object, const char *name, bool fallback);
char *json_print(const json_t *json);                   /* compact, one line, malloc'd; NULL on no memory */

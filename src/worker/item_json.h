/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * An item as JSON: what ARCHITECTURE.md, "The wire", calls ITEM. */
#pragma once

#include "base/json.h"
#include "worker/worker.h"

enum item_include { INCLUDE_NOTHING, INCLUDE_MANIFEST, INCLUDE_CONTENT };
/* The value of include= in a query; NULL includes nothing. False when it is another word. */
bool item_include_parse(const char *word, enum item_include *ret_include);
/* {"grants":[TEXT…],"certificates":[…]}: all of them when the caller is the owner, else his own. As item_json. */
int item_grants_json(struct worker *worker, const struct store_caller *caller, const struct store_item *item, json_t **ret_json);
/* 0, or a negative error; *ret_item is a new reference, *ret_bytes about its size as text. */
int item_json(struct worker *worker, const struct store_caller *caller, const struct store_item *item, enum item_include include,
              json_t **ret_item, size_t *ret_bytes);

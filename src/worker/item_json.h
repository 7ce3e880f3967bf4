/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * An item as JSON: what ARCHITECTURE.md, "The wire", calls ITEM. */
#pragma once

#include "base/json.h"
#include "worker/worker.h"

/* 0, or a negative error; *ret_item is a new reference, *ret_bytes about its size as text. */
int item_json(struct worker *worker, const struct store_caller *caller, const struct store_item *item, bool with_manifest, json_t **ret_item,
              size_t *ret_bytes);

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a recovery page holds, as JSON (sis-item(5), RECOVERY PAGE): between recovery.c, which seals it, and a profile. */
#pragma once

#include "sis/recovery.h"

/* made: when, as the page says it. ret_json: owned; it holds secrets. */
int recovery_contents_export(const struct profile *profile, const char *made, json_t **ret_json);
/* What it fills of recovery is the caller's to close, also on failure. UNKNOWN_SUITE: of a newer version; BAD_FORMAT; MISMATCH: keys and certificate do not
 * belong together. */
int recovery_contents_import(const json_t *json, struct recovery *recovery);

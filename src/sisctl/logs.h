/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sisctl logs: one filter, two places to read from. */
#pragma once

#include "sisctl/sisctl.h"

#include "base/text.h"

struct logs_filter {                    /* NULL: any */
	const char *user, *device, *item, *event;
	const char *since, *until;              /* RFC 3339, as the interface wants them */
	int64_t since_s, until_s;
	const char *unit;                       /* whose journal */
	bool follow;
};

void logs_print_entry(const json_t *entry, bool json);

/* point.c: a point in time ("2026-11-21 11:30", "yesterday") or a distance back from now ("2h", "2 hours ago"), in seconds since 1970 */
bool point_parse(const char *text, int64_t *ret_seconds);

/* journal_entry.c: a line of journalctl's JSON as an entry of the audit trail, but without a number in it; NULL: it is none of sisd's */
json_t *journal_entry_from(struct span text);

/* journal.c */
bool journal_is_readable(void);
/* Returns an exit status; *ret_failed when there is no journalctl, or it could not read anything. */
int journal_print(const struct logs_filter *filter, bool json, bool *ret_failed);

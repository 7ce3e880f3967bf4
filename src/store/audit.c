/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Reading the audit trail: what `sisctl logs` shows where there is no journal, and with --audit. */
#include "store/db.h"
#include "store/writer.h"

static const char *audit_column(sqlite3_stmt *row, int column)
{
	const unsigned char *text = sqlite3_column_text(row, column);
	return text != NULL ? (const char *)text : "";
}

static const char *audit_wanted(const char *text)
{
	return text != NULL && text[0] != '\0' ? text : NULL;
}

int store_list_audit(struct store_reader *reader, const struct store_audit_filter *filter, uint64_t after, uint64_t to, unsigned limit,
                     int (*fn)(const struct store_audit *audit, void *arg), void *arg)
{
	static const char sql[] = "SELECT sequence, time, event, role, user, device, item, peer, text FROM audit"
	                          " WHERE sequence>?1 AND time>=?2 AND (?3=0 OR time<?3) AND (?4 IS NULL OR user=?4) AND (?5 IS NULL OR device=?5)"
	                          " AND (?6 IS NULL OR item=?6) AND (?7 IS NULL OR event=?7) AND sequence<=?9 ORDER BY sequence LIMIT ?8";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = db_bind(reader, &row, sql, "iiittttii", (int64_t)after, filter->since, filter->until, audit_wanted(filter->user), audit_wanted(filter->device),
	                audit_wanted(filter->item), audit_wanted(filter->event), (int64_t)limit, (int64_t)to);
	while (r == 0 && (r = db_step(row)) > 0) {
		struct store_audit audit = {
			.sequence = (uint64_t)sqlite3_column_int64(row, 0),
			.time = sqlite3_column_int64(row, 1),
			.event = audit_column(row, 2),
			.role = audit_column(row, 3),
			.user = audit_column(row, 4),
			.device = audit_column(row, 5),
			.item = audit_column(row, 6),
			.peer = audit_column(row, 7),
			.text = audit_column(row, 8),
		};
		r = fn(&audit, arg);
	}
	return r;
}

int store_last_audit(struct store_reader *reader, uint64_t *ret_sequence)
{
	static const char sql[] = "SELECT coalesce(max(sequence), 0) FROM audit";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = db_bind(reader, &row, sql, "");
	if (r == 0)
		r = db_step(row);
	if (r < 0)
		return r;
	*ret_sequence = (uint64_t)sqlite3_column_int64(row, 0);
	return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The audit log: what `sisctl logs` shows. */
#include "store/db.h"
#include "store/writer.h"

static const char *audit_text(const char *text)
{
	return text != NULL && text[0] != '\0' ? text : NULL;
}

int store_add_audit(struct store_writer *writer, const struct store_audit *audit)
{
	static const char sql[] = "INSERT INTO audit(time, event, role, user, device, item, peer, text) VALUES(?, ?, ?, ?, ?, ?, ?, ?)";
	return db_run(&writer->reader, sql, "ittttttt", audit->time, audit->event, audit_text(audit->role), audit_text(audit->user),
	              audit_text(audit->device), audit_text(audit->item), audit_text(audit->peer), audit->text != NULL ? audit->text : "");
}

static const char *audit_column(sqlite3_stmt *row, int column)
{
	const unsigned char *text = sqlite3_column_text(row, column);
	return text != NULL ? (const char *)text : "";
}

int store_list_audit(struct store_reader *reader, const char *user, int64_t since, uint64_t after, unsigned limit,
                     int (*fn)(const struct store_audit *audit, void *arg), void *arg)
{
	static const char sql[] = "SELECT sequence, time, event, role, user, device, item, peer, text FROM audit"
	                          " WHERE sequence>? AND time>=? AND (?3 IS NULL OR user=?3) ORDER BY sequence LIMIT ?4";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = db_bind(reader, &row, sql, "iiti", (int64_t)after, since, audit_text(user), (int64_t)limit);
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

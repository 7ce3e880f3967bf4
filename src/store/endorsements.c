/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Devices that vouch for each other. */
#include "store/db.h"
#include "store/writer.h"

#include "base/error.h"

static int endorsement_exists(struct store_writer *writer, int64_t device_id, int64_t endorser_id)
{
	static const char sql[] = "SELECT 1 FROM endorsements WHERE device_id=? AND endorser_id=?";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = db_bind(&writer->reader, &row, sql, "ii", device_id, endorser_id);
	return r < 0 ? r : db_step(row);
}

int store_set_endorsement(struct store_writer *writer, int64_t device_id, int64_t endorser_id, struct span text, bool *ret_is_new)
{
	static const char sql[] = "INSERT INTO endorsements(device_id, endorser_id, text) SELECT d.device_id, e.device_id, ?3 FROM devices d, devices e"
	                          " WHERE d.device_id=?1 AND e.device_id=?2 AND d.state=0 AND e.state=0"
	                          " ON CONFLICT(device_id, endorser_id) DO UPDATE SET text=excluded.text";
	int existed = endorsement_exists(writer, device_id, endorser_id);
	int r = existed < 0 ? existed : db_run(&writer->reader, sql, "iis", device_id, endorser_id, text);
	if (r < 0)
		return r;
	if (sqlite3_changes(writer->reader.db) != 1)
		return -SIS_ERR_REVOKED;
	*ret_is_new = existed == 0;
	return 0;
}

int store_list_endorsements(struct store_reader *reader, int64_t device_id, int (*fn)(struct span text, void *arg), void *arg)
{
	static const char sql[] = "SELECT e.text FROM endorsements e JOIN devices d ON d.device_id=e.endorser_id WHERE e.device_id=? AND d.state=0"
	                          " ORDER BY e.endorser_id";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = db_bind(reader, &row, sql, "i", device_id);
	while (r == 0 && (r = db_step(row)) > 0)
		r = fn(db_column_span(row, 0), arg);
	return r;
}

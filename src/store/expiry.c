/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What ends by itself: items with the last of their grants, and single readers' access before that. Readers do not see what has ended even before
 * this removes it (DB_IS_LIVE); this is what makes it gone. */
#include "store/db.h"
#include "store/writer.h"

#include "base/error.h"
#include "base/util.h"

#include <stdlib.h>
#include <string.h>

struct expiry_row { int64_t item_row, user_id; char device[NAME_MAX_TEXT + 1]; struct store_expired expired; bool is_owner; };

/* Read first, then changed: nothing is stepped through while its table changes. */
static int expiry_read(struct store_reader *reader, const char *sql, int64_t now, struct expiry_row *rows, unsigned limit, unsigned *ret_n)
{
	DB_STATEMENT sqlite3_stmt *row = NULL;
	unsigned n = 0;
	int r = db_bind(reader, &row, sql, "ii", now, (int64_t)limit);
	while (r == 0 && n < limit && (r = db_step(row)) > 0) {
		struct expiry_row *to = &rows[n++];
		*to = (struct expiry_row){ .item_row = sqlite3_column_int64(row, 0), .user_id = sqlite3_column_int64(row, 3) };
		r = db_column_fixed(row, 1, to->expired.id, ITEM_ID_BYTES);
		db_column_name(row, 2, to->expired.user);
		db_column_name(row, 4, to->device);
		to->is_owner = sqlite3_column_int(row, 5) != 0;
	}
	if (r >= 0)
		*ret_n = n;
	return r < 0 ? r : 0;
}

static int expiry_end_item(struct store_writer *writer, struct expiry_row *row, int64_t now, uint64_t *ret_sequence, struct store_told *told)
{
	row->expired.is_item = true;
	int r = store_add_removal(writer, row->item_row, row->expired.id, "expired", row->expired.user, now, ret_sequence, told);
	return r < 0 ? r : items_remove(&writer->reader, row->item_row);
}

/* 1 when the reader lost the item with this grant; the owner never does. */
static int expiry_end_grant(struct store_writer *writer, const struct expiry_row *row, int64_t now, uint64_t *ret_sequence, struct store_told *told)
{
	static const char drop[] = "DELETE FROM grants WHERE item_row=? AND user_id=? AND device=?";
	static const char leave[] = "DELETE FROM inbox WHERE item_row=?1 AND user_id=?2 AND NOT EXISTS (SELECT 1 FROM grants WHERE item_row=?1 AND user_id=?2)";
	static const char owner[] = "SELECT u.name FROM items i JOIN users u USING(user_id) WHERE i.item_row=?";
	struct store_event event = { .user_id = row->user_id, .kind = STORE_EVENT_REMOVED, .time = now, .has_item = true, .what = "expired" };
	int r = db_run(&writer->reader, drop, "iit", row->item_row, row->user_id, row->device);
	if (r < 0 || row->is_owner)
		return r;
	r = db_run(&writer->reader, leave, "ii", row->item_row, row->user_id);
	if (r < 0 || sqlite3_changes(writer->reader.db) == 0)
		return r;
	DB_STATEMENT sqlite3_stmt *found = NULL;
	r = db_bind(&writer->reader, &found, owner, "i", row->item_row);
	if (r == 0 && (r = db_step(found)) > 0)
		db_column_name(found, 0, event.user);
	if (r >= 0)
		r = store_next_sequence(writer, &event.sequence);
	if (r < 0)
		return r;
	memcpy(event.item, row->expired.id, ITEM_ID_BYTES);
	store_tell(told, row->user_id);
	*ret_sequence = event.sequence;
	r = store_add_event(writer, &event);
	return r < 0 ? r : 1;
}

static int expiry_end_items(struct store_writer *writer, struct expiry_row *rows, unsigned limit, int64_t now, uint64_t *ret_sequence,
                            struct store_told *told, int (*fn)(const struct store_expired *expired, void *arg), void *arg)
{
	static const char sql[] = "SELECT i.item_row, i.id, u.name, i.user_id, '', 1 FROM items i JOIN users u USING(user_id)"
	                          " WHERE i.expires<=? ORDER BY i.expires LIMIT ?";
	unsigned n = 0;
	int r = expiry_read(&writer->reader, sql, now, rows, limit, &n);
	for (unsigned i = 0; i < n && r == 0; i++) {
		r = expiry_end_item(writer, &rows[i], now, ret_sequence, told);
		if (r == 0)
			r = fn(&rows[i].expired, arg);
	}
	return r;
}

static int expiry_end_grants(struct store_writer *writer, struct expiry_row *rows, unsigned limit, int64_t now, uint64_t *ret_sequence,
                             struct store_told *told, int (*fn)(const struct store_expired *expired, void *arg), void *arg)
{
	static const char sql[] = "SELECT g.item_row, i.id, u.name, g.user_id, g.device, i.user_id=g.user_id FROM grants g JOIN items i USING(item_row)"
	                          " JOIN users u ON u.user_id=g.user_id WHERE g.expires<=?1 AND coalesce(i.expires, " DB_NEVER ")>?1 LIMIT ?2";
	unsigned n = 0;
	int r = expiry_read(&writer->reader, sql, now, rows, limit, &n);
	for (unsigned i = 0; i < n && r == 0; i++) {
		r = expiry_end_grant(writer, &rows[i], now, ret_sequence, told);
		if (r > 0)
			r = fn(&rows[i].expired, arg);
	}
	return r;
}

int store_expire(struct store_writer *writer, int64_t now, unsigned limit, struct store_told *told, uint64_t *ret_sequence,
                 int (*fn)(const struct store_expired *expired, void *arg), void *arg)
{
	CLEANUP_FREE struct expiry_row *rows = calloc(limit, sizeof(*rows));
	if (rows == NULL)
		return -SIS_ERR_NO_MEMORY;
	int r = expiry_end_items(writer, rows, limit, now, ret_sequence, told, fn, arg);
	return r < 0 ? r : expiry_end_grants(writer, rows, limit, now, ret_sequence, told, fn, arg);
}

int store_next_expiry(struct store_reader *reader, int64_t *ret_when)
{
	static const char sql[] = "SELECT min(coalesce((SELECT min(expires) FROM items WHERE expires IS NOT NULL), " DB_NEVER "),"
	                          " coalesce((SELECT min(expires) FROM grants WHERE expires IS NOT NULL), " DB_NEVER "))";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = db_bind(reader, &row, sql, "");
	if (r == 0)
		r = db_step(row);
	if (r < 0)
		return r;
	*ret_when = sqlite3_column_int64(row, 0);
	return 0;
}

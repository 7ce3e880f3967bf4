/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What only the administrator does: quotas, disabling, looking at everybody's items, taking things away. */
#include "store/db.h"
#include "store/writer.h"

#include "base/error.h"
#include "base/util.h"

const char *store_state_name(enum store_state state)
{
	static const char *const names[] = { [STORE_LIVE] = "live", [STORE_REVOKED] = "revoked", [STORE_DISABLED] = "disabled" };
	return names[state];
}

int store_set_quota(struct store_writer *writer, int64_t user_id, int64_t quota)
{
	static const char sql[] = "UPDATE users SET quota=nullif(?, -1) WHERE user_id=?";
	int r = db_run(&writer->reader, sql, "ii", quota, user_id);
	return r < 0 ? r : sqlite3_changes(writer->reader.db) == 1 ? 0 : -SIS_ERR_NO_USER;
}

int store_set_user_state(struct store_writer *writer, int64_t user_id, enum store_state from, enum store_state to)
{
	static const char sql[] = "UPDATE users SET state=? WHERE user_id=? AND state=?";
	int r = db_run(&writer->reader, sql, "iii", (int64_t)to, user_id, (int64_t)from);
	return r < 0 ? r : sqlite3_changes(writer->reader.db) == 1 ? 0 : -SIS_ERR_CONFLICT;
}

static int operate_read_item(sqlite3_stmt *row, struct store_stored *ret_item)
{
	*ret_item = (struct store_stored){
		.received = sqlite3_column_int64(row, 2),
		.expires = sqlite3_column_int64(row, 3),
		.bytes = (uint64_t)sqlite3_column_int64(row, 4),
		.n_readers = (uint64_t)sqlite3_column_int64(row, 5),
		.statement = db_column_span(row, 6),
	};
	db_column_name(row, 1, ret_item->owner);
	return db_column_fixed(row, 0, ret_item->id, sizeof(ret_item->id));
}

/* What has ended is listed until it is gone: it takes room until then. */
int store_list_stored(struct store_reader *reader, int64_t user_id, unsigned limit, int (*fn)(const struct store_stored *item, void *arg), void *arg)
{
	static const char sql[] =
		"SELECT i.id, u.name, i.received, coalesce(i.expires, 0), i.bytes,"
		" (SELECT count(*) FROM inbox b WHERE b.item_row=i.item_row AND b.user_id<>i.user_id), i.statement"
		" FROM items i JOIN users u USING(user_id) WHERE ?1=0 OR i.user_id=?1 ORDER BY i.item_row DESC LIMIT ?2";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = db_bind(reader, &row, sql, "ii", user_id, (int64_t)limit);
	while (r == 0 && (r = db_step(row)) > 0) {
		struct store_stored item;
		r = operate_read_item(row, &item);
		if (r == 0)
			r = fn(&item, arg);
	}
	return r;
}

int store_remove_item(struct store_writer *writer, const uint8_t id[ITEM_ID_BYTES], char ret_owner[NAME_MAX_TEXT + 1], uint64_t *ret_sequence,
                      struct store_told *told)
{
	static const char find[] = "SELECT i.item_row, u.name FROM items i JOIN users u USING(user_id) WHERE i.id=?";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = db_bind(&writer->reader, &row, find, "b", ((struct span){ id, ITEM_ID_BYTES }));
	if (r == 0)
		r = db_step(row);
	if (r <= 0)
		return r < 0 ? r : -SIS_ERR_NO_ITEM;
	int64_t item_row = sqlite3_column_int64(row, 0);
	db_column_name(row, 1, ret_owner);
	db_resetp(&row);
	r = store_add_removal(writer, item_row, id, "deleted", "", time_now(), ret_sequence, told);
	return r < 0 ? r : items_remove(&writer->reader, item_row);
}

int store_list_invites(struct store_reader *reader, int64_t now, int (*fn)(const struct store_invite *invite, int64_t created, void *arg), void *arg)
{
	static const char sql[] = "SELECT v.invite_id, v.user_id, v.expires, v.used, u.name, v.device, u.state, v.created FROM invites v"
	                          " JOIN users u USING(user_id) WHERE v.used=0 AND v.expires>? ORDER BY v.invite_id";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = db_bind(reader, &row, sql, "i", now);
	while (r == 0 && (r = db_step(row)) > 0) {
		struct store_invite invite = { .invite_id = sqlite3_column_int64(row, 0), .user_id = sqlite3_column_int64(row, 1),
		                               .expires = sqlite3_column_int64(row, 2), .user_state = db_column_state(row, 6) };
		db_column_name(row, 4, invite.user);
		db_column_name(row, 5, invite.device);
		r = fn(&invite, sqlite3_column_int64(row, 7), arg);
	}
	return r;
}

int store_find_open_invite(struct store_reader *reader, int64_t invite_id, int64_t *ret_user_id)
{
	static const char sql[] = "SELECT user_id FROM invites WHERE invite_id=? AND used=0";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = db_bind(reader, &row, sql, "i", invite_id);
	if (r == 0)
		r = db_step(row);
	if (r <= 0)
		return r < 0 ? r : -SIS_ERR_NO_INPUT;
	*ret_user_id = sqlite3_column_int64(row, 0);
	return 0;
}

int store_drop_invites(struct store_writer *writer, int64_t user_id, int64_t invite_id, unsigned *ret_n)
{
	static const char sql[] = "DELETE FROM invites WHERE user_id=?1 AND used=0 AND (?2=0 OR invite_id=?2)";
	int r = db_run(&writer->reader, sql, "ii", user_id, invite_id);
	if (r == 0)
		*ret_n = (unsigned)sqlite3_changes(writer->reader.db);
	return r;
}

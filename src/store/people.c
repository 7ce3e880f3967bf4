/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Users and the invites that let them enroll. */
#include "store/db.h"
#include "store/writer.h"

#include "base/error.h"

#include <stdio.h>
#include <string.h>

#define USER_COLUMNS \
	"u.user_id, u.created, u.name, u.state, u.password, coalesce(u.quota, -1), u.used," \
	" (SELECT count(*) FROM devices d WHERE d.user_id=u.user_id AND d.state=0)," \
	" (SELECT count(*) FROM items i WHERE i.user_id=u.user_id)," \
	" (SELECT count(*) FROM invites v WHERE v.user_id=u.user_id AND v.used=0 AND v.expires>unixepoch())," \
	" coalesce((SELECT max(received) FROM items i WHERE i.user_id=u.user_id), 0)" \
	" FROM users u "

static void people_read_user(sqlite3_stmt *row, struct store_user *ret_user)
{
	*ret_user = (struct store_user){
		.user_id = sqlite3_column_int64(row, 0),
		.created = sqlite3_column_int64(row, 1),
		.state = db_column_state(row, 3),
		.quota = sqlite3_column_int64(row, 5),
		.used = (uint64_t)sqlite3_column_int64(row, 6),
		.n_devices = (uint64_t)sqlite3_column_int64(row, 7),
		.n_items = (uint64_t)sqlite3_column_int64(row, 8),
		.n_invites = (uint64_t)sqlite3_column_int64(row, 9),
		.last_upload = sqlite3_column_int64(row, 10),
	};
	db_column_name(row, 2, ret_user->name);
	span_to_string(db_column_span(row, 4), ret_user->password, sizeof(ret_user->password));
}

int store_find_user(struct store_reader *reader, const char *name, struct store_user *ret_user)
{
	static const char sql[] = "SELECT " USER_COLUMNS "WHERE u.name=?";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = db_bind(reader, &row, sql, "t", name);
	if (r == 0)
		r = db_step(row);
	if (r <= 0)
		return r < 0 ? r : -SIS_ERR_NO_USER;
	people_read_user(row, ret_user);
	return 0;
}

int store_get_user_name(struct store_reader *reader, int64_t user_id, char ret_name[NAME_MAX_TEXT + 1])
{
	static const char sql[] = "SELECT name FROM users WHERE user_id=?";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = db_bind(reader, &row, sql, "i", user_id);
	if (r == 0)
		r = db_step(row);
	if (r <= 0)
		return r < 0 ? r : -SIS_ERR_NO_USER;
	db_column_name(row, 0, ret_name);
	return 0;
}

int store_get_quota(struct store_reader *reader, int64_t user_id, uint64_t fallback, uint64_t *ret_used, uint64_t *ret_quota)
{
	static const char sql[] = "SELECT used, coalesce(quota, ?) FROM users WHERE user_id=?";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = db_bind(reader, &row, sql, "ii", (int64_t)fallback, user_id);
	if (r == 0)
		r = db_step(row);
	if (r <= 0)
		return r < 0 ? r : -SIS_ERR_NO_USER;
	*ret_used = (uint64_t)sqlite3_column_int64(row, 0);
	*ret_quota = (uint64_t)sqlite3_column_int64(row, 1);
	return 0;
}

int store_list_users(struct store_reader *reader, int (*fn)(const struct store_user *user, void *arg), void *arg)
{
	static const char sql[] = "SELECT " USER_COLUMNS "ORDER BY u.name";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = db_bind(reader, &row, sql, "");
	while (r == 0 && (r = db_step(row)) > 0) {
		struct store_user user;
		people_read_user(row, &user);
		r = fn(&user, arg);
	}
	return r;
}

int store_add_user(struct store_writer *writer, const char *name, const char *password, int64_t now, int64_t *ret_user_id)
{
	/* Never the number of a user whose row is lost: devices, lists and news would be this one's. */
	static const char sql[] = "INSERT INTO users(user_id, name, state, created, password) VALUES(1+max(coalesce((SELECT max(user_id) FROM users), 0),"
	                          " coalesce((SELECT max(user_id) FROM devices), 0), coalesce((SELECT max(user_id) FROM inbox), 0),"
	                          " coalesce((SELECT max(user_id) FROM events), 0)), ?, 0, ?, ?)";
	int r = db_run(&writer->reader, sql, "tit", name, now, password);
	if (r < 0)
		return r == -SIS_ERR_CONFLICT ? -SIS_ERR_EXISTS : r;
	*ret_user_id = sqlite3_last_insert_rowid(writer->reader.db);
	return 0;
}

int store_add_invite(struct store_writer *writer, int64_t user_id, const char *device, const uint8_t code_hash[STORE_CODE_HASH_BYTES],
                     int64_t now, int64_t expires)
{
	static const char sql[] = "INSERT INTO invites(user_id, device, code_hash, created, expires) VALUES(?, ?, ?, ?, ?)";
	const char *name = device != NULL && device[0] != '\0' ? device : NULL;
	return db_run(&writer->reader, sql, "itbii", user_id, name, ((struct span){ code_hash, STORE_CODE_HASH_BYTES }), now, expires);
}

int store_find_invite(struct store_reader *reader, const uint8_t code_hash[STORE_CODE_HASH_BYTES], struct store_invite *ret_invite)
{
	/* The index is searched for a hash of the code: its timing tells nothing that helps to guess the code. */
	static const char sql[] = "SELECT v.invite_id, v.user_id, v.expires, v.used, u.name, v.device, u.state FROM invites v JOIN users u USING(user_id)"
	                          " WHERE v.code_hash=?";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = db_bind(reader, &row, sql, "b", ((struct span){ code_hash, STORE_CODE_HASH_BYTES }));
	if (r == 0)
		r = db_step(row);
	if (r <= 0)
		return r < 0 ? r : -SIS_ERR_BAD_LOGIN;
	*ret_invite = (struct store_invite){
		.invite_id = sqlite3_column_int64(row, 0),
		.user_id = sqlite3_column_int64(row, 1),
		.expires = sqlite3_column_int64(row, 2),
		.used = sqlite3_column_int64(row, 3),
		.user_state = db_column_state(row, 6),
	};
	db_column_name(row, 4, ret_invite->user);
	db_column_name(row, 5, ret_invite->device);
	return 0;
}

int store_use_invite(struct store_writer *writer, int64_t invite_id, int64_t now)
{
	static const char sql[] = "UPDATE invites SET used=? WHERE invite_id=? AND used=0";
	int r = db_run(&writer->reader, sql, "ii", now, invite_id);
	if (r < 0)
		return r;
	return sqlite3_changes(writer->reader.db) == 1 ? 0 : -SIS_ERR_CONFLICT;
}

int store_expire_invites(struct store_writer *writer, int64_t now, void (*fn)(const char *user, void *arg), void *arg)
{
	static const char find[] = "SELECT u.name FROM invites v JOIN users u USING(user_id) WHERE v.used=0 AND v.expires<=?";
	static const char drop[] = "DELETE FROM invites WHERE used=0 AND expires<=?";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = db_bind(&writer->reader, &row, find, "i", now);
	while (r == 0 && (r = db_step(row)) > 0) {
		char name[NAME_MAX_TEXT + 1];
		db_column_name(row, 0, name);
		fn(name, arg);
		r = 0;
	}
	return r < 0 ? r : db_run(&writer->reader, drop, "i", now);
}

/* The newest items of the user are enough, and bound the work: who shared something only long ago hears when they share again. Who is disabled hears of
 * it when he is back. */
int store_list_acquaintances(struct store_reader *reader, int64_t user_id, unsigned limit, int (*fn)(int64_t user_id, void *arg), void *arg)
{
	static const char sql[] =
		"SELECT DISTINCT b.user_id FROM (SELECT item_row FROM inbox WHERE user_id=?1 ORDER BY sequence DESC LIMIT 2000) a"
		" JOIN inbox b ON b.item_row=a.item_row JOIN users u ON u.user_id=b.user_id WHERE b.user_id<>?1 AND u.state<>1 LIMIT ?2";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = db_bind(reader, &row, sql, "ii", user_id, (int64_t)limit);
	while (r == 0 && (r = db_step(row)) > 0)
		r = fn(sqlite3_column_int64(row, 0), arg);
	return r;
}

int store_count_device_events(struct store_reader *reader, int64_t user_id, const char *name, int64_t since, unsigned *ret_n)
{
	static const char sql[] =
		"SELECT count(*) FROM (SELECT kind, time, user FROM events WHERE user_id=? ORDER BY sequence DESC LIMIT 400)"
		" WHERE kind=3 AND user=? AND time>=?";
	_Static_assert(STORE_EVENT_DEVICE == 3, "kind in the statement above");
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = db_bind(reader, &row, sql, "iti", user_id, name, since);
	if (r == 0)
		r = db_step(row);
	if (r < 0)
		return r;
	*ret_n = (unsigned)sqlite3_column_int64(row, 0);
	return 0;
}

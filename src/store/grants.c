/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Sharing later and taking back: what a caller may, decided in the transaction that does it. The grants' own truth (signatures, whose word they are) was
 * verified before; here it is about rights. */
#include "store/db.h"
#include "store/writer.h"

#include "base/error.h"

#include <stdio.h>
#include <string.h>

struct shared {                         /* an item as somebody sees it who wants to change who else does */
	int64_t item_row, owner_id, expires;    /* expires INT64_MAX: never */
	char owner[NAME_MAX_TEXT + 1];
	bool by_owner, for_self;
	/* What the caller has, of whichever device of his: until when he may read, and share (INT64_MIN: not at all). */
	int64_t reads_until, shares_until;
};

static int grants_check_caller(struct store_reader *reader, const struct store_caller *by)
{
	static const char sql[] = "SELECT 1 FROM users u JOIN devices d USING(user_id) WHERE u.user_id=? AND d.device_id=? AND u.state=0 AND d.state=0";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = db_bind(reader, &row, sql, "ii", by->user_id, by->device_id);
	if (r == 0)
		r = db_step(row);
	return r > 0 ? 0 : r < 0 ? r : -SIS_ERR_REVOKED;
}

/* NO_ITEM whether there is none or the caller does not see it: the answer must not tell. */
static int grants_find_item(struct store_reader *reader, const struct store_share *share, struct shared *ret_shared)
{
	static const char sql[] = "SELECT i.item_row, i.user_id, coalesce(i.expires, " DB_NEVER "), u.name FROM items i JOIN inbox b USING(item_row)"
	                          " JOIN users u ON u.user_id=i.user_id WHERE i.id=? AND b.user_id=? AND " DB_IS_LIVE;
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = db_bind(reader, &row, sql, "bi", ((struct span){ share->id, ITEM_ID_BYTES }), share->by.user_id);
	if (r == 0)
		r = db_step(row);
	if (r <= 0)
		return r < 0 ? r : -SIS_ERR_NO_ITEM;
	*ret_shared = (struct shared){
		.item_row = sqlite3_column_int64(row, 0), .owner_id = sqlite3_column_int64(row, 1), .expires = sqlite3_column_int64(row, 2),
		.by_owner = sqlite3_column_int64(row, 1) == share->by.user_id, .for_self = strcmp(share->recipient, share->by.user) == 0,
		.reads_until = INT64_MIN, .shares_until = INT64_MIN,
	};
	db_column_name(row, 3, ret_shared->owner);
	return 0;
}

static int grants_find_rights(struct store_reader *reader, const struct store_share *share, struct shared *shared)
{
	static const char sql[] = "SELECT coalesce(expires, " DB_NEVER "), may_share FROM grants WHERE item_row=? AND user_id=?";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = db_bind(reader, &row, sql, "ii", shared->item_row, share->by.user_id);
	while (r == 0 && (r = db_step(row)) > 0) {
		int64_t until = sqlite3_column_int64(row, 0);
		bool may_share = sqlite3_column_int(row, 1) != 0;
		r = 0;
		if (until <= share->now)
			continue;
		if (until > shared->reads_until)
			shared->reads_until = until;
		if (may_share && until > shared->shares_until)
			shared->shares_until = until;
	}
	return r;
}

/* NULL: yes. The owner may all; nobody else gives more than he has, nor for longer, nor the right to share on to somebody else. */
static const char *grants_forbidden(const struct shared *shared, const struct store_new_grant *grant)
{
	int64_t expires = grant->expires != 0 ? grant->expires : INT64_MAX;
	if (shared->by_owner)
		return NULL;
	if (!shared->for_self && shared->shares_until == INT64_MIN)
		return "this item was given to you to read, not to share: ask its owner";
	if (!shared->for_self && grant->may_share)
		return "only the owner may let others share this item on";
	if (grant->may_share && shared->shares_until == INT64_MIN)
		return "you may not share this item on, nor can a further device of yours";
	int64_t until = !shared->for_self || grant->may_share ? shared->shares_until : shared->reads_until;
	return expires > until || expires > shared->expires ? "your own access to this item ends before that: give an earlier end" : NULL;
}

static int grants_has_device(struct store_reader *reader, int64_t user_id, const char *device)
{
	static const char sql[] = "SELECT 1 FROM devices WHERE user_id=? AND name=? AND state=0";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = db_bind(reader, &row, sql, "it", user_id, device);
	if (r == 0)
		r = db_step(row);
	return r > 0 ? 0 : r < 0 ? r : -SIS_ERR_NO_KEY;
}

/* Another's word stays: who may share could otherwise replace the owner's grant by one that ends tomorrow, or does not open. Whose word it is stands in
 * the text, on a line that a grant has exactly once. */
static int grants_write(struct store_reader *reader, const struct store_share *share, const struct shared *shared, int64_t user_id,
                        const struct store_new_grant *grant)
{
	static const char sql[] =
		"INSERT INTO grants(item_row, user_id, device, text, expires, may_share) VALUES(?1, ?2, ?3, ?4, ?5, ?6)"
		" ON CONFLICT(item_row, user_id, device) DO UPDATE SET text=excluded.text, expires=excluded.expires, may_share=excluded.may_share"
		" WHERE ?7 OR instr(text, char(10)||'granter '||?8||char(10))>0 OR coalesce(expires, " DB_NEVER ")<=?9";
	int64_t any = shared->by_owner || shared->for_self;
	return db_run(reader, sql, "iitsoiiti", shared->item_row, user_id, grant->device, grant->text, grant->expires, (int64_t)grant->may_share, any,
	              share->by.user, share->now);
}

static int grants_write_all(struct store_reader *reader, const struct store_share *share, const struct shared *shared, int64_t user_id,
                            char ret_who[STORE_WHO_TEXT], const char **ret_why)
{
	for (unsigned i = 0; i < share->n_grants; i++) {
		const struct store_new_grant *grant = &share->grant[i];
		int r = grant->expires != 0 && grant->expires <= share->now ? -SIS_ERR_EXPIRED : 0;
		if (r == 0 && (*ret_why = grants_forbidden(shared, grant)) != NULL)
			r = -SIS_ERR_NOT_ALLOWED;
		if (r == 0)
			r = grants_has_device(reader, user_id, grant->device);
		if (r == 0)
			r = grants_write(reader, share, shared, user_id, grant);
		if (r < 0) {
			snprintf(ret_who, STORE_WHO_TEXT, "%s/%s", share->recipient, grant->device);
			return r;
		}
	}
	return 0;
}

static int grants_add_event(struct store_writer *writer, const struct store_share *share, int64_t user_id, uint64_t sequence, struct store_told *told)
{
	struct store_event event = { .user_id = user_id, .sequence = sequence, .kind = STORE_EVENT_GRANT, .time = share->now, .has_item = true };
	memcpy(event.item, share->id, ITEM_ID_BYTES);
	memcpy(event.user, share->recipient, sizeof(event.user));
	memcpy(event.device, share->by.user, sizeof(share->by.user));
	store_tell(told, user_id);
	return store_add_event(writer, &event);
}

/* A new reader gets the item, under a new number; who has it already is told, and so is the owner of what somebody else does with it. */
static int grants_tell(struct store_writer *writer, const struct store_share *share, const struct shared *shared, int64_t user_id, uint64_t sequence,
                       struct store_told *told)
{
	static const char add[] = "INSERT INTO inbox(user_id, sequence, item_row) SELECT ?1, ?2, ?3"
	                          " WHERE NOT EXISTS (SELECT 1 FROM inbox WHERE item_row=?3 AND user_id=?1)";
	int r = db_run(&writer->reader, add, "iii", user_id, (int64_t)sequence, shared->item_row);
	if (r < 0)
		return r;
	store_tell(told, user_id);
	if (sqlite3_changes(writer->reader.db) == 0)
		r = grants_add_event(writer, share, user_id, sequence, told);
	if (r == 0 && !shared->by_owner && shared->owner_id != user_id)
		r = grants_add_event(writer, share, shared->owner_id, sequence, told);
	return r;
}

static int grants_check_statement(struct store_reader *reader, int64_t item_row, const uint8_t hash[DIGEST_BYTES])
{
	static const char sql[] = "SELECT 1 FROM items WHERE item_row=? AND statement_hash=?";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = db_bind(reader, &row, sql, "ib", item_row, ((struct span){ hash, DIGEST_BYTES }));
	if (r == 0)
		r = db_step(row);
	return r > 0 ? 0 : r < 0 ? r : -SIS_ERR_CHANGED;
}

int store_put_grants(struct store_writer *writer, const struct store_share *share, uint64_t *ret_sequence, struct store_told *told,
                     char ret_who[STORE_WHO_TEXT], const char **ret_why)
{
	struct store_reader *reader = &writer->reader;
	struct shared shared;
	int64_t user_id = 0;
	uint64_t sequence = 0;
	ret_who[0] = '\0';
	int r = grants_check_caller(reader, &share->by);
	if (r == 0)
		r = grants_find_item(reader, share, &shared);
	if (r == 0)
		r = grants_check_statement(reader, shared.item_row, share->statement_hash);
	if (r == 0)
		r = grants_find_rights(reader, share, &shared);
	if (r == 0 && (r = reader_find_live_user(reader, share->recipient, &user_id)) < 0)
		snprintf(ret_who, STORE_WHO_TEXT, "%s", share->recipient);
	if (r == 0)
		r = grants_write_all(reader, share, &shared, user_id, ret_who, ret_why);
	/* Only the owner moves the end of the item itself: for others what they grant ends before it anyway. */
	if (r == 0 && shared.by_owner)
		r = items_set_expiry(reader, shared.item_row);
	if (r == 0)
		r = store_next_sequence(writer, &sequence);
	if (r == 0)
		r = grants_tell(writer, share, &shared, user_id, sequence, told);
	if (r == 0)
		*ret_sequence = sequence;
	return r;
}

/* ------------------------------------------------ taking back ------------------------------------------------ */

static int grants_remove(struct store_reader *reader, int64_t item_row, const char *user, int64_t *ret_user_id)
{
	static const char inbox[] = "DELETE FROM inbox WHERE item_row=? AND user_id=(SELECT user_id FROM users WHERE name=?) RETURNING user_id";
	static const char grants[] = "DELETE FROM grants WHERE item_row=? AND user_id=?";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = db_bind(reader, &row, inbox, "it", item_row, user);
	if (r == 0)
		r = db_step(row);
	if (r <= 0)
		return r < 0 ? r : -SIS_ERR_NO_USER;
	*ret_user_id = sqlite3_column_int64(row, 0);
	db_resetp(&row);
	return db_run(reader, grants, "ii", item_row, *ret_user_id);
}

static const char *grants_drop_forbidden(const struct shared *shared)
{
	if (shared->by_owner && shared->for_self)
		return "it is your own item: delete it instead";
	return shared->by_owner || shared->for_self ? NULL : "only the owner may end somebody else's access";
}

int store_drop_grants(struct store_writer *writer, const struct store_share *share, uint64_t *ret_sequence, struct store_told *told,
                      const char **ret_why)
{
	struct store_reader *reader = &writer->reader;
	struct shared shared;
	struct store_event event = { .kind = STORE_EVENT_REMOVED, .time = share->now, .has_item = true, .what = "unshared" };
	int r = grants_check_caller(reader, &share->by);
	if (r == 0)
		r = grants_find_item(reader, share, &shared);
	if (r == 0 && (*ret_why = grants_drop_forbidden(&shared)) != NULL)
		r = -SIS_ERR_NOT_ALLOWED;
	if (r == 0 && (r = grants_remove(reader, shared.item_row, share->recipient, &event.user_id)) == -SIS_ERR_NO_USER)
		*ret_why = "nobody of this name has access to the item";
	if (r == 0 && shared.by_owner)
		r = items_set_expiry(reader, shared.item_row);
	if (r == 0)
		r = store_next_sequence(writer, &event.sequence);
	if (r < 0)
		return r;
	memcpy(event.item, share->id, ITEM_ID_BYTES);
	memcpy(event.user, share->by.user, sizeof(event.user));
	store_tell(told, event.user_id);
	*ret_sequence = event.sequence;
	return store_add_event(writer, &event);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * An item whose row was lost, read back from its object: row, grants, lists and quota, in one transaction, under a new number. Whoever calls has verified the
 * object as at its upload, and given the item its owner as the only reader. */
#include "store/check.h"

#include "base/error.h"
#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Its owner was told so; others are also when only their access ends. What was given up as lost was not removed by anybody: it may have been found again. */
bool salvage_was_removed(struct store_reader *reader, const uint8_t id[ITEM_ID_BYTES], const char *owner, int64_t since)
{
	static const char sql[] = "SELECT 1 FROM events e JOIN users u USING(user_id) WHERE e.item=? AND e.kind=? AND e.what<>'lost' AND u.name=? AND e.time>=? LIMIT 1";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	return db_bind(reader, &row, sql, "biti", ((struct span){ id, ITEM_ID_BYTES }), (int64_t)STORE_EVENT_REMOVED, owner, since) == 0 && db_step(row) > 0;
}

/* Out of lost/, when it is there. Its name is durable before the row is. */
static int salvage_bring_object(struct store_writer *writer, const struct store_problem *problem)
{
	char path[DB_OBJECT_PATH];
	db_object_path(problem->item, path);
	if (!orphan_is_lost(problem))
		return 0;
	return writer->lost_fd < 0 ? -SIS_ERR_NO_INPUT : store_take_object(writer, writer->lost_fd, path + 3, problem->item);
}

/* Of the row ?1, the grants that are of item ?2 and statement ?3, and for whom their row says. Each of these lines a grant has once. */
#define SALVAGE_GRANTS "FROM grants WHERE item_row=?1 AND (instr(text, char(10)||'item '||?2||char(10)||'statement '||?3||char(10))>0 AND EXISTS" \
	" (SELECT 1 FROM users u WHERE u.user_id=grants.user_id AND instr(text, char(10)||'recipient '||u.name||char(10)||'device '||grants.device||char(10))>0))"

bool salvage_has_grant(struct store_reader *reader, int64_t item_row, const uint8_t item[ITEM_ID_BYTES], const uint8_t statement_hash[DIGEST_BYTES])
{
	static const char sql[] = "SELECT 1 " SALVAGE_GRANTS " LIMIT 1";
	char id[ITEM_ID_TEXT + 1], hash[2 * DIGEST_BYTES + 1];
	DB_STATEMENT sqlite3_stmt *row = NULL;
	item_id_encode(item, id);
	hex_encode(statement_hash, DIGEST_BYTES, hash);
	return db_bind(reader, &row, sql, "itt", item_row, id, hash) == 0 && db_step(row) > 0;
}

/* What is left of the item that had this number: its grants stay in force; whatever else there is goes. */
static int salvage_sift(struct store_reader *reader, int64_t item_row, const struct store_new_item *item)
{
	static const char inbox[] = "DELETE FROM inbox WHERE item_row=?";
	static const char grants[] = "DELETE FROM grants WHERE item_row=?1 AND (user_id, device) NOT IN (SELECT user_id, device " SALVAGE_GRANTS ")";
	char id[ITEM_ID_TEXT + 1], hash[2 * DIGEST_BYTES + 1];
	item_id_encode(item->id, id);
	hex_encode(item->statement_hash, DIGEST_BYTES, hash);
	int r = db_run(reader, inbox, "i", item_row);
	return r < 0 ? r : db_run(reader, grants, "itt", item_row, id, hash);
}

/* A grant that the database has is newer than the object's. */
static int salvage_add_grants(struct store_reader *reader, int64_t item_row, const struct store_new_item *item)
{
	static const char sql[] = "INSERT OR IGNORE INTO grants(item_row, user_id, device, text, expires, may_share)"
	                          " SELECT ?, user_id, name, ?, ?, ? FROM devices WHERE user_id=? AND name=? AND state=0";
	int r = 0;
	for (unsigned i = 0; i < item->n_grants && r == 0; i++) {
		const struct store_new_grant *grant = &item->grant[i];
		r = db_run(reader, sql, "isoiit", item_row, grant->text, grant->expires, (int64_t)grant->may_share, item->user_id, grant->device);
	}
	return r;
}

static int salvage_list(struct store_writer *writer, int64_t item_row, const struct store_new_item *item, struct store_mended *mended)
{
	static const char sql[] = "INSERT INTO inbox(user_id, sequence, item_row) SELECT user_id, ?1, ?2 FROM"
	                          " (SELECT user_id FROM grants WHERE item_row=?2 UNION SELECT ?3) JOIN users USING(user_id) RETURNING user_id";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = store_next_sequence(writer, &mended->sequence);
	if (r == 0)
		r = db_bind(&writer->reader, &row, sql, "iii", (int64_t)mended->sequence, item_row, item->user_id);
	while (r == 0 && (r = db_step(row)) > 0) {
		store_tell(&mended->told, sqlite3_column_int64(row, 0));
		r = 0;
	}
	return r;
}

int salvage_item(struct store_writer *writer, const struct store_problem *problem, const struct store_new_item *item, struct store_mended *mended)
{
	static const char charge[] = "UPDATE users SET used=used+? WHERE user_id=?";
	struct store_reader *reader = &writer->reader;
	int64_t item_row = 0;
	if (check_row_exists(reader, problem->item))
		return 0;
	/* Two names, and nothing that shows it was ever in the database: a commit that was interrupted, and a start decides which way. */
	struct stat stat;
	if (problem->row == 0 && (fstatat(reader->objects_fd, problem->path, &stat, AT_SYMLINK_NOFOLLOW) < 0 || stat.st_nlink > 1))
		return -SIS_ERR_BUSY;
	/* It may have been deleted since it was looked at: grants go with it. Where there were none, a deletion counts whatever was uploaded after it. */
	if (problem->row != 0 ? !salvage_has_grant(reader, problem->row, problem->item, item->statement_hash) :
	                        salvage_was_removed(reader, problem->item, problem->user, 0))
		return -SIS_ERR_NO_ITEM;
	int r = salvage_bring_object(writer, problem);
	if (r == 0)
		r = items_insert(reader, item, problem->row, &item_row);
	if (r == 0)
		r = db_run(reader, charge, "ii", (int64_t)item->bytes, item->user_id);
	if (r == 0)
		r = salvage_sift(reader, item_row, item);
	if (r == 0)
		r = salvage_add_grants(reader, item_row, item);
	if (r == 0)
		r = salvage_list(writer, item_row, item, mended);
	if (r == 0)
		r = items_set_expiry(reader, item_row);
	if (r == 0)
		mended->deed = problem->kind == PROBLEM_ITEM_ROW ? "with the access that the database still had" : "for its owner alone";
	return r;
}

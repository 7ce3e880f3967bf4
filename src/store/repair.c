/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * `sisctl check --repair`: each mend looks again, in the transaction that it is done in, whether there still is something to mend. Nothing is deleted that
 * somebody may want to see: files go to lost/, and an item that is given up leaves its texts there. */
#include "store/check.h"

#include "base/error.h"
#include "base/util.h"
#include "crypto/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_TEXT (STORE_PROBLEM_PATH + 32)

/* ------------------------------------------------ rows ------------------------------------------------ */

static int mend_audit_head(struct store_writer *writer, const struct store_problem *problem, struct store_mended *mended)
{
	bool missing = false;
	int r = store_audit_head_is_missing(&writer->reader, &missing);
	if (r < 0 || !missing)
		return r;
	mended->deed = "the head of the audit trail is its last line again";
	return store_mend_audit_head(writer);
}

static int mend_sequence(struct store_writer *writer, const struct store_problem *problem, struct store_mended *mended)
{
	static const char sql[] =
		"INSERT INTO meta(name, value) SELECT 'sequence', max((SELECT coalesce(max(sequence), 0) FROM inbox), (SELECT coalesce(max(sequence), 0) FROM events))"
		" WHERE true ON CONFLICT(name) DO UPDATE SET value=max(value, excluded.value)";
	mended->deed = "numbers go on above all that are in use";
	return db_run(&writer->reader, sql, "");
}

static int mend_index(struct store_writer *writer, const struct store_problem *problem, struct store_mended *mended)
{
	mended->deed = "the indices of the database were built anew";
	return db_exec(&writer->reader, "REINDEX");
}

static int mend_reference(struct store_writer *writer, const struct store_problem *problem, struct store_mended *mended)
{
	if (problem->row < 0 || (size_t)problem->row >= n_db_references || db_references[problem->row].drop == NULL)
		return -SIS_ERR_NOT_ALLOWED;
	int r = db_exec(&writer->reader, db_references[problem->row].drop);
	/* None, when the items that they are of were read back. */
	if (r == 0 && sqlite3_changes(writer->reader.db) > 0)
		mended->deed = "rows that spoke of nothing were removed";
	return r;
}

static int mend_expiry(struct store_writer *writer, const struct store_problem *problem, struct store_mended *mended)
{
	mended->deed = "its end was reckoned from its grants";
	return items_set_expiry(&writer->reader, problem->row);
}

static int mend_inbox(struct store_writer *writer, const struct store_problem *problem, struct store_mended *mended)
{
	static const char sql[] =
		"INSERT INTO inbox(user_id, sequence, item_row) SELECT ?1, ?2, ?3 WHERE EXISTS (SELECT 1 FROM items WHERE item_row=?3)"
		" AND (EXISTS (SELECT 1 FROM grants WHERE item_row=?3 AND user_id=?1) OR EXISTS (SELECT 1 FROM items WHERE item_row=?3 AND user_id=?1))"
		" AND NOT EXISTS (SELECT 1 FROM inbox WHERE item_row=?3 AND user_id=?1)";
	int r = store_next_sequence(writer, &mended->sequence);
	if (r == 0)
		r = db_run(&writer->reader, sql, "iii", problem->user_id, (int64_t)mended->sequence, problem->row);
	if (r < 0 || sqlite3_changes(writer->reader.db) == 0)
		return r;
	store_tell(&mended->told, problem->user_id);
	mended->deed = "it was put into the list of who has it";
	return 0;
}

static int mend_used(struct store_writer *writer, const struct store_problem *problem, struct store_mended *mended)
{
	static const char sql[] = "UPDATE users SET used=(SELECT coalesce(sum(bytes), 0) FROM items i WHERE i.user_id=users.user_id) WHERE user_id=?";
	mended->deed = "what the user keeps was reckoned from the items";
	return db_run(&writer->reader, sql, "i", problem->row);
}

static int mend_upload_row(struct store_writer *writer, const struct store_problem *problem, struct store_mended *mended)
{
	if (faccessat(writer->incoming_fd, problem->path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	mended->deed = "an unfinished upload without a file was forgotten";
	return store_remove_upload(writer, problem->path);
}

/* ------------------------------------------------ files ------------------------------------------------ */

/* Into lost/, under the last part of its name; never over something. */
static int repair_move(struct store_writer *writer, int dir_fd, const char *path, const char *as)
{
	char other[NAME_TEXT];
	if (writer->lost_fd < 0)
		return -SIS_ERR_NO_INPUT;
	int r = renameat2(dir_fd, path, writer->lost_fd, as, RENAME_NOREPLACE);
	if (r < 0 && errno == EEXIST) {
		snprintf(other, sizeof(other), "%s.%llu", as, (unsigned long long)time_monotonic_ns());
		r = renameat2(dir_fd, path, writer->lost_fd, other, RENAME_NOREPLACE);
	}
	return r < 0 ? error_from_errno(errno) : fsync(writer->lost_fd) < 0 ? error_from_errno(errno) : 0;
}

static int repair_move_aside(struct store_writer *writer, int dir_fd, const char *path, struct store_mended *mended)
{
	const char *slash = strrchr(path, '/');
	int r = repair_move(writer, dir_fd, path, slash != NULL ? slash + 1 : path);
	if (r == 0)
		mended->deed = "a file that nothing named was moved to lost/";
	return r == -SIS_ERR_NO_INPUT && faccessat(dir_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0 ? 0 : r;
}

int repair_drop_orphan(struct store_writer *writer, const uint8_t id[ITEM_ID_BYTES], const char *path, struct store_mended *mended)
{
	struct store_object_owner owner;
	struct stat stat;
	CLEANUP_FD int fd = openat(writer->reader.objects_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd >= 0 && fstat(fd, &stat) == 0 && store_read_object_owner(fd, &owner) == 0 &&
	    salvage_was_removed(&writer->reader, id, owner.user, stat.st_mtime)) {
		mended->deed = "the object of an item that had been deleted was removed";
		return store_remove_object(writer, id);
	}
	return repair_move_aside(writer, writer->reader.objects_fd, path, mended);
}

/* Two names: it is being committed, or its commit was interrupted, and a start decides which way. */
static int mend_orphan(struct store_writer *writer, const struct store_problem *problem, struct store_mended *mended)
{
	struct stat stat;
	if (check_row_exists(&writer->reader, problem->item) || fstatat(writer->reader.objects_fd, problem->path, &stat, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	return stat.st_nlink > 1 ? -SIS_ERR_BUSY : repair_drop_orphan(writer, problem->item, problem->path, mended);
}

static int mend_item_object(struct store_writer *writer, const struct store_problem *problem, struct store_mended *mended)
{
	int r = orphan_is_lost(problem) ? -SIS_ERR_NOT_ALLOWED : mend_orphan(writer, problem, mended);
	if (r == 0 && mended->deed != NULL)
		mended->deed = "its object was moved to lost/, from where --recover-items reads it back";
	return r;
}

static int mend_stray(struct store_writer *writer, const struct store_problem *problem, struct store_mended *mended)
{
	return repair_move_aside(writer, writer->reader.objects_fd, problem->path, mended);
}

static int mend_upload_file(struct store_writer *writer, const struct store_problem *problem, struct store_mended *mended)
{
	return repair_move_aside(writer, writer->incoming_fd, problem->path, mended);
}

/* ------------------------------------------------ items that are lost ------------------------------------------------ */

static void staged_name(const uint8_t item[ITEM_ID_BYTES], char ret_name[NAME_TEXT])
{
	char id[ITEM_ID_TEXT + 1];
	item_id_encode(item, id);
	snprintf(ret_name, NAME_TEXT, STORE_STAGED "%s", id);
}

static int staged_read_row(struct store_reader *reader, const uint8_t item[ITEM_ID_BYTES], uint64_t *ret_bytes, struct store_part ret_part[3], uint8_t ret_hash[DIGEST_BYTES])
{
	static const char sql[] = "SELECT bytes, statement_hash, object_offset, object_size, object_root, manifest_offset, manifest_size, manifest_root,"
	                          " thumbnail_offset, thumbnail_size, thumbnail_root FROM items WHERE id=?";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = db_bind(reader, &row, sql, "b", ((struct span){ item, ITEM_ID_BYTES }));
	if (r < 0 || (r = db_step(row)) <= 0)
		return r < 0 ? r : -SIS_ERR_NO_ITEM;
	*ret_bytes = (uint64_t)sqlite3_column_int64(row, 0);
	r = db_column_fixed(row, 1, ret_hash, DIGEST_BYTES);
	for (int i = 0; i < 3 && r == 0; i++) {
		ret_part[i].offset = (uint64_t)sqlite3_column_int64(row, 2 + 3 * i);
		ret_part[i].size = (uint64_t)sqlite3_column_int64(row, 3 + 3 * i);
		r = db_column_fixed(row, 4 + 3 * i, ret_part[i].root, DIGEST_BYTES);
	}
	return r;
}

int store_verify_staged(struct store_writer *writer, struct store_reader *reader, const uint8_t item[ITEM_ID_BYTES])
{
	struct store_part part[3];
	uint8_t hash[DIGEST_BYTES], root[DIGEST_BYTES];
	uint64_t bytes = 0;
	char name[NAME_TEXT];
	struct stat stat;
	staged_name(item, name);
	CLEANUP_FD int fd = openat(writer->incoming_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &stat) < 0)
		return error_from_errno(errno);
	int r = staged_read_row(reader, item, &bytes, part, hash);
	if (r < 0)
		return r;
	if (!S_ISREG(stat.st_mode) || stat.st_nlink != 1 || (uint64_t)stat.st_size != bytes || !check_bundle_begins(fd, bytes, hash))
		return -SIS_ERR_MISMATCH;
	for (int i = 0; i < 3 && r == 0; i++) {
		if (part[i].size > 0 && (r = store_part_root(fd, part[i].offset, part[i].size, root)) == 0 && memcmp(root, part[i].root, DIGEST_BYTES) != 0)
			r = -SIS_ERR_MISMATCH;
	}
	return r == 0 && fsync(fd) < 0 ? error_from_errno(errno) : r;
}

static int lost_move_object(struct store_writer *writer, const uint8_t item[ITEM_ID_BYTES])
{
	char path[DB_OBJECT_PATH], as[NAME_TEXT];
	db_object_path(item, path);
	snprintf(as, sizeof(as), "%s.damaged", path + 3);
	int r = repair_move(writer, writer->reader.objects_fd, path, as);
	return r == -SIS_ERR_NO_INPUT ? 0 : r;
}

static int lost_put_back(struct store_writer *writer, const struct store_problem *problem, struct store_mended *mended)
{
	char name[NAME_TEXT];
	staged_name(problem->item, name);
	CLEANUP_FD int fd = openat(writer->incoming_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return error_from_errno(errno);
	int r = lost_move_object(writer, problem->item);
	if (r == 0)
		r = store_link_object(writer, name, problem->item, fd);
	if (r == 0)
		r = store_remove_incoming(writer, name);
	if (r == 0)
		mended->deed = "its object was put back from a backup";
	return r;
}

/* What the database knew of it, so that nothing that is known is destroyed: statement and grants, one after the other. */
static int lost_write_texts(struct store_writer *writer, const struct store_problem *problem)
{
	static const char sql[] = "SELECT statement FROM items WHERE item_row=?1 UNION ALL SELECT text FROM grants WHERE item_row=?1";
	char name[NAME_TEXT], id[ITEM_ID_TEXT + 1];
	item_id_encode(problem->item, id);
	snprintf(name, sizeof(name), "%s.texts", id);
	CLEANUP_FD int fd = writer->lost_fd < 0 ? -1 : openat(writer->lost_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	DB_STATEMENT sqlite3_stmt *row = NULL;
	if (fd < 0)
		return writer->lost_fd < 0 ? -SIS_ERR_NO_INPUT : error_from_errno(errno);
	int r = db_bind(&writer->reader, &row, sql, "i", problem->row);
	while (r == 0 && (r = db_step(row)) > 0) {
		struct span text = db_column_span(row, 0);
		r = fd_write_all(fd, text.data, text.size);
	}
	return r < 0 ? r : fsync(fd) < 0 || fsync(writer->lost_fd) < 0 ? error_from_errno(errno) : 0;
}

static int lost_give_up(struct store_writer *writer, const struct store_problem *problem, struct store_mended *mended)
{
	if (!check_row_exists(&writer->reader, problem->item))
		return 0;
	int r = lost_write_texts(writer, problem);
	if (r == 0)
		r = store_add_removal(writer, problem->row, problem->item, "lost", "", time_now(), &mended->sequence, &mended->told);
	if (r == 0)
		r = items_remove(&writer->reader, problem->row);
	if (r == 0)
		r = lost_move_object(writer, problem->item);
	if (r == 0)
		mended->deed = "it was removed, and its owner and readers are told that it is lost";
	return r;
}

/* ------------------------------------------------ all of them ------------------------------------------------ */

static int (*const mends[PROBLEM_END])(struct store_writer *writer, const struct store_problem *problem, struct store_mended *mended) = {
	[PROBLEM_AUDIT_HEAD] = mend_audit_head, [PROBLEM_SEQUENCE] = mend_sequence, [PROBLEM_INDEX] = mend_index, [PROBLEM_REFERENCE] = mend_reference,
	[PROBLEM_EXPIRY] = mend_expiry, [PROBLEM_INBOX] = mend_inbox, [PROBLEM_USED] = mend_used, [PROBLEM_ORPHAN] = mend_orphan, [PROBLEM_ITEM_OBJECT] = mend_item_object, [PROBLEM_STRAY] = mend_stray,
	[PROBLEM_UPLOAD_ROW] = mend_upload_row, [PROBLEM_UPLOAD_FILE] = mend_upload_file,
};

int store_mend(struct store_writer *writer, const struct store_problem *problem, const struct store_mending *mending, struct store_mended *ret_mended)
{
	*ret_mended = (struct store_mended){ 0 };
	if (store_problem_is_read_back(problem->kind) && mending->item != NULL)
		return salvage_item(writer, problem, mending->item, ret_mended);
	if (store_problem_is_lost(problem->kind) && mending->staged)
		return lost_put_back(writer, problem, ret_mended);
	if (store_problem_is_lost(problem->kind) && mending->remove_lost)
		return lost_give_up(writer, problem, ret_mended);
	return mends[problem->kind] != NULL ? mends[problem->kind](writer, problem, ret_mended) : -SIS_ERR_NOT_ALLOWED;
}

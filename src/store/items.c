/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Items: the rows that make one visible, and the object file that must be durable before they exist. */
#include "store/db.h"
#include "store/writer.h"

#include "base/error.h"
#include "base/util.h"
#include "crypto/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* item_row 0: a new number, and never that of an item whose row is lost, or its readers would have this one. */
int items_insert(struct store_reader *reader, const struct store_new_item *item, int64_t item_row, int64_t *ret_item_row)
{
	static const char sql[] =
		"INSERT INTO items(item_row, id, user_id, device_id, received, statement, statement_hash, bytes, object_offset, object_size, object_root,"
		" manifest_offset, manifest_size, manifest_root, thumbnail_offset, thumbnail_size, thumbnail_root)"
		" VALUES(coalesce(?, 1+max(coalesce((SELECT max(item_row) FROM items), 0), coalesce((SELECT max(item_row) FROM grants), 0),"
		" coalesce((SELECT max(item_row) FROM inbox), 0))), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
#define PART(n) (int64_t)item->part[n].offset, (int64_t)item->part[n].size, ((struct span){ item->part[n].root, DIGEST_BYTES })
	int r = db_run(reader, sql, "obiiisbiiibiibiib", item_row, ((struct span){ item->id, ITEM_ID_BYTES }), item->user_id, item->device_id, item->received,
	               item->statement, ((struct span){ item->statement_hash, DIGEST_BYTES }), (int64_t)item->bytes,
	               PART(SEAL_OBJECT), PART(SEAL_MANIFEST), PART(SEAL_THUMBNAIL));
#undef PART
	if (r < 0)
		return r == -SIS_ERR_CONFLICT ? -SIS_ERR_EXISTS : r;
	*ret_item_row = sqlite3_last_insert_rowid(reader->db);
	return 0;
}

/* Owner and device may have been revoked while the bytes were checked. */
static int items_charge_owner(struct store_reader *reader, const struct store_new_item *item)
{
	static const char find[] = "SELECT u.used, coalesce(u.quota, ?) FROM users u JOIN devices d USING(user_id)"
	                           " WHERE u.user_id=? AND d.device_id=? AND u.state=0 AND d.state=0";
	static const char charge[] = "UPDATE users SET used=used+? WHERE user_id=?";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = db_bind(reader, &row, find, "iii", (int64_t)item->quota, item->user_id, item->device_id);
	if (r == 0)
		r = db_step(row);
	if (r <= 0)
		return r < 0 ? r : -SIS_ERR_REVOKED;
	uint64_t used = (uint64_t)sqlite3_column_int64(row, 0), quota = (uint64_t)sqlite3_column_int64(row, 1);
	if (quota != 0 && (used > quota || item->bytes > quota - used))
		return -SIS_ERR_QUOTA;
	return db_run(reader, charge, "ii", (int64_t)item->bytes, item->user_id);
}

static int items_add_reader(struct store_reader *reader, const char *name, uint64_t sequence, int64_t item_row, struct store_told *told)
{
	static const char sql[] = "INSERT INTO inbox(user_id, sequence, item_row) SELECT user_id, ?, ? FROM users WHERE name=? AND state=0 RETURNING user_id";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = db_bind(reader, &row, sql, "iit", (int64_t)sequence, item_row, name);
	if (r == 0)
		r = db_step(row);
	if (r <= 0)
		return r < 0 ? r : -SIS_ERR_NO_USER;
	store_tell(told, sqlite3_column_int64(row, 0));
	return 0;
}

static int items_add_grant(struct store_reader *reader, const struct store_new_grant *grant, int64_t item_row)
{
	static const char sql[] = "INSERT INTO grants(item_row, user_id, device, text, expires, may_share) SELECT ?, d.user_id, d.name, ?, ?, ?"
	                          " FROM devices d JOIN users u USING(user_id) WHERE u.name=? AND d.name=? AND u.state=0 AND d.state=0";
	int r = db_run(reader, sql, "isoitt", item_row, grant->text, grant->expires, (int64_t)grant->may_share, grant->recipient, grant->device);
	if (r < 0)
		return r == -SIS_ERR_CONFLICT ? -SIS_ERR_BAD_GRANT : r;
	return sqlite3_changes(reader->db) == 1 ? 0 : -SIS_ERR_NO_KEY;
}

int items_set_expiry(struct store_reader *reader, int64_t item_row)
{
	static const char sql[] =
		"UPDATE items SET expires=(SELECT CASE WHEN count(expires)=count(*) THEN max(expires) END FROM grants g WHERE g.item_row=items.item_row)"
		" WHERE item_row=? AND EXISTS (SELECT 1 FROM grants g WHERE g.item_row=items.item_row)";
	return db_run(reader, sql, "i", item_row);
}

int store_add_item(struct store_writer *writer, const struct store_new_item *item, uint64_t *ret_sequence, struct store_told *told,
                   char ret_who[STORE_WHO_TEXT])
{
	struct store_reader *reader = &writer->reader;
	ret_who[0] = '\0';
	int64_t item_row = 0;
	uint64_t sequence = 0;
	int r = items_charge_owner(reader, item);
	if (r == 0)
		r = items_insert(reader, item, 0, &item_row);
	if (r == 0)
		r = store_next_sequence(writer, &sequence);
	for (unsigned i = 0; i < item->n_audience && r == 0; i++) {
		r = items_add_reader(reader, item->audience[i], sequence, item_row, told);
		if (r < 0)
			snprintf(ret_who, STORE_WHO_TEXT, "%s", item->audience[i]);
	}
	for (unsigned i = 0; i < item->n_grants && r == 0; i++) {
		r = items_add_grant(reader, &item->grant[i], item_row);
		if (r < 0)
			snprintf(ret_who, STORE_WHO_TEXT, "%s/%s", item->grant[i].recipient, item->grant[i].device);
	}
	if (r == 0)
		r = items_set_expiry(reader, item_row);
	if (r == 0)
		*ret_sequence = sequence;
	return r;
}

int store_find_same_item(struct store_reader *reader, const struct store_new_item *item, uint64_t *ret_sequence)
{
	static const char sql[] = "SELECT b.sequence FROM items i JOIN inbox b ON b.item_row=i.item_row AND b.user_id=i.user_id"
	                          " WHERE i.id=? AND i.user_id=? AND i.device_id=? AND i.statement_hash=? AND " DB_IS_LIVE;
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = db_bind(reader, &row, sql, "biib", ((struct span){ item->id, ITEM_ID_BYTES }), item->user_id, item->device_id,
	                ((struct span){ item->statement_hash, DIGEST_BYTES }));
	if (r == 0)
		r = db_step(row);
	if (r <= 0)
		return r < 0 ? r : -SIS_ERR_NO_ITEM;
	*ret_sequence = (uint64_t)sqlite3_column_int64(row, 0);
	return 0;
}

int items_remove(struct store_reader *reader, int64_t item_row)
{
	static const char drop[] = "DELETE FROM items WHERE item_row=? RETURNING bytes, user_id";
	static const char credit[] = "UPDATE users SET used=max(0, used-?) WHERE user_id=?";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = db_bind(reader, &row, drop, "i", item_row);
	if (r == 0)
		r = db_step(row);
	if (r <= 0)
		return r < 0 ? r : -SIS_ERR_NO_ITEM;
	int64_t bytes = sqlite3_column_int64(row, 0), user_id = sqlite3_column_int64(row, 1);
	db_resetp(&row);
	return db_run(reader, credit, "ii", bytes, user_id);
}

int store_delete_item(struct store_writer *writer, const uint8_t id[ITEM_ID_BYTES], int64_t user_id, uint64_t *ret_sequence, struct store_told *told)
{
	static const char find[] = "SELECT i.item_row, u.name FROM items i JOIN users u USING(user_id) WHERE i.id=? AND i.user_id=?";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = db_bind(&writer->reader, &row, find, "bi", ((struct span){ id, ITEM_ID_BYTES }), user_id);
	if (r == 0)
		r = db_step(row);
	if (r <= 0)
		return r < 0 ? r : -SIS_ERR_NO_ITEM;
	int64_t item_row = sqlite3_column_int64(row, 0);
	char owner[NAME_MAX_TEXT + 1];
	db_column_name(row, 1, owner);
	db_resetp(&row);
	r = store_add_removal(writer, item_row, id, "deleted", owner, time_now(), ret_sequence, told);
	return r < 0 ? r : items_remove(&writer->reader, item_row);
}

/* Makes the names of all directories durable. */
static int items_flush_directories(struct store_writer *writer)
{
	CLEANUP_FD int objects_fd = openat(writer->reader.objects_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return objects_fd < 0 || fsync(objects_fd) < 0 ? error_from_errno(errno) : 0;
}

static int items_make_directory(struct store_writer *writer, const char *name)
{
	atomic_fetch_add(&writer->n_making, 1);
	int r = mkdirat(writer->reader.objects_fd, name, 0750) < 0 && errno != EEXIST ? error_from_errno(errno) : items_flush_directories(writer);
	/* Not flushed is not there: the next one who needs it tries again. */
	if (r < 0)
		(void)unlinkat(writer->reader.objects_fd, name, AT_REMOVEDIR);
	atomic_fetch_sub(&writer->n_making, 1);
	return r;
}

/* The directory of an item's object; its own name is durable when this returns. */
static int items_open_directory(struct store_writer *writer, const char *path, int *ret_fd)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
	char name[3] = { path[0], path[1], '\0' };
	int r = 0;
	CLEANUP_FD int fd = openat(writer->reader.objects_fd, name, flags);
	if (fd < 0 && errno == ENOENT) {
		r = items_make_directory(writer, name);
		if (r == 0)
			fd = openat(writer->reader.objects_fd, name, flags);
	} else if (fd >= 0 && atomic_load(&writer->n_making) > 0) {
		/* It may be one that another thread made just now and has not flushed yet. */
		r = items_flush_directories(writer);
	}
	if (r == 0 && fd < 0)
		r = error_from_errno(errno);
	if (r == 0)
		*ret_fd = fd_take(&fd);
	return r;
}

int store_link_object(struct store_writer *writer, const char *upload_id, const uint8_t id[ITEM_ID_BYTES], int fd)
{
	char path[DB_OBJECT_PATH];
	db_object_path(id, path);
	CLEANUP_FD int directory = -1;
	int r = items_open_directory(writer, path, &directory);
	if (r < 0)
		return r;
	/* Name first, then the flush: one journal commit of the file system then carries both. The name under incoming/ stays until the database
	 * knows the item: a file with two names tells recovery that it was on its way. */
	if (linkat(writer->incoming_fd, upload_id, directory, path + 3, 0) < 0)
		return error_from_errno(errno);
	if (fsync(fd) < 0 || fsync(directory) < 0) {
		r = error_from_errno(errno);
		unlinkat(directory, path + 3, 0);
	}
	return r;
}

int store_take_object(struct store_writer *writer, int from_fd, const char *name, const uint8_t id[ITEM_ID_BYTES])
{
	char path[DB_OBJECT_PATH];
	db_object_path(id, path);
	CLEANUP_FD int directory = -1;
	int r = items_open_directory(writer, path, &directory);
	if (r == 0 && renameat2(from_fd, name, directory, path + 3, RENAME_NOREPLACE) < 0)
		r = error_from_errno(errno);
	return r == 0 && fsync(directory) < 0 ? error_from_errno(errno) : r;
}

int store_remove_object(struct store_writer *writer, const uint8_t id[ITEM_ID_BYTES])
{
	char path[DB_OBJECT_PATH];
	db_object_path(id, path);
	return unlinkat(writer->reader.objects_fd, path, 0) == 0 || errno == ENOENT ? 0 : error_from_errno(errno);
}

int store_part_root(int fd, uint64_t offset, uint64_t size, uint8_t ret_root[DIGEST_BYTES])
{
	struct merkle merkle;
	merkle_init(&merkle);
	CLEANUP_FREE uint8_t *chunk = malloc(SEAL_SEALED_CHUNK_BYTES);
	if (chunk == NULL)
		return -SIS_ERR_NO_MEMORY;
	for (uint64_t done = 0; done < size;) {
		size_t n = size - done < SEAL_SEALED_CHUNK_BYTES ? (size_t)(size - done) : SEAL_SEALED_CHUNK_BYTES;
		int r = fd_pread_all(fd, chunk, n, offset + done);
		if (r < 0)
			return r;
		uint8_t leaf[DIGEST_BYTES];
		merkle_hash_leaf(chunk, n, leaf);
		merkle_add_leaf(&merkle, leaf);
		done += n;
	}
	merkle_root(&merkle, ret_root);
	return 0;
}

int store_count(struct store_reader *reader, struct store_totals *ret_totals)
{
	static const char sql[] =
		"SELECT (SELECT count(*) FROM users WHERE state=0), (SELECT count(*) FROM devices WHERE state=0),"
		" (SELECT count(*) FROM certificates c JOIN devices d USING(device_id) WHERE d.state=0 AND c.not_after>unixepoch()),"
		" (SELECT count(*) FROM items), (SELECT coalesce(sum(used), 0) FROM users),"
		" coalesce((SELECT value FROM meta WHERE name='sequence'), 0)";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = db_bind(reader, &row, sql, "");
	if (r == 0)
		r = db_step(row);
	if (r < 0)
		return r;
	*ret_totals = (struct store_totals){
		.n_users = (uint64_t)sqlite3_column_int64(row, 0),
		.n_devices = (uint64_t)sqlite3_column_int64(row, 1),
		.n_certificates = (uint64_t)sqlite3_column_int64(row, 2),
		.n_items = (uint64_t)sqlite3_column_int64(row, 3),
		.bytes = (uint64_t)sqlite3_column_int64(row, 4),
		.sequence = (uint64_t)sqlite3_column_int64(row, 5),
	};
	return 0;
}

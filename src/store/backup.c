/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Backups and what follows a restore. The copy is the database of one moment; the list beside it names the objects that this moment has, so that whoever
 * copies them needs no database. */
#include "store/db.h"
#include "store/writer.h"

#include "base/error.h"
#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BACKUP_PATH_MAX 4096
/* After a restore the sequence numbers go on far above all that were ever given out: at the seconds since 2026, times 2^22. No server makes four million
 * changes in a second, so a number is never given out twice, whichever backup was restored, and however often. Clients know the leap (sis/horizon.c). */
#define RESTORED_EPOCH INT64_C(1767225600)
#define RESTORED_SHIFT 22
#define RESTORED_LEAP (INT64_C(1) << 32)

static int backup_path(const char *state_dir, const char *name, char ret_path[BACKUP_PATH_MAX])
{
	int n = snprintf(ret_path, BACKUP_PATH_MAX, "%s/%s", state_dir, name);
	return n < 0 || n >= BACKUP_PATH_MAX ? -SIS_ERR_CONFIG : 0;
}

void store_backup_remove(struct store_writer *writer)
{
	(void)unlinkat(writer->incoming_fd, STORE_BACKUP_DATABASE, 0);
	(void)unlinkat(writer->incoming_fd, STORE_BACKUP_DATABASE "-journal", 0);
	(void)unlinkat(writer->incoming_fd, STORE_BACKUP_LIST, 0);
}

static int backup_write_list(struct store_reader *copy, FILE *list)
{
	static const char sql[] = "SELECT id, bytes FROM items ORDER BY id";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = db_bind(copy, &row, sql, "");
	while (r == 0 && (r = db_step(row)) > 0) {
		uint8_t id[ITEM_ID_BYTES];
		char text[ITEM_ID_TEXT + 1];
		r = db_column_fixed(row, 0, id, ITEM_ID_BYTES);
		if (r < 0)
			return r;
		item_id_encode(id, text);
		if (fprintf(list, "%s %lld\n", text, (long long)sqlite3_column_int64(row, 1)) < 0)
			return error_from_errno(errno);
	}
	return r < 0 ? r : fflush(list) != 0 ? error_from_errno(errno) : 0;
}

static int backup_list(struct store_writer *writer, struct store_reader *copy)
{
	int fd = openat(writer->incoming_fd, STORE_BACKUP_LIST, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	FILE *list = fd < 0 ? NULL : fdopen(fd, "w");
	if (list == NULL) {
		int r = error_from_errno(errno);
		fd_close(fd);
		return r;
	}
	int r = backup_write_list(copy, list);
	return fclose(list) != 0 && r == 0 ? error_from_errno(errno) : r;
}

static int backup_copy(struct store_reader *reader, const char *path)
{
	static const char sql[] = "VACUUM INTO ?";
	return db_run(reader, sql, "t", path);
}

int store_backup(struct store_writer *writer, struct store_reader *reader, const char *state_dir, struct store_totals *ret_totals)
{
	char path[BACKUP_PATH_MAX];
	store_backup_remove(writer);
	int r = backup_path(state_dir, "incoming/" STORE_BACKUP_DATABASE, path);
	if (r == 0)
		r = backup_copy(reader, path);
	if (r < 0)
		return r;
	struct store_reader copy = { .objects_fd = -1 };
	if (sqlite3_open_v2(path, &copy.db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL) != SQLITE_OK)
		r = copy.db != NULL ? db_error(copy.db) : -SIS_ERR_NO_MEMORY;
	if (r == 0)
		r = backup_list(writer, &copy);
	if (r == 0)
		r = store_count(&copy, ret_totals);
	db_close(&copy);
	return r;
}

/* ------------------------------------------------ after a restore ------------------------------------------------ */

/* Codes that were not used when the backup was made may have been since. */
static int restored_forget(struct store_writer *writer)
{
	static const char invites[] = "DELETE FROM invites WHERE used=0";
	static const char uploads[] = "DELETE FROM uploads WHERE item IS NULL";
	int r = db_run(&writer->reader, invites, "");
	return r < 0 ? r : db_run(&writer->reader, uploads, "");
}

static int restored_lift(struct store_writer *writer, int64_t now)
{
	static const char reset[] = "INSERT INTO events(user_id, sequence, kind, time) SELECT user_id, ?, ?, ? FROM users";
	int64_t lifted = store_get_meta_number(&writer->reader, "sequence", 0) + RESTORED_LEAP;
	int64_t number = store_get_meta_number(&writer->reader, "crl_number", 0);
	if (now > RESTORED_EPOCH && (now - RESTORED_EPOCH) << RESTORED_SHIFT > lifted)
		lifted = (now - RESTORED_EPOCH) << RESTORED_SHIFT;
	int r = store_set_meta_number(writer, "sequence", lifted);
	/* Numbers of revocation lists must grow, too. */
	if (r == 0)
		r = store_set_meta_number(writer, "crl_number", number + 65536 > now ? number + 65536 : now);
	return r < 0 ? r : db_run(&writer->reader, reset, "iii", lifted, (int64_t)STORE_EVENT_RESET, now);
}

int store_begin_restored(struct store_writer *writer, const char *state_dir, bool *ret_restored)
{
	char begun[BACKUP_PATH_MAX], path[BACKUP_PATH_MAX];
	int r = backup_path(state_dir, "db/" STORE_RESTORING, begun);
	if (r == 0)
		r = backup_path(state_dir, "db/" STORE_RESTORED, path);
	if (r < 0)
		return r;
	if (access(begun, F_OK) == 0)
		return -SIS_ERR_INTERRUPTED;
	*ret_restored = access(path, F_OK) == 0;
	if (!*ret_restored)
		return 0;
	r = store_begin(writer);
	if (r < 0)
		return r;
	r = restored_lift(writer, time_now());
	if (r == 0)
		r = restored_forget(writer);
	if (r == 0)
		r = store_commit(writer);
	else
		store_rollback(writer);
	/* A crash here lifts once more: no harm. */
	if (r == 0 && unlink(path) < 0)
		r = error_from_errno(errno);
	return r;
}

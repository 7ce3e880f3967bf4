/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The writer's connection: opening and upgrading the database, transactions, small facts. */
#include "store/audit_chain.h"
#include "store/db.h"
#include "store/schema.h"
#include "store/writer.h"

#include "base/error.h"
#include "base/util.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int writer_upgrade(struct store_reader *reader, int version)
{
	int r = db_exec(reader, "BEGIN IMMEDIATE");
	for (int i = version; i < SCHEMA_VERSION && r == 0; i++)
		r = db_exec(reader, SCHEMA[i]);
	if (r == 0 && version < SCHEMA_AUDIT_CHAIN)
		r = audit_chain_begin(reader);
	if (r == 0) {
		char sql[64];
		snprintf(sql, sizeof(sql), "PRAGMA user_version=%d", SCHEMA_VERSION);
		r = db_exec(reader, sql);
	}
	if (r == 0)
		r = db_exec(reader, "COMMIT");
	if (r < 0)
		sqlite3_exec(reader->db, "ROLLBACK", NULL, NULL, NULL);
	return r;
}

static int writer_read_version(struct store_reader *reader, int *ret_version)
{
	sqlite3_stmt *statement;
	if (sqlite3_prepare_v2(reader->db, "PRAGMA user_version", -1, &statement, NULL) != SQLITE_OK)
		return db_error(reader->db);
	int r = db_step(statement);
	*ret_version = sqlite3_column_int(statement, 0);
	sqlite3_finalize(statement);
	return r < 0 ? r : 0;
}

/* A newer database is refused before anything is written. */
static int writer_set_up(struct store_reader *reader, char *ret_why, size_t capacity)
{
	int version = 0, r = writer_read_version(reader, &version);
	if (r == 0 && version > SCHEMA_VERSION) {
		snprintf(ret_why, capacity, "the database was made by a newer sis: it has version %d, and this sisd knows up to %d; nothing was changed: "
		         "install that sis again, or restore a backup from before, sis-backup(7)", version, SCHEMA_VERSION);
		return -SIS_ERR_UNKNOWN_SUITE;
	}
	/* Checkpoints at 1000 pages keep the WAL near 4 MiB; journal_size_limit gives back what a burst took. */
	if (r == 0)
		r = db_exec(reader, "PRAGMA cache_size=-2048; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA journal_size_limit=8388608;");
	return r == 0 && version < SCHEMA_VERSION ? writer_upgrade(reader, version) : r;
}

/* A new database beside the objects of an old one would be an empty server with all its pictures lost. */
static int writer_check_present(const char *state_dir, char *ret_why, size_t capacity)
{
	struct stat stat;
	CLEANUP_FD int state_fd = open(state_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (state_fd < 0)
		return error_from_errno(errno);
	if (fstatat(state_fd, "db/sis.db", &stat, 0) == 0 && stat.st_size > 0)
		return 0;
	int fd = openat(state_fd, "objects", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	bool empty = true;
	if (directory == NULL) {
		int r = error_from_errno(errno);
		fd_close(fd);
		return r;
	}
	for (struct dirent *entry; empty && (entry = readdir(directory)) != NULL;)
		empty = entry->d_name[0] == '.';
	closedir(directory);
	if (empty)
		return 0;
	snprintf(ret_why, capacity, "%s/db/sis.db is missing or empty, but objects/ holds what people have shared: restore a backup, sis-backup(7); nothing was changed. "
	         "(To begin anew, move the whole state directory away)", state_dir);
	return -SIS_ERR_DAMAGED;
}

static void writer_explain(const char *state_dir, int error, char *ret_why, size_t capacity)
{
	if (ret_why[0] != '\0')
		return;
	if (error == -SIS_ERR_DAMAGED)
		snprintf(ret_why, capacity, "the database %s/db/sis.db is damaged, and nothing was changed: keep a copy of the state directory (cp -a); then "
		         "`sisctl check --offline --repair` saves what can be read, or restore a backup, sis-backup(7)", state_dir);
	else
		snprintf(ret_why, capacity, "the store in %s cannot be opened for writing: %s", state_dir, error_text(error));
}

int store_writer_open(const char *state_dir, struct store_writer **ret_writer, char *ret_why, size_t capacity)
{
	char nowhere[1];
	ret_why = ret_why != NULL && capacity > 0 ? ret_why : nowhere;
	capacity = ret_why == nowhere ? sizeof(nowhere) : capacity;
	ret_why[0] = '\0';
	struct store_writer *writer = calloc(1, sizeof(*writer));
	if (writer == NULL)
		return -SIS_ERR_NO_MEMORY;
	writer->incoming_fd = writer->lost_fd = writer->db_fd = writer->wal_fd = writer->shm_fd = -1;
	int r = writer_check_present(state_dir, ret_why, capacity);
	if (r == 0)
		r = db_open(&writer->reader, state_dir, true);
	if (r == 0)
		r = writer_set_up(&writer->reader, ret_why, capacity);
	if (r == 0) {
		CLEANUP_FD int state_fd = open(state_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
		writer->incoming_fd = state_fd < 0 ? -1 : openat(state_fd, "incoming", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		writer->lost_fd = state_fd < 0 ? -1 : openat(state_fd, "lost", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		/* Directories that the daemon before made, and did not come to flush. */
		CLEANUP_FD int objects_fd = state_fd < 0 ? -1 : openat(state_fd, "objects", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (writer->incoming_fd < 0 || objects_fd < 0 || fsync(objects_fd) < 0)
			r = error_from_errno(errno);
		if (r == 0)
			store_holder_begin(writer, state_fd);
	}
	if (r < 0) {
		writer_explain(state_dir, r, ret_why, capacity);
		store_writer_close(writer);
		return r;
	}
	store_reserve_begin(writer, state_dir);
	*ret_writer = writer;
	return 0;
}

void store_writer_close(struct store_writer *writer)
{
	if (writer == NULL)
		return;
	db_close(&writer->reader);
	fd_close(writer->incoming_fd);
	fd_close(writer->lost_fd);
	store_reserve_end(writer);
	store_holder_end(writer);
	free(writer);
}

struct store_reader *store_as_reader(struct store_writer *writer)
{
	return &writer->reader;
}

int store_begin(struct store_writer *writer)
{
	static const char sql[] = "BEGIN IMMEDIATE";
	return db_run(&writer->reader, sql, "");
}

int store_commit(struct store_writer *writer)
{
	static const char sql[] = "COMMIT";
	int r = db_run(&writer->reader, sql, "");
	if (r < 0)
		store_rollback(writer);
	return r;
}

void store_rollback(struct store_writer *writer)
{
	if (store_is_open(writer))
		sqlite3_exec(writer->reader.db, "ROLLBACK", NULL, NULL, NULL);
}

bool store_is_open(struct store_writer *writer)
{
	return sqlite3_get_autocommit(writer->reader.db) == 0;
}

int store_step_begin(struct store_writer *writer)
{
	static const char sql[] = "SAVEPOINT step";
	return db_run(&writer->reader, sql, "");
}

int store_step_end(struct store_writer *writer, bool keep)
{
	static const char undo[] = "ROLLBACK TO step";
	static const char end[] = "RELEASE step";
	int r = keep ? 0 : db_run(&writer->reader, undo, "");
	return r < 0 ? r : db_run(&writer->reader, end, "");
}

int store_set_meta(struct store_writer *writer, const char *name, struct span value)
{
	static const char sql[] = "INSERT INTO meta(name, value) VALUES(?, ?) ON CONFLICT(name) DO UPDATE SET value=excluded.value";
	return db_run(&writer->reader, sql, "tb", name, value);
}

int store_set_meta_number(struct store_writer *writer, const char *name, int64_t value)
{
	static const char sql[] = "INSERT INTO meta(name, value) VALUES(?, ?) ON CONFLICT(name) DO UPDATE SET value=excluded.value";
	return db_run(&writer->reader, sql, "ti", name, value);
}

int store_set_crl(struct store_writer *writer, const uint8_t authority[STORE_FINGERPRINT_BYTES], struct span der)
{
	char name[DB_CRL_NAME];
	db_crl_name(authority, name);
	return store_set_meta(writer, name, der);
}

int64_t store_get_meta_number(struct store_reader *reader, const char *name, int64_t fallback)
{
	static const char sql[] = "SELECT value FROM meta WHERE name=?";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	if (db_bind(reader, &row, sql, "t", name) < 0 || db_step(row) <= 0)
		return fallback;
	return sqlite3_column_int64(row, 0);
}

int store_next_sequence(struct store_writer *writer, uint64_t *ret_sequence)
{
	static const char sql[] = "INSERT INTO meta(name, value) VALUES('sequence', 1) ON CONFLICT(name) DO UPDATE SET value=value+1 RETURNING value";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = db_bind(&writer->reader, &row, sql, "");
	if (r == 0)
		r = db_step(row);
	if (r < 0)
		return r;
	*ret_sequence = (uint64_t)sqlite3_column_int64(row, 0);
	return 0;
}

int store_checkpoint(struct store_writer *writer)
{
	int code = sqlite3_wal_checkpoint_v2(writer->reader.db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	return code == SQLITE_OK || code == SQLITE_BUSY ? 0 : db_error(writer->reader.db);
}

int store_mark_clean(struct store_writer *writer)
{
	return store_set_meta_number(writer, "clean", 1);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * SQLite as the store uses it: how a connection is opened, kept statements, and what its errors are called here. */
#include "store/db.h"

#include "base/error.h"
#include "base/util.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Readers meet the writer only at the turn of the WAL, for microseconds. The writer meets nobody, but for who means ill, and waits until he is ended (holder.c). */
#define BUSY_TIMEOUT_MS 2000
#define BUSY_TIMEOUT_WRITER_MS 10000

int db_error(sqlite3 *db)
{
	int code = sqlite3_extended_errcode(db);
	switch (code & 0xff) {
	case SQLITE_FULL:
		return -SIS_ERR_NO_SPACE;
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN: {
		int errno_value = sqlite3_system_errno(db);
		return errno_value != 0 ? error_from_errno(errno_value) : -SIS_ERR_IO;
	}
	case SQLITE_READONLY:
		return -SIS_ERR_READ_ONLY;
	case SQLITE_NOMEM:
		return -SIS_ERR_NO_MEMORY;
	case SQLITE_BUSY:
		return -SIS_ERR_BUSY;
	case SQLITE_CONSTRAINT:
		return -SIS_ERR_CONFLICT;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -SIS_ERR_DAMAGED;
	default:
		return -SIS_ERR_INTERNAL;
	}
}

int db_exec(struct store_reader *reader, const char *sql)
{
	return sqlite3_exec(reader->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : db_error(reader->db);
}

static int db_connect(struct store_reader *reader, const char *state_dir, bool writable)
{
	char uri[4096];
	/* readonly_shm: a worker may not even try to open the shared index for writing. The ledger's open connection keeps it valid. */
	int n = snprintf(uri, sizeof(uri), "file:%s/db/sis.db?mode=%s", state_dir, writable ? "rwc" : "ro&readonly_shm=1");
	if (n < 0 || (size_t)n >= sizeof(uri) || strpbrk(state_dir, "?#%") != NULL)
		return -SIS_ERR_CONFIG;
	int flags = SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
	flags |= writable ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
	if (sqlite3_open_v2(uri, &reader->db, flags, NULL) != SQLITE_OK)
		return reader->db != NULL ? db_error(reader->db) : -SIS_ERR_NO_MEMORY;
	sqlite3_busy_timeout(reader->db, writable ? BUSY_TIMEOUT_WRITER_MS : BUSY_TIMEOUT_MS);
	/* A stranger who could alter the file must not gain more than its rows: no code in the schema. */
	sqlite3_db_config(reader->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(reader->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	return 0;
}

int db_open(struct store_reader *reader, const char *state_dir, bool writable)
{
	reader->objects_fd = -1;
	int r = db_connect(reader, state_dir, writable);
	if (r == 0)
		r = db_exec(reader, "PRAGMA cache_size=-256; PRAGMA mmap_size=0; PRAGMA temp_store=MEMORY; PRAGMA foreign_keys=ON;");
	if (r == 0) {
		CLEANUP_FD int state_fd = open(state_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
		reader->objects_fd = state_fd < 0 ? -1 : openat(state_fd, "objects", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (reader->objects_fd < 0)
			r = error_from_errno(errno);
	}
	if (r < 0)
		db_close(reader);
	return r;
}

void db_close(struct store_reader *reader)
{
	for (unsigned i = 0; i < reader->n_statements; i++)
		sqlite3_finalize(reader->statement[i].handle);
	reader->n_statements = 0;
	sqlite3_close(reader->db);
	reader->db = NULL;
	reader->objects_fd = fd_close(reader->objects_fd);
}

static int db_prepare(struct store_reader *reader, const char *sql, sqlite3_stmt **ret_statement)
{
	for (unsigned i = 0; i < reader->n_statements; i++) {
		if (reader->statement[i].sql == sql) {
			*ret_statement = reader->statement[i].handle;
			return 0;
		}
	}
	assert(reader->n_statements < DB_STATEMENTS_MAX);
	sqlite3_stmt *handle;
	if (sqlite3_prepare_v3(reader->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &handle, NULL) != SQLITE_OK)
		return db_error(reader->db);
	reader->statement[reader->n_statements++] = (struct db_statement){ sql, handle };
	*ret_statement = handle;
	return 0;
}

static int db_bind_one(sqlite3_stmt *statement, int index, char type, va_list *args)
{
	if (type == 't')
		return sqlite3_bind_text(statement, index, va_arg(*args, const char *), -1, SQLITE_TRANSIENT);
	if (type == 's' || type == 'b') {
		struct span span = va_arg(*args, struct span);
		const void *data = span.data != NULL ? span.data : (const void *)"";
		return type == 's' ? sqlite3_bind_text64(statement, index, data, span.size, SQLITE_TRANSIENT, SQLITE_UTF8)
		                   : sqlite3_bind_blob64(statement, index, data, span.size, SQLITE_TRANSIENT);
	}
	int64_t number = va_arg(*args, int64_t);
	return type == 'o' && number == 0 ? sqlite3_bind_null(statement, index) : sqlite3_bind_int64(statement, index, number);
}

int db_bind(struct store_reader *reader, sqlite3_stmt **ret_statement, const char *sql, const char *types, ...)
{
	sqlite3_stmt *statement;
	int r = db_prepare(reader, sql, &statement);
	if (r < 0)
		return r;
	assert(!sqlite3_stmt_busy(statement));
	va_list args;
	va_start(args, types);
	int code = SQLITE_OK;
	for (int i = 0; types[i] != '\0' && code == SQLITE_OK; i++)
		code = db_bind_one(statement, i + 1, types[i], &args);
	va_end(args);
	if (code != SQLITE_OK) {
		r = db_error(reader->db);
		db_resetp(&statement);
		return r;
	}
	*ret_statement = statement;
	return 0;
}

int db_step(sqlite3_stmt *statement)
{
	switch (sqlite3_step(statement)) {
	case SQLITE_ROW:
		return 1;
	case SQLITE_DONE:
		return 0;
	default:
		return db_error(sqlite3_db_handle(statement));
	}
}

void db_resetp(sqlite3_stmt **statement)
{
	if (*statement == NULL)
		return;
	sqlite3_reset(*statement);
	sqlite3_clear_bindings(*statement);
}

struct span db_column_span(sqlite3_stmt *statement, int column)
{
	const uint8_t *data = sqlite3_column_blob(statement, column);
	return (struct span){ data, (size_t)sqlite3_column_bytes(statement, column) };
}

void db_column_name(sqlite3_stmt *statement, int column, char ret_name[NAME_MAX_TEXT + 1])
{
	if (!span_to_string(db_column_span(statement, column), ret_name, NAME_MAX_TEXT + 1))
		ret_name[0] = '\0';
}

enum store_state db_column_state(sqlite3_stmt *statement, int column)
{
	int state = sqlite3_column_int(statement, column);
	return state == STORE_LIVE ? STORE_LIVE : state == STORE_DISABLED ? STORE_DISABLED : STORE_REVOKED;
}

int db_column_fixed(sqlite3_stmt *statement, int column, void *ret_data, size_t size)
{
	struct span span = db_column_span(statement, column);
	if (span.size != size)
		return -SIS_ERR_INTERNAL;
	memcpy(ret_data, span.data, size);
	return 0;
}

void db_object_path(const uint8_t id[ITEM_ID_BYTES], char ret_path[DB_OBJECT_PATH])
{
	char text[ITEM_ID_TEXT + 1];
	item_id_encode(id, text);
	snprintf(ret_path, DB_OBJECT_PATH, "%.2s/%s", text, text);
}

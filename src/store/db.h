/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Inside the store only: one SQLite connection with its kept statements. A connection belongs to one thread at a time. */
#pragma once

#include "base/cursor.h"
#include "store/store.h"

#include <sqlite3.h>
#include <stdatomic.h>

#define DB_STATEMENTS_MAX 96

struct db_statement { const char *sql; sqlite3_stmt *handle; };

struct store_reader {
	sqlite3 *db;
	int objects_fd;                         /* state_dir/objects */
	unsigned n_statements;
	struct db_statement statement[DB_STATEMENTS_MAX];
};

struct store_writer {
	struct store_reader reader;             /* first: whatever reads takes a reader */
	int incoming_fd, lost_fd;               /* state_dir/incoming, state_dir/lost (-1: there is none) */
	int db_fd, wal_fd;                      /* reserve.c; -1: nothing can be kept */
	int shm_fd;                             /* holder.c; -1: nobody can be found */
	atomic_uint n_making;                   /* threads that make a directory under objects/ and have not flushed it yet */
};

/* Opens and sets up a connection. writable also creates the file. */
int db_open(struct store_reader *reader, const char *state_dir, bool writable);
void db_close(struct store_reader *reader);

/* The kept statement for sql (a static string: it is found by its address), bound to the arguments that types names: 'i' int64_t, 't' const char *
 * (NULL is null), 's' struct span as text, 'b' struct span as blob, 'o' int64_t that is null when 0. */
int db_bind(struct store_reader *reader, sqlite3_stmt **ret_statement, const char *sql, const char *types, ...);
/* 1: a row; 0: done; or a negative error. */
int db_step(sqlite3_stmt *statement);
/* Binds and runs what returns no row. */
#define db_run(reader, sql, types, ...) ({ \
	DB_STATEMENT sqlite3_stmt *db_statement_ = NULL; \
	int db_error_ = db_bind((reader), &db_statement_, (sql), (types), ##__VA_ARGS__); \
	db_error_ < 0 ? db_error_ : db_step(db_statement_); })
int db_exec(struct store_reader *reader, const char *sql);

void db_resetp(sqlite3_stmt **statement);
#define DB_STATEMENT __attribute__((cleanup(db_resetp)))

/* The negative error for what the connection last reported. */
int db_error(sqlite3 *db);

struct span db_column_span(sqlite3_stmt *statement, int column);        /* borrowed until the next step; null reads as empty */
void db_column_name(sqlite3_stmt *statement, int column, char ret_name[NAME_MAX_TEXT + 1]);
enum store_state db_column_state(sqlite3_stmt *statement, int column);   /* of a user; what nobody knows counts as revoked */
/* INTERNAL when the column is no blob of this size: a damaged database. */
int db_column_fixed(sqlite3_stmt *statement, int column, void *ret_data, size_t size);

/* True of an item (row i of items) and a user's row b of inbox: neither the item nor the user's access to it has ended, though the ledger may not have
 * come to remove it yet. Who was named but got no grant at all (a worker may have left it out) sees the item, and that he cannot open it. */
#define DB_NEVER "9223372036854775807"
#define DB_IS_LIVE \
	"(coalesce(i.expires, " DB_NEVER ")>unixepoch() AND (i.user_id=b.user_id OR coalesce((SELECT max(coalesce(g.expires, " DB_NEVER "))" \
	" FROM grants g WHERE g.item_row=b.item_row AND g.user_id=b.user_id), " DB_NEVER ")>unixepoch()))"

struct store_new_item;
int items_insert(struct store_reader *reader, const struct store_new_item *item, int64_t item_row, int64_t *ret_item_row);
/* items.c: the item ends with the last of its grants; without any it keeps what it had. */
int items_set_expiry(struct store_reader *reader, int64_t item_row);
/* Row, grants and inboxes, and the bytes back to the owner's quota. */
int items_remove(struct store_reader *reader, int64_t item_row);

/* NO_USER when there is none of this name or he is not live. */
int reader_find_live_user(struct store_reader *reader, const char *user, int64_t *ret_user_id);

/* "ab/abcdef…" below state_dir/objects: the first two characters of the item's id, then all of them. */
#define DB_OBJECT_PATH (2 + 1 + ITEM_ID_TEXT + 1)
void db_object_path(const uint8_t id[ITEM_ID_BYTES], char ret_path[DB_OBJECT_PATH]);

/* The name in meta of the revocation list by one generation of the authority. */
#define DB_CRL_NAME (4 + 2 * STORE_FINGERPRINT_BYTES + 1)
void db_crl_name(const uint8_t authority[STORE_FINGERPRINT_BYTES], char ret_name[DB_CRL_NAME]);

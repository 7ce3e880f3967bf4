/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A damaged database: whatever rows can still be read go into a new one, table by table and around the pages that cannot, and the new one takes its place. The
 * damaged one stays, in lost/. Only when no daemon is at work: `sisctl check --offline --repair`. */
#include "store/db.h"
#include "store/schema.h"
#include "store/writer.h"

#include "base/error.h"
#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SALVAGED "sis.db.salvaged"
#define ATTEMPTS_MAX 4000               /* at one table: where its last page is gone, there is no end to look for */
#define SQL_TEXT 512
#define NAMES_MAX 100                   /* of what is kept in one second */

struct salvage {
	sqlite3 *from, *to;
	int db_fd, lost_fd;                     /* state_dir/db, state_dir/lost */
	char table[64], key[64];
	bool is_number;                         /* the key is */
	int n_columns;
	unsigned n_attempts, n_failed;
	bool lost_rows;                         /* of whatever table but audit */
	void (*told)(const char *sentence, void *arg);
	void *arg;
};

static int salvage_exec(sqlite3 *db, const char *sql)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : db_error(db);
}

/* ------------------------------------------------ one table ------------------------------------------------ */

static int salvage_insert(struct salvage *salvage, sqlite3_stmt *insert, sqlite3_stmt *row)
{
	for (int i = 0; i < salvage->n_columns; i++)
		sqlite3_bind_value(insert, i + 1, sqlite3_column_value(row, i));
	int code = sqlite3_step(insert);
	sqlite3_reset(insert);
	/* A row that no longer fits its table (an empty column that may not be) is as lost as one that cannot be read. */
	if ((code & 0xff) == SQLITE_CONSTRAINT)
		salvage->n_failed++;
	return code == SQLITE_DONE || (code & 0xff) == SQLITE_CONSTRAINT ? 0 : db_error(salvage->to);
}

/* 0: all of it; DAMAGED: up to *ret_last (if *ret_any). Other errors are of the new database. */
static int salvage_read(struct salvage *salvage, int64_t low, int64_t high, bool down, bool *ret_any, int64_t *ret_last)
{
	char sql[SQL_TEXT], more[SQL_TEXT] = "";
	sqlite3_stmt *row = NULL, *insert = NULL;
	salvage->n_attempts++;
	*ret_any = false;
	if (salvage->is_number)
		snprintf(more, sizeof(more), "WHERE %s>=%lld AND %s<=%lld", salvage->key, (long long)low, salvage->key, (long long)high);
	snprintf(sql, sizeof(sql), "SELECT * FROM %s %s ORDER BY %s %s", salvage->table, more, salvage->key, down ? "DESC" : "ASC");
	if (sqlite3_prepare_v2(salvage->from, sql, -1, &row, NULL) != SQLITE_OK)
		return -SIS_ERR_DAMAGED;
	int n = snprintf(sql, sizeof(sql), "INSERT OR IGNORE INTO %s VALUES(?", salvage->table);
	salvage->n_columns = sqlite3_column_count(row);
	for (int i = 1; i < salvage->n_columns; i++)
		n += snprintf(sql + n, sizeof(sql) - (size_t)n, ",?");
	snprintf(sql + n, sizeof(sql) - (size_t)n, ")");
	int code = SQLITE_DONE, r = sqlite3_prepare_v2(salvage->to, sql, -1, &insert, NULL) == SQLITE_OK ? 0 : db_error(salvage->to);
	while (r == 0 && (code = sqlite3_step(row)) == SQLITE_ROW) {
		*ret_any = true;
		*ret_last = sqlite3_column_int64(row, 0);
		r = salvage_insert(salvage, insert, row);
	}
	sqlite3_finalize(row);
	sqlite3_finalize(insert);
	return r < 0 ? r : code == SQLITE_DONE ? 0 : -SIS_ERR_DAMAGED;
}

/* From below up to the damage, from above down to it, and the same again in both halves of what lies between. */
static int salvage_range(struct salvage *salvage, int64_t low, int64_t high)
{
	bool any;
	int64_t last = 0;
	int r = salvage_read(salvage, low, high, false, &any, &last);
	if (r != -SIS_ERR_DAMAGED)
		return r;
	low = any && last < high ? last + 1 : low;
	r = salvage_read(salvage, low, high, true, &any, &last);
	if (r != -SIS_ERR_DAMAGED)
		return r;
	high = any && last > low ? last - 1 : high;
	salvage->n_failed++;
	if (low >= high || !salvage->is_number || salvage->n_attempts > ATTEMPTS_MAX)
		return 0;
	int64_t middle = low / 2 + high / 2;
	r = salvage_range(salvage, low, middle);
	return r < 0 ? r : salvage_range(salvage, middle + 1, high);
}

/* What it means for people that rows of a table are lost. */
static const struct { const char *table, *means; } salvage_means[] = {
	{ "users", "who is in none cannot connect, and only a backup brings them back" },
	{ "devices", "a device that is in none cannot connect: its user needs an invite for a new one (sisctl certs, sisctl invite), or restore a backup" },
	{ "certificates", "a device whose certificate is in none cannot connect, and what it signed is refused: restore a backup when there is one" },
	{ "items", "those whose objects are whole are read back, as said below" },
	{ "grants", "who was given an item by one has to be given it again by its owner (sis share)" },
	{ "inbox", "who still has access to an item gets it into the list again, as said below" },
	{ "events", "some removals are forgotten: look at what is read back" },
	{ "audit", "the trail has a gap, which every check will tell" },
	{ "meta", "sisd makes most of them anew when it starts" },
};

static const char *salvage_find_meaning(const char *table)
{
	for (size_t i = 0; i < ARRAY_SIZE(salvage_means); i++) {
		if (strcmp(salvage_means[i].table, table) == 0)
			return salvage_means[i].means;
	}
	return "nobody's items are in them";
}

static int salvage_table(struct salvage *salvage)
{
	char sql[SQL_TEXT], sentence[320];
	sqlite3_stmt *row = NULL;
	salvage->n_attempts = salvage->n_failed = 0;
	int r = salvage_range(salvage, INT64_MIN / 2, INT64_MAX / 2);
	if (r < 0 || salvage->n_failed == 0)
		return r;
	snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", salvage->table);
	if (sqlite3_prepare_v2(salvage->to, sql, -1, &row, NULL) != SQLITE_OK || sqlite3_step(row) != SQLITE_ROW)
		return db_error(salvage->to);
	snprintf(sentence, sizeof(sentence), "the database was damaged: of %s, %lld rows were saved, and others could not be read; %s", salvage->table,
	         (long long)sqlite3_column_int64(row, 0), salvage_find_meaning(salvage->table));
	sqlite3_finalize(row);
	salvage->lost_rows |= strcmp(salvage->table, "audit") != 0;
	salvage->told(sentence, salvage->arg);
	return 0;
}

static int salvage_tables(struct salvage *salvage)
{
	static const char sql[] = "SELECT s.name, c.name, c.type FROM sqlite_schema s, pragma_table_info(s.name) c WHERE s.type='table' AND c.cid=0 ORDER BY s.rowid";
	sqlite3_stmt *row = NULL;
	int r = sqlite3_prepare_v2(salvage->to, sql, -1, &row, NULL) == SQLITE_OK ? 0 : db_error(salvage->to);
	while (r == 0 && sqlite3_step(row) == SQLITE_ROW) {
		snprintf(salvage->table, sizeof(salvage->table), "%s", (const char *)sqlite3_column_text(row, 0));
		snprintf(salvage->key, sizeof(salvage->key), "%s", (const char *)sqlite3_column_text(row, 1));
		salvage->is_number = strncmp((const char *)sqlite3_column_text(row, 2), "INT", 3) == 0;
		r = salvage_table(salvage);
	}
	sqlite3_finalize(row);
	return r;
}

/* ------------------------------------------------ the databases ------------------------------------------------ */

static int salvage_open(const char *state_dir, const char *name, int flags, sqlite3 **ret_db)
{
	char path[4096];
	int n = snprintf(path, sizeof(path), "%s/db/%s", state_dir, name);
	if (n < 0 || (size_t)n >= sizeof(path))
		return -SIS_ERR_CONFIG;
	if (sqlite3_open_v2(path, ret_db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL) != SQLITE_OK)
		return *ret_db != NULL ? db_error(*ret_db) : -SIS_ERR_NO_MEMORY;
	sqlite3_db_config(*ret_db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	return 0;
}

static int salvage_version(sqlite3 *db, int *ret_version)
{
	sqlite3_stmt *row = NULL;
	int r = sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &row, NULL) == SQLITE_OK && sqlite3_step(row) == SQLITE_ROW ? 0 : -SIS_ERR_DAMAGED;
	*ret_version = sqlite3_column_int(row, 0);
	sqlite3_finalize(row);
	return r == 0 && (*ret_version < 1 || *ret_version > SCHEMA_VERSION) ? -SIS_ERR_DAMAGED : r;
}

static int salvage_fill(struct salvage *salvage)
{
	char sql[SQL_TEXT];
	int version = 0, r = salvage_version(salvage->from, &version);
	if (r == 0)
		r = salvage_exec(salvage->to, "PRAGMA synchronous=FULL; BEGIN");
	for (int i = 0; i < version && r == 0; i++)
		r = salvage_exec(salvage->to, SCHEMA[i]);
	if (r == 0)
		r = salvage_tables(salvage);
	/* The next start is not to look for objects without an item: they are of the rows that were lost. */
	if (r == 0 && salvage->lost_rows)
		r = salvage_exec(salvage->to, "UPDATE meta SET value=1 WHERE name='clean'");
	snprintf(sql, sizeof(sql), "PRAGMA user_version=%d; COMMIT", version);
	return r < 0 ? r : salvage_exec(salvage->to, sql);
}

/* ------------------------------------------------ the files ------------------------------------------------ */

static void salvage_remove_new(int db_fd)
{
	(void)unlinkat(db_fd, SALVAGED, 0);
	(void)unlinkat(db_fd, SALVAGED "-journal", 0);
}

/* One that was kept a moment ago, by a run that was cut off, keeps its name, and gives up none for this one. */
static int salvage_keep(const struct salvage *salvage, const char *name)
{
	char as[80], number[16] = "";
	long long now = (long long)time_now();
	for (unsigned i = 2; i <= NAMES_MAX; i++) {
		snprintf(as, sizeof(as), "%s.damaged-%lld%s", name, now, number);
		if (linkat(salvage->db_fd, name, salvage->lost_fd, as, 0) == 0 || errno == ENOENT)
			return 0;
		if (errno != EEXIST)
			break;
		snprintf(number, sizeof(number), "-%u", i);
	}
	return error_from_errno(errno);
}

/* What people were told is gone in part: the next start says so to everybody, as after a restore. Durable before the new database is there. */
static int salvage_mark(const struct salvage *salvage)
{
	CLEANUP_FD int fd = openat(salvage->db_fd, STORE_RESTORED, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	return fd < 0 ? error_from_errno(errno) : 0;
}

/* The damaged one gets its second name first; a log that could not be carried over must be gone before the new one is there, which it does not belong to. */
static int salvage_replace(const struct salvage *salvage)
{
	int r = salvage_keep(salvage, "sis.db");
	if (r == 0)
		r = salvage_keep(salvage, "sis.db-wal");
	if (r == 0 && fsync(salvage->lost_fd) < 0)
		r = error_from_errno(errno);
	if (r < 0)
		return r;
	if (salvage->lost_rows)
		r = salvage_mark(salvage);
	if (r < 0)
		return r;
	(void)unlinkat(salvage->db_fd, "sis.db-wal", 0);
	(void)unlinkat(salvage->db_fd, "sis.db-shm", 0);
	if (fsync(salvage->db_fd) < 0 || renameat(salvage->db_fd, SALVAGED, salvage->db_fd, "sis.db") < 0 || fsync(salvage->db_fd) < 0)
		return error_from_errno(errno);
	return 0;
}

int store_salvage(const char *state_dir, void (*told)(const char *sentence, void *arg), void *arg)
{
	struct salvage salvage = { .told = told, .arg = arg };
	CLEANUP_FD int state_fd = open(state_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	CLEANUP_FD int db_fd = state_fd < 0 ? -1 : openat(state_fd, "db", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEANUP_FD int lost_fd = state_fd < 0 ? -1 : openat(state_fd, "lost", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (db_fd < 0 || lost_fd < 0)
		return error_from_errno(errno);
	salvage.db_fd = db_fd;
	salvage.lost_fd = lost_fd;
	salvage_remove_new(db_fd);
	int r = salvage_open(state_dir, "sis.db", SQLITE_OPEN_READWRITE, &salvage.from);
	if (r == 0) {
		(void)sqlite3_exec(salvage.from, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL);
		r = salvage_open(state_dir, SALVAGED, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &salvage.to);
	}
	if (r == 0)
		r = salvage_fill(&salvage);
	if (salvage.from != NULL)
		sqlite3_db_config(salvage.from, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_close(salvage.to);
	sqlite3_close(salvage.from);
	if (r == 0)
		r = salvage_replace(&salvage);
	if (r < 0)
		salvage_remove_new(db_fd);
	return r;
}

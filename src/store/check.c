/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * `sisctl check`: does every row have its object, and every object its row? It runs beside the ledger's work, so it looks twice before it tells. */
#include "store/db.h"
#include "store/writer.h"

#include "base/error.h"
#include "base/util.h"
#include "crypto/seal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHECK_PAGE 256                  /* rows read at once: no read transaction is held while files are read */
#define CHECK_YOUNG_SECONDS 60          /* an object this young may be on its way into the database */

struct check_row { int64_t item_row; uint8_t id[ITEM_ID_BYTES]; uint64_t bytes; struct store_part part[3]; };

struct check {
	struct store_reader *reader;
	bool full;
	void (*problem)(const char *sentence, void *arg);
	void *arg;
	struct store_check_result result;
};

static void __attribute__((format(printf, 2, 3))) check_tell(struct check *check, const char *format, ...)
{
	char sentence[256];
	va_list args;
	va_start(args, format);
	vsnprintf(sentence, sizeof(sentence), format, args);
	va_end(args);
	check->result.n_problems++;
	check->problem(sentence, check->arg);
}

static int check_read_page(struct store_reader *reader, int64_t after, struct check_row *page, unsigned *ret_n)
{
	static const char sql[] =
		"SELECT item_row, id, bytes, object_offset, object_size, object_root, manifest_offset, manifest_size, manifest_root,"
		" thumbnail_offset, thumbnail_size, thumbnail_root FROM items WHERE item_row>? ORDER BY item_row LIMIT ?";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	unsigned n = 0;
	int r = db_bind(reader, &row, sql, "ii", after, (int64_t)CHECK_PAGE);
	while (r == 0 && n < CHECK_PAGE && (r = db_step(row)) > 0) {
		struct check_row *to = &page[n++];
		to->item_row = sqlite3_column_int64(row, 0);
		to->bytes = (uint64_t)sqlite3_column_int64(row, 2);
		r = db_column_fixed(row, 1, to->id, ITEM_ID_BYTES);
		for (int i = 0; i < 3 && r == 0; i++) {
			to->part[i].offset = (uint64_t)sqlite3_column_int64(row, 3 + 3 * i);
			to->part[i].size = (uint64_t)sqlite3_column_int64(row, 4 + 3 * i);
			r = db_column_fixed(row, 5 + 3 * i, to->part[i].root, DIGEST_BYTES);
		}
	}
	if (r >= 0)
		*ret_n = n;
	return r < 0 ? r : 0;
}

static bool check_row_exists(struct store_reader *reader, const uint8_t id[ITEM_ID_BYTES])
{
	static const char sql[] = "SELECT 1 FROM items WHERE id=?";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	return db_bind(reader, &row, sql, "b", ((struct span){ id, ITEM_ID_BYTES })) == 0 && db_step(row) == 1;
}

static void check_roots(struct check *check, const struct check_row *row, const char *id, int fd)
{
	static const char *const names[] = { "object", "manifest", "thumbnail" };
	for (int i = 0; i < 3; i++) {
		uint8_t root[DIGEST_BYTES];
		if (row->part[i].size == 0)
			continue;
		int r = store_part_root(fd, row->part[i].offset, row->part[i].size, root);
		if (r < 0)
			check_tell(check, "item %s: its %s cannot be read: %s", id, names[i], error_text(r));
		else if (memcmp(root, row->part[i].root, DIGEST_BYTES) != 0)
			check_tell(check, "item %s: its %s was altered on the disk: restore it from a backup", id, names[i]);
	}
}

static void check_item(struct check *check, const struct check_row *row)
{
	char id[ITEM_ID_TEXT + 1];
	item_id_encode(row->id, id);
	CLEANUP_FD int fd = -1;
	uint64_t size = 0;
	int r = store_open_object(check->reader, row->id, &fd, &size);
	if (r < 0 && !check_row_exists(check->reader, row->id))
		return;                 /* deleted since the page was read */
	check->result.n_items++;
	check->result.bytes += row->bytes;
	if (r == -SIS_ERR_NO_ITEM)
		check_tell(check, "item %s: its object is missing: restore it from a backup", id);
	else if (r < 0)
		check_tell(check, "item %s: its object cannot be opened: %s", id, error_text(r));
	else if (size != row->bytes)
		check_tell(check, "item %s: its object has %llu bytes and should have %llu", id, (unsigned long long)size, (unsigned long long)row->bytes);
	else if (check->full)
		check_roots(check, row, id, fd);
}

static int check_items(struct check *check)
{
	CLEANUP_FREE struct check_row *page = calloc(CHECK_PAGE, sizeof(*page));
	if (page == NULL)
		return -SIS_ERR_NO_MEMORY;
	int64_t after = 0;
	unsigned n;
	do {
		int r = check_read_page(check->reader, after, page, &n);
		if (r < 0)
			return r;
		for (unsigned i = 0; i < n; i++)
			check_item(check, &page[i]);
		after = n > 0 ? page[n - 1].item_row : after;
	} while (n == CHECK_PAGE);
	return 0;
}

static void check_file(struct check *check, int dir_fd, const char *prefix, const char *name)
{
	uint8_t id[ITEM_ID_BYTES];
	struct stat stat;
	if (fstatat(dir_fd, name, &stat, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	if (item_id_decode(span_from_string(name), id) < 0 || strncmp(name, prefix, 2) != 0)
		check_tell(check, "objects/%s holds a file that is no object; it may be removed", prefix);
	else if (!check_row_exists(check->reader, id) && stat.st_ctime + CHECK_YOUNG_SECONDS < time_now())
		check_tell(check, "objects/%s/%s belongs to no item; it may be removed", prefix, name);
}

/* Calls fn for each entry that is not hidden. */
static int check_each_entry(int dir_fd, const char *path, void (*fn)(struct check *check, int fd, const char *path, const char *name),
                            struct check *check)
{
	int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	if (directory == NULL) {
		int r = error_from_errno(errno);
		fd_close(fd);
		return r;
	}
	struct dirent *entry;
	while ((entry = readdir(directory)) != NULL) {
		if (entry->d_name[0] != '.')
			fn(check, fd, path, entry->d_name);
	}
	closedir(directory);
	return 0;
}

static void check_prefix(struct check *check, int fd, const char *path, const char *name)
{
	int r = check_each_entry(fd, name, check_file, check);
	if (r < 0)
		check_tell(check, "a directory of objects/ cannot be read: %s", error_text(r));
}

static int check_database(struct check *check)
{
	static const char sql[] = "PRAGMA quick_check(10)";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = db_bind(check->reader, &row, sql, "");
	while (r == 0 && (r = db_step(row)) > 0) {
		const char *text = (const char *)sqlite3_column_text(row, 0);
		if (text != NULL && strcmp(text, "ok") != 0)
			check_tell(check, "the database is damaged: %s", text);
		r = 0;
	}
	return r;
}

/* Rows that speak of what is not there; items and inboxes that do not fit the grants; quotas that do not fit the items. Each is one statement, so it sees
 * one state of the database although the ledger goes on. */
static int check_rows(struct check *check)
{
	static const struct { const char *sql, *problem; } facts[] = {
		{ "SELECT count(*) FROM pragma_foreign_key_check", "of the database's rows speak of users, devices or items that are not there" },
		{ "SELECT count(*) FROM items i WHERE i.expires<(SELECT max(coalesce(g.expires, " DB_NEVER ")) FROM grants g WHERE g.item_row=i.item_row)",
		  "items end before the last of their grants" },
		{ "SELECT count(*) FROM (SELECT DISTINCT item_row, user_id FROM grants g WHERE NOT EXISTS"
		  " (SELECT 1 FROM inbox b WHERE b.item_row=g.item_row AND b.user_id=g.user_id))", "readers have grants of items that are not in their lists" },
		{ "SELECT count(*) FROM users u WHERE u.used<>(SELECT coalesce(sum(bytes), 0) FROM items i WHERE i.user_id=u.user_id)",
		  "users' quotas do not count the bytes of their items" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++) {
		DB_STATEMENT sqlite3_stmt *row = NULL;
		int r = db_bind(check->reader, &row, facts[i].sql, "");
		if (r == 0)
			r = db_step(row);
		if (r < 0)
			return r;
		int64_t n = sqlite3_column_int64(row, 0);
		if (n > 0)
			check_tell(check, "%lld %s", (long long)n, facts[i].problem);
	}
	return 0;
}

int store_check(struct store_reader *reader, bool full, void (*problem)(const char *sentence, void *arg), void *arg,
                struct store_check_result *ret_result)
{
	struct check check = { .reader = reader, .full = full, .problem = problem, .arg = arg };
	int r = check_database(&check);
	if (r == 0)
		r = check_rows(&check);
	if (r == 0)
		r = check_items(&check);
	if (r == 0)
		r = check_each_entry(reader->objects_fd, ".", check_prefix, &check);
	if (r == 0)
		*ret_result = check.result;
	return r;
}

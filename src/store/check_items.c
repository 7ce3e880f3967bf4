/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * `sisctl check`: has every item its object, byte for byte? */
#include "store/check.h"

#include "base/error.h"
#include "base/util.h"
#include "crypto/seal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK_PAGE 256                  /* rows read at once: no read transaction is held while files are read */
#define READERS_NAMED 8                 /* of an item that is lost; the rest is counted */

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

bool check_row_exists(struct store_reader *reader, const uint8_t id[ITEM_ID_BYTES])
{
	static const char sql[] = "SELECT 1 FROM items WHERE id=?";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	return db_bind(reader, &row, sql, "b", ((struct span){ id, ITEM_ID_BYTES })) == 0 && db_step(row) == 1;
}

/* ------------------------------------------------ what is lost with it ------------------------------------------------ */

void store_problem_add_reader(struct store_problem *about, unsigned n, const char *name)
{
	size_t used = strlen(about->readers);
	if (n < READERS_NAMED)
		snprintf(about->readers + used, sizeof(about->readers) - used, "%s%s", used > 0 ? "," : "", name);
	else
		about->n_more_readers++;
}

void problem_about(struct store_reader *reader, const uint8_t id[ITEM_ID_BYTES], struct store_problem *ret_about)
{
	static const char item[] = "SELECT coalesce(u.name, '?'), i.received, i.item_row FROM items i LEFT JOIN users u USING(user_id) WHERE i.id=?";
	static const char inbox[] = "SELECT u.name FROM inbox b JOIN users u USING(user_id) JOIN items i USING(item_row) WHERE i.id=? AND b.user_id<>i.user_id";
	const struct span key = { id, ITEM_ID_BYTES };
	char name[NAME_MAX_TEXT + 1];
	*ret_about = (struct store_problem){ .has_item = true };
	memcpy(ret_about->item, id, ITEM_ID_BYTES);
	DB_STATEMENT sqlite3_stmt *row = NULL, *reader_row = NULL;
	if (db_bind(reader, &row, item, "b", key) < 0 || db_step(row) <= 0)
		return;
	db_column_name(row, 0, ret_about->user);
	ret_about->received = sqlite3_column_int64(row, 1);
	ret_about->row = sqlite3_column_int64(row, 2);
	if (db_bind(reader, &reader_row, inbox, "b", key) < 0)
		return;
	for (unsigned n = 0; db_step(reader_row) > 0; n++) {
		db_column_name(reader_row, 0, name);
		store_problem_add_reader(ret_about, n, name);
	}
}

/* ------------------------------------------------ objects ------------------------------------------------ */

/* False when a part is not what the row says. */
static bool check_roots(struct check *check, const struct check_row *row, const struct store_problem *about, const char *id, int fd)
{
	static const char *const names[] = { "object", "manifest", "thumbnail" };
	for (int i = 0; i < 3 && !check_ends(check); i++) {
		uint8_t root[DIGEST_BYTES];
		if (row->part[i].size == 0)
			continue;
		int r = store_part_root(fd, row->part[i].offset, row->part[i].size, root);
		if (r == 0 && memcmp(root, row->part[i].root, DIGEST_BYTES) == 0)
			continue;
		if (r < 0)
			check_tell(check, PROBLEM_OBJECT_DAMAGED, about, "item %s: its %s cannot be read: %s", id, names[i], error_text(r));
		else
			check_tell(check, PROBLEM_OBJECT_DAMAGED, about, "item %s: its %s was altered on the disk", id, names[i]);
		return false;
	}
	return true;
}

static void check_item(struct check *check, const struct check_row *row)
{
	char id[ITEM_ID_TEXT + 1];
	item_id_encode(row->id, id);
	CLEANUP_FD int fd = -1;
	uint64_t size = 0;
	struct store_problem about = { 0 };
	int r = store_open_object(check->reader, row->id, &fd, &size);
	if (r < 0 && !check_row_exists(check->reader, row->id))
		return;                 /* deleted since the page was read */
	check->result.n_items++;
	check->result.bytes += row->bytes;
	if (r < 0 || size != row->bytes || check->options->full)
		problem_about(check->reader, row->id, &about);
	if (r == -SIS_ERR_NO_ITEM)
		check_tell(check, PROBLEM_OBJECT_MISSING, &about, "item %s: its object is missing", id);
	else if (r < 0)
		check_tell(check, PROBLEM_OBJECT_DAMAGED, &about, "item %s: its object cannot be opened: %s", id, error_text(r));
	else if (size != row->bytes)
		check_tell(check, PROBLEM_OBJECT_DAMAGED, &about, "item %s: its object has %llu bytes and should have %llu", id, (unsigned long long)size,
		           (unsigned long long)row->bytes);
	else if (check->options->full && check_roots(check, row, &about, id, fd))
		check_texts(check, row, &about, fd);
}

static void check_progress(struct check *check)
{
	if (check->options->progress != NULL)
		check->options->progress(&check->result, check->options->arg);
}

int check_items(struct check *check)
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
		for (unsigned i = 0; i < n && !check_ends(check); i++) {
			check_item(check, &page[i]);
			check_progress(check);
		}
		after = n > 0 ? page[n - 1].item_row : after;
	} while (n == CHECK_PAGE && !check_ends(check));
	return check->stopped;
}

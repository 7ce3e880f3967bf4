/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Inside the store only: what the parts of a check share. */
#pragma once

#include "store/db.h"
#include "store/writer.h"

#include <sys/stat.h>

/* Items, sorted; filled when first asked for. */
struct check_id { uint8_t id[ITEM_ID_BYTES]; int64_t row; };
struct check_ids { struct check_id *one; size_t n, capacity; bool filled; int error; };
void check_ids_release(struct check_ids *ids);

struct check {
	struct store_reader *reader;
	const struct store_check_options *options;
	struct store_check_result result;
	struct check_ids deleted;               /* what the database remembers as deleted, in news and in the audit trail */
	struct check_ids granted;               /* items of grants that have lost their item's row: the row's number */
	bool damaged;                           /* the database, which has been told */
	int stopped;                            /* what options->problem, or a wish to end, has ended it with */
};

struct check_row { int64_t item_row; uint8_t id[ITEM_ID_BYTES]; uint64_t bytes; struct store_part part[3]; };

/* about: item, user and the like; kind and sentence are filled in here. */
void check_tell(struct check *check, enum store_problem_kind kind, const struct store_problem *about, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* What cannot be read is told, and the check goes on; only want of memory and a wish to end do end it. */
int  check_failed(struct check *check, int error, const char *what);
bool check_ends(struct check *check);

/* Rows of the table that speak of what is not there: how many, and (NULL: they stay) how they go. */
struct db_reference { const char *table, *count, *drop, *what; };
extern const struct db_reference db_references[];
extern const size_t n_db_references;

/* check_rows.c, check_items.c, check_texts.c, check_files.c */
int  check_database(struct check *check);
int  check_rows(struct check *check);
int  check_items(struct check *check);
void check_texts(struct check *check, const struct check_row *row, const struct store_problem *about, int fd);
int  check_files(struct check *check);
bool check_row_exists(struct store_reader *reader, const uint8_t id[ITEM_ID_BYTES]);

/* True when the open bundle begins with the statement of this digest. (check_texts.c) */
bool check_bundle_begins(int fd, uint64_t bytes, const uint8_t statement_hash[DIGEST_BYTES]);

/* Calls fn for each entry of a directory that is not hidden. (check_files.c) */
int  check_each_entry(struct check *check, int dir_fd, const char *path, void (*fn)(struct check *check, int fd, const char *path, const char *name));

/* check_orphans.c: an object that no row names, and those in lost/ */
void check_orphan(struct check *check, const char *prefix, const char *name, const uint8_t id[ITEM_ID_BYTES], const struct stat *stat);
int  check_lost(struct check *check);
#define CHECK_LOST_PATH "../lost/"              /* from objects/ */
bool orphan_is_lost(const struct store_problem *problem);

/* salvage_item.c: its owner is still told that the item was deleted, at this time (seconds) or later */
bool salvage_was_removed(struct store_reader *reader, const uint8_t id[ITEM_ID_BYTES], const char *owner, int64_t since);
/* Something that shows that the row was there when grants were last written: at least one belongs to this very statement. */
bool salvage_has_grant(struct store_reader *reader, int64_t item_row, const uint8_t item[ITEM_ID_BYTES], const uint8_t statement_hash[DIGEST_BYTES]);
/* The item of a problem that is read back, whose object is verified. */
int salvage_item(struct store_writer *writer, const struct store_problem *problem, const struct store_new_item *item, struct store_mended *mended);
/* The object that no item names: what the database remembers as deleted goes, anything else may be somebody's, and goes to lost/; also what is younger than its
 * deletion, since it was uploaded again. (repair.c) */
int repair_drop_orphan(struct store_writer *writer, const uint8_t id[ITEM_ID_BYTES], const char *path, struct store_mended *mended);

/* Whose item it is, since when it is here and who can read it. */
void problem_about(struct store_reader *reader, const uint8_t id[ITEM_ID_BYTES], struct store_problem *ret_about);

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Inside the store only: what the parts of a check share. */
#pragma once

#include "store/db.h"
#include "store/writer.h"

struct check {
	struct store_reader *reader;
	const struct store_check_options *options;
	struct store_check_result result;
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

/* Whose object it is, and when it was made, says the statement in it. (check_files.c) */
bool check_name_object(int objects_fd, const char *path, char ret_user[NAME_MAX_TEXT + 1], char ret_made[TIME_TEXT + 1]);
/* The object that no item names: what the database remembers as deleted goes, anything else may be somebody's, and goes to lost/. (repair.c) */
int repair_drop_orphan(struct store_writer *writer, const uint8_t id[ITEM_ID_BYTES], const char *path, struct store_mended *mended);

/* Whose item it is, since when it is here and who can read it. */
void problem_about(struct store_reader *reader, const uint8_t id[ITEM_ID_BYTES], struct store_problem *ret_about);

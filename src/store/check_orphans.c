/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * `sisctl check`: objects that no item names. Such a file is the whole upload, so an item whose row was lost can be read back from it – but never one that was
 * deleted, and never for anybody whose access may have been taken back: the grants in the file are those of the first day. So only grants that the database
 * still has give access again, besides the owner's own. */
#include "store/check.h"

#include "base/error.h"
#include "base/util.h"
#include "format/item.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHECK_YOUNG_SECONDS 60          /* an object this young may be on its way into the database */

/* ------------------------------------------------ what the database still knows ------------------------------------------------ */

void check_ids_release(struct check_ids *ids)
{
	free(ids->one);
	*ids = (struct check_ids){ 0 };
}

static int ids_add(struct check_ids *ids, const uint8_t id[ITEM_ID_BYTES], int64_t row)
{
	if (ids->n == ids->capacity) {
		size_t capacity = ids->capacity == 0 ? 64 : 2 * ids->capacity;
		struct check_id *grown = realloc(ids->one, capacity * sizeof(*grown));
		if (grown == NULL)
			return -SIS_ERR_NO_MEMORY;
		ids->one = grown;
		ids->capacity = capacity;
	}
	ids->one[ids->n].row = row;
	memcpy(ids->one[ids->n++].id, id, ITEM_ID_BYTES);
	return 0;
}

static int ids_compare(const void *a, const void *b)
{
	return memcmp(((const struct check_id *)a)->id, ((const struct check_id *)b)->id, ITEM_ID_BYTES);
}

static int ids_add_deleted(struct check_ids *ids, sqlite3_stmt *row)
{
	uint8_t id[ITEM_ID_BYTES];
	return item_id_decode(db_column_span(row, 0), id) < 0 ? 0 : ids_add(ids, id, 0);
}

static int ids_add_granted(struct check_ids *ids, sqlite3_stmt *row)
{
	struct grant grant;
	return grant_parse(db_column_span(row, 0), &grant, NULL) < 0 ? 0 : ids_add(ids, grant.item, sqlite3_column_int64(row, 1));
}

static int ids_fill(struct check *check, struct check_ids *ids, const char *sql, int (*add)(struct check_ids *ids, sqlite3_stmt *row))
{
	DB_STATEMENT sqlite3_stmt *row = NULL;
	if (ids->filled)
		return ids->error;
	int r = db_bind(check->reader, &row, sql, "");
	while (r == 0 && !check_ends(check) && (r = db_step(row)) > 0)
		r = add(ids, row);
	if (ids->n > 1)
		qsort(ids->one, ids->n, sizeof(*ids->one), ids_compare);
	ids->filled = true;
	ids->error = r;
	return r;
}

static const struct check_id *ids_find(const struct check_ids *ids, const uint8_t id[ITEM_ID_BYTES])
{
	struct check_id key = { .row = 0 };
	memcpy(key.id, id, ITEM_ID_BYTES);
	return ids->n == 0 ? NULL : bsearch(&key, ids->one, ids->n, sizeof(key), ids_compare);
}

/* The audit trail remembers a deletion for longer than the owner's news do. */
static int orphan_was_deleted(struct check *check, const struct store_problem *about, bool *ret_deleted)
{
	static const char sql[] = "SELECT item FROM audit WHERE event IN ('DELETED', 'EXPIRED', 'REMOVED') AND item IS NOT NULL";
	int r = ids_fill(check, &check->deleted, sql, ids_add_deleted);
	if (r == 0)
		*ret_deleted = ids_find(&check->deleted, about->item) != NULL || salvage_was_removed(check->reader, about->item, about->user, 0);
	return r;
}

static int orphan_fill_rows(struct check *check)
{
	static const char sql[] = "SELECT text, item_row FROM grants WHERE item_row NOT IN (SELECT item_row FROM items)";
	return ids_fill(check, &check->granted, sql, ids_add_granted);
}

/* The number of the row that is lost, when grants still name it; else 0. An item that was deleted has none: they go with it, in one transaction. */
static int orphan_find_row(struct check *check, const uint8_t id[ITEM_ID_BYTES], int64_t *ret_row)
{
	int r = orphan_fill_rows(check);
	const struct check_id *found = r == 0 ? ids_find(&check->granted, id) : NULL;
	*ret_row = found != NULL ? found->row : 0;
	return r;
}

/* ------------------------------------------------ what the object says ------------------------------------------------ */

int store_open_orphan(struct store_reader *reader, const struct store_problem *problem, int *ret_fd)
{
	struct stat stat;
	CLEANUP_FD int fd = openat(reader->objects_fd, problem->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &stat) < 0)
		return error_from_errno(errno);
	if (!S_ISREG(stat.st_mode))
		return -SIS_ERR_NO_INPUT;
	*ret_fd = fd_take(&fd);
	return 0;
}

int store_read_object_owner(int fd, struct store_object_owner *ret_owner)
{
	uint8_t start[BUNDLE_HEAD_MAX_BYTES];
	struct bundle_head head;
	ssize_t n = pread(fd, start, sizeof(start), 0);
	if (n < 0 || bundle_head_parse((struct span){ start, (size_t)n }, &head, NULL) < 0 || head.statement_size > STATEMENT_MAX_BYTES)
		return -SIS_ERR_BAD_FORMAT;
	CLEANUP_FREE uint8_t *text = malloc(STATEMENT_MAX_BYTES);
	CLEANUP_FREE struct statement *statement = malloc(sizeof(*statement));
	if (text == NULL || statement == NULL)
		return -SIS_ERR_NO_MEMORY;
	if (fd_pread_all(fd, text, head.statement_size, head.head_size) < 0 ||
	    statement_parse((struct span){ text, head.statement_size }, statement, NULL) < 0)
		return -SIS_ERR_BAD_FORMAT;
	ret_owner->made = statement->time;
	memcpy(ret_owner->user, statement->owner, sizeof(ret_owner->user));
	memcpy(ret_owner->fingerprint, statement->device, STORE_FINGERPRINT_BYTES);
	return 0;
}

int store_find_signer(struct store_reader *reader, const uint8_t fingerprint[STORE_FINGERPRINT_BYTES], struct store_caller *ret_signer, enum store_state *ret_state)
{
	static const char sql[] = "SELECT u.user_id, d.device_id, u.name, d.name, u.state FROM certificates c JOIN devices d USING(device_id)"
	                          " JOIN users u USING(user_id) WHERE c.fingerprint=?";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = db_bind(reader, &row, sql, "b", ((struct span){ fingerprint, STORE_FINGERPRINT_BYTES }));
	if (r < 0 || (r = db_step(row)) <= 0)
		return r < 0 ? r : -SIS_ERR_NO_KEY;
	ret_signer->user_id = sqlite3_column_int64(row, 0);
	ret_signer->device_id = sqlite3_column_int64(row, 1);
	db_column_name(row, 2, ret_signer->user);
	db_column_name(row, 3, ret_signer->device);
	*ret_state = db_column_state(row, 4);
	return 0;
}

bool store_has_live_device(struct store_reader *reader, int64_t user_id, const char *device)
{
	static const char sql[] = "SELECT 1 FROM devices WHERE user_id=? AND name=? AND state=0";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	return db_bind(reader, &row, sql, "it", user_id, device) == 0 && db_step(row) > 0;
}

/* ------------------------------------------------ both together ------------------------------------------------ */

bool orphan_is_lost(const struct store_problem *problem)
{
	return strncmp(problem->path, CHECK_LOST_PATH, strlen(CHECK_LOST_PATH)) == 0;
}

/* What it is; why: why it is nothing to read back. */
static enum store_problem_kind orphan_judge(struct check *check, int fd, struct store_problem *about, char why[STORE_WHY_TEXT])
{
	bool deleted = false;
	int64_t item_row = 0;
	int r = orphan_find_row(check, about->item, &item_row), readable = 0;
	/* What was deleted need not be read, unless grants name it. That one of another statement does shows nothing; one of this statement shows that whatever
	 * was deleted before, this was not. */
	if (r == 0 && item_row == 0)
		r = orphan_was_deleted(check, about, &deleted);
	if (r == 0 && !deleted)
		readable = check->options->read_object(check->reader, fd, about, why);
	if (r == 0 && item_row != 0 && (readable < 0 || !salvage_has_grant(check->reader, item_row, about->item, about->statement_hash))) {
		item_row = 0;
		r = orphan_was_deleted(check, about, &deleted);
	}
	about->row = item_row;
	if (r < 0 || deleted) {
		snprintf(why, STORE_WHY_TEXT, "%s", deleted ? "it was deleted" : "the database cannot say whether it was deleted");
		return PROBLEM_ORPHAN;
	}
	/* r > 0: none of its owner's devices can open it, so it is of use only to those whom grants name. */
	return readable < 0 || (readable > 0 && item_row == 0) ? PROBLEM_ORPHAN : item_row != 0 ? PROBLEM_ITEM_ROW : PROBLEM_ITEM_OBJECT;
}

static void orphan_tell(struct check *check, const struct store_problem *about, enum store_problem_kind kind, const char *made, const char *why, int64_t bytes)
{
	char id[ITEM_ID_TEXT + 1];
	bool lost = orphan_is_lost(about), named = about->user[0] != '\0';
	item_id_encode(about->item, id);
	if (store_problem_is_read_back(kind))
		check_tell(check, kind, about, "item %s, made %s, has lost its row in the database%s; its object%s, %lld bytes, is whole", id, made,
		           kind == PROBLEM_ITEM_ROW ? ", but not its grants" : " and its grants", lost ? " in lost/" : "", (long long)bytes);
	else
		check_tell(check, lost ? PROBLEM_KEPT : PROBLEM_ORPHAN, about, "%s%s, %lld bytes%s%s%s%s, belongs to no item%s%s", lost ? "" : "objects/",
		           about->path + (lost ? strlen("../") : 0), (long long)bytes, named ? ", of " : "", about->user, named ? ", made " : "", made,
		           why[0] != '\0' ? ", and cannot be read back: " : "", why);
}

static void orphan_look(struct check *check, struct store_problem *about, int64_t bytes)
{
	struct store_object_owner owner = { .made = 0 };
	char made[TIME_TEXT + 1] = "", why[STORE_WHY_TEXT] = "";
	CLEANUP_FD int fd = -1;
	enum store_problem_kind kind = PROBLEM_ORPHAN;
	int r = store_open_orphan(check->reader, about, &fd);
	if (r == 0)
		r = store_read_object_owner(fd, &owner);
	if (r == 0)
		r = time_encode(owner.made, made);
	if (r == 0)
		memcpy(about->user, owner.user, sizeof(owner.user));
	if (r == 0 && check->options->read_object != NULL)
		kind = orphan_judge(check, fd, about, why);
	else if (r < 0)
		snprintf(why, sizeof(why), "%s", r == -SIS_ERR_BAD_FORMAT ? "it is no object of an item, or its beginning is damaged" : error_text(r));
	/* lost/ is full of what was told before: unless it is asked about, only what grants wait for. */
	if (!check_ends(check) && (check->options->recover_items || kind == PROBLEM_ITEM_ROW || !orphan_is_lost(about)))
		orphan_tell(check, about, kind, made, why, bytes);
}

void check_orphan(struct check *check, const char *prefix, const char *name, const uint8_t id[ITEM_ID_BYTES], const struct stat *stat)
{
	const struct store_check_options *options = check->options;
	struct store_problem about = { .has_item = true };
	bool young = !options->alone && stat->st_ctime + CHECK_YOUNG_SECONDS >= time_now();
	if (young || check_row_exists(check->reader, id))
		return;
	if (options->is_kept != NULL && options->is_kept(id))
		return;                 /* deleted while a backup is made, which still has it */
	memcpy(about.item, id, ITEM_ID_BYTES);
	snprintf(about.path, sizeof(about.path), "%s/%s", prefix, name);
	orphan_look(check, &about, stat->st_size);
}

/* ------------------------------------------------ lost/ ------------------------------------------------ */

static void lost_file(struct check *check, int dir_fd, const char *path, const char *name)
{
	struct store_problem about = { .has_item = true };
	char object[DB_OBJECT_PATH];
	struct stat stat;
	if (item_id_decode(span_from_string(name), about.item) < 0 || fstatat(dir_fd, name, &stat, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(stat.st_mode))
		return;
	db_object_path(about.item, object);
	if (check_row_exists(check->reader, about.item) || faccessat(check->reader->objects_fd, object, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return;
	snprintf(about.path, sizeof(about.path), CHECK_LOST_PATH "%s", name);
	orphan_look(check, &about, stat.st_size);
}

int check_lost(struct check *check)
{
	int r = orphan_fill_rows(check);
	if (r == 0 && (check->granted.n > 0 || check->options->recover_items))
		r = check_each_entry(check, check->reader->objects_fd, CHECK_LOST_PATH, lost_file);
	return r == -SIS_ERR_NO_INPUT ? 0 : r;
}

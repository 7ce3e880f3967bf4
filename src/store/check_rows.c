/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * `sisctl check`: the database in itself. Each question is one statement, so it sees one state although the ledger goes on. */
#include "store/check.h"

#include "base/error.h"
#include "base/util.h"

#include <string.h>

#define CHECK_FAULTS_MAX "20"

/* SQLite's words for what REINDEX mends. */
static bool check_is_index(const char *fault)
{
	return strstr(fault, "missing from index") != NULL || strstr(fault, "# of entries in index") != NULL || strstr(fault, "values out of order") != NULL ||
	       strstr(fault, "non-unique entry in index") != NULL;
}

int check_database(struct check *check)
{
	static const char sql[] = "PRAGMA integrity_check(" CHECK_FAULTS_MAX ")";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	bool index = false;
	int r = db_bind(check->reader, &row, sql, "");
	while (r == 0 && !check_ends(check) && (r = db_step(row)) > 0) {
		const char *text = (const char *)sqlite3_column_text(row, 0);
		r = 0;
		if (text == NULL || strcmp(text, "ok") == 0)
			continue;
		/* After "*** in database main ***", on a line of its own. */
		text = strchr(text, '\n') != NULL ? strchr(text, '\n') + 1 : text;
		if (!check_is_index(text) && !check->damaged)
			check_tell(check, PROBLEM_DATABASE, NULL, "the database is damaged, and rows of it may be lost (%.*s)", (int)strcspn(text, "\n"), text);
		else if (!index)
			check_tell(check, PROBLEM_INDEX, NULL, "an index of the database does not fit its rows: %s", text);
		index |= check_is_index(text);
	}
	return r;
}

/* ------------------------------------------------ rows that speak of what is not there ------------------------------------------------ */

#define NO_USER "user_id NOT IN (SELECT user_id FROM users)"
#define NO_ITEM "item_row NOT IN (SELECT item_row FROM items)"
#define NO_DEVICE "device_id NOT IN (SELECT device_id FROM devices)"
const struct db_reference db_references[] = {
#define ROW(table, condition, what) { #table, "SELECT count(*) FROM " #table " WHERE " condition, "DELETE FROM " #table " WHERE " condition, what }
	ROW(grants, NO_ITEM " OR " NO_USER, "grants are of items or for users that are not there"),
	ROW(inbox, NO_ITEM " OR " NO_USER, "entries in lists are of items or users that are not there"),
	ROW(events, NO_USER, "events are for users that are not there"),
	ROW(invites, NO_USER, "invites are for users that are not there"),
	ROW(uploads, NO_USER " OR " NO_DEVICE, "unfinished uploads are of users or devices that are not there"),
	ROW(endorsements, NO_DEVICE " OR endorser_id NOT IN (SELECT device_id FROM devices)", "endorsements are of devices that are not there"),
#undef ROW
	{ "devices", "SELECT count(*) FROM devices WHERE " NO_USER, NULL, "devices are of users that are not there" },
	{ "certificates", "SELECT count(*) FROM certificates WHERE " NO_DEVICE, NULL, "certificates are of devices that are not there" },
	{ "items", "SELECT count(*) FROM items WHERE " NO_USER " OR " NO_DEVICE, NULL, "items are of users or devices that are not there" },
};
const size_t n_db_references = ARRAY_SIZE(db_references);

static int check_count(struct check *check, const char *sql, int64_t *ret_n)
{
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = db_bind(check->reader, &row, sql, "");
	if (r == 0)
		r = db_step(row);
	if (r < 0)
		return r;
	*ret_n = sqlite3_column_int64(row, 0);
	return 0;
}

static int check_references(struct check *check)
{
	for (size_t i = 0; i < n_db_references; i++) {
		const struct db_reference *reference = &db_references[i];
		int64_t n = 0;
		int r = check_count(check, reference->count, &n);
		if (r < 0)
			return r;
		if (n > 0)
			check_tell(check, reference->drop != NULL ? PROBLEM_REFERENCE : PROBLEM_USERS, &(struct store_problem){ .row = (int64_t)i },
			           "%lld %s", (long long)n, reference->what);
	}
	return 0;
}

/* ------------------------------------------------ rows that do not fit each other ------------------------------------------------ */

/* Columns: the row to mend, the item (or null), the user. */
static const struct { enum store_problem_kind kind; const char *sql, *words; } misfits[] = {
	{ PROBLEM_EXPIRY, "SELECT i.item_row, i.id, u.name, 0, 0 FROM items i LEFT JOIN users u USING(user_id) WHERE i.expires<(SELECT max(coalesce(g.expires, "
	  DB_NEVER ")) FROM grants g WHERE g.item_row=i.item_row)", "it ends before the last of its grants" },
	{ PROBLEM_INBOX, "SELECT g.item_row, i.id, u.name, g.user_id, 0 FROM (SELECT item_row, user_id FROM grants UNION SELECT item_row, user_id FROM items) g"
	  " JOIN items i USING(item_row) JOIN users u ON u.user_id=g.user_id WHERE NOT EXISTS"
	  " (SELECT 1 FROM inbox b WHERE b.item_row=g.item_row AND b.user_id=g.user_id)", "has access to it, but it is not in the list" },
	{ PROBLEM_USED, "SELECT u.user_id, NULL, u.name, u.used, (SELECT coalesce(sum(bytes), 0) FROM items i WHERE i.user_id=u.user_id) AS kept FROM users u"
	  " WHERE u.used<>kept", "" },
};

static void check_tell_misfit(struct check *check, enum store_problem_kind kind, const char *words, sqlite3_stmt *row)
{
	struct store_problem about = { .row = sqlite3_column_int64(row, 0) };
	char item[ITEM_ID_TEXT + 1] = "?", user[NAME_MAX_TEXT + 1];
	about.has_item = db_column_fixed(row, 1, about.item, ITEM_ID_BYTES) == 0;
	if (about.has_item)
		item_id_encode(about.item, item);
	db_column_name(row, 2, user);
	memcpy(about.user, user, sizeof(user));
	if (kind == PROBLEM_USED) {
		check_tell(check, kind, &about, "quota of %s: %lld bytes are counted, and the items have %lld", user, (long long)sqlite3_column_int64(row, 3),
		           (long long)sqlite3_column_int64(row, 4));
		return;
	}
	about.user_id = sqlite3_column_int64(row, 3);
	check_tell(check, kind, &about, "item %s, %s: %s", item, user, words);
}

static int check_misfits(struct check *check)
{
	int r = 0;
	for (size_t i = 0; i < ARRAY_SIZE(misfits) && r == 0; i++) {
		DB_STATEMENT sqlite3_stmt *row = NULL;
		r = db_bind(check->reader, &row, misfits[i].sql, "");
		while (r == 0 && !check_ends(check) && (r = db_step(row)) > 0) {
			check_tell_misfit(check, misfits[i].kind, misfits[i].words, row);
			r = 0;
		}
	}
	return r;
}

/* ------------------------------------------------ small facts ------------------------------------------------ */

static int check_meta(struct check *check)
{
	static const char late[] = "SELECT max((SELECT coalesce(max(sequence), 0) FROM inbox), (SELECT coalesce(max(sequence), 0) FROM events))"
	                           "-coalesce((SELECT value FROM meta WHERE name='sequence'), 0)";
	static const char facts[] = "SELECT name FROM (SELECT 'ca' AS name UNION SELECT 'crl') WHERE name NOT IN (SELECT name FROM meta)"
	                            " AND EXISTS (SELECT 1 FROM users)";
	int64_t by = 0;
	int r = check_count(check, late, &by);
	if (r == 0 && by > 0)
		check_tell(check, PROBLEM_SEQUENCE, NULL, "numbers that were given out are greater, by %lld, than the newest that is remembered: people would miss what is new",
		           (long long)by);
	DB_STATEMENT sqlite3_stmt *row = NULL;
	if (r == 0)
		r = db_bind(check->reader, &row, facts, "");
	while (r == 0 && (r = db_step(row)) > 0) {
		check_tell(check, PROBLEM_META, NULL, "the database has lost the %s", strcmp((const char *)sqlite3_column_text(row, 0), "ca") == 0
		           ? "certificate of the authority" : "certificate revocation list");
		r = 0;
	}
	return r;
}

int check_rows(struct check *check)
{
	static int (*const parts[])(struct check *check) = { check_references, check_misfits, check_meta };
	int r = 0;
	for (size_t i = 0; i < ARRAY_SIZE(parts) && r == 0; i++)
		r = check_failed(check, parts[i](check), "the database's rows");
	return r;
}

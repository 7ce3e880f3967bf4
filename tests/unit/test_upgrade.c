/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A database of the first version becomes one of this version, with the ends and rights that its grants say. */
#include "store_fixture.h"
#include "store/db.h"
#include "store/schema.h"

#define GRANT(expires, rights) "sis-grant/1\nrecipient x\ntime 2026-01-01T00:00:00Z\nexpires " expires "\nrights " rights "\nsuite sis-1\n"

static void a_problem(const char *sentence, void *arg)
{
	fail_msg("%s", sentence);
}

static void grants_keep_their_ends_and_rights(void **state)
{
	struct fixture *fixture = *state;
	static const char sql[] =
		"INSERT INTO users VALUES(1, 'alice', 0, 1, NULL, NULL, 30), (2, 'bob', 0, 1, NULL, NULL, 0);"
		"INSERT INTO devices VALUES(1, 1, 'laptop', 0, 1, 0, 0, NULL), (2, 2, 'laptop', 0, 1, 0, 0, NULL);"
		"INSERT INTO items VALUES(1, randomblob(16), 1, 1, 1, 's', x'00', 10, 0,0,zeroblob(32), 0,0,zeroblob(32), 0,0,zeroblob(32)),"
		" (2, randomblob(16), 1, 1, 1, 's', x'00', 10, 0,0,zeroblob(32), 0,0,zeroblob(32), 0,0,zeroblob(32));"
		"INSERT INTO grants VALUES(1, 1, 'laptop', '" GRANT("never", "read") "'), (1, 2, 'laptop', '" GRANT("2026-12-24T18:00:00Z", "read,share") "'),"
		" (2, 1, 'laptop', '" GRANT("2026-12-24T18:00:00Z", "read") "'), (2, 2, 'laptop', '" GRANT("2026-12-25T00:00:01Z", "read") "');"
		"INSERT INTO inbox VALUES(1, 1, 1), (2, 1, 1), (1, 2, 2), (2, 2, 2); INSERT INTO audit VALUES(1, 7, 'X', NULL, 'bob', NULL, NULL, NULL, 'one'), (2, 8, 'Y', 'worker', NULL, NULL, NULL, NULL, '');"
		" PRAGMA user_version=1;";
	char path[256];
	fixture_close(fixture);
	fixture_path(fixture, "db/sis.db", path);
	OK(unlink(path));
	sqlite3 *db;
	OK(sqlite3_open(path, &db));
	OK(sqlite3_exec(db, SCHEMA[0], NULL, NULL, NULL));
	OK(sqlite3_exec(db, sql, NULL, NULL, NULL));
	OK(sqlite3_close(db));
	fixture_open(fixture);
	OK(sqlite3_open(path, &db));
	static const char facts[] =
		"SELECT (SELECT group_concat(coalesce(expires, 'never') || '/' || may_share) FROM grants) || ' ' ||"
		" (SELECT group_concat(coalesce(expires, 'never')) FROM items)";
	sqlite3_stmt *row;
	OK(sqlite3_prepare_v2(db, facts, -1, &row, NULL));
	assert_int_equal(sqlite3_step(row), SQLITE_ROW);
	assert_string_equal((const char *)sqlite3_column_text(row, 0), "never/0,1798135200/1,1798135200/0,1798156801/0 never,1798156801");
	sqlite3_finalize(row);
	sqlite3_close(db);
	int64_t when;
	OK(store_next_expiry(fixture->view, &when));
	assert_int_equal(when, 1798135200);
	struct store_audit_verdict verdict;
	OK(store_verify_audit(fixture->view, NULL, a_problem, NULL, &verdict));
	assert_int_equal(verdict.n_lines, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test_setup_teardown(grants_keep_their_ends_and_rights, fixture_set_up, fixture_tear_down) };
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

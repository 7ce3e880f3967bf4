/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A database of each version becomes one of this version, with the ends and rights that its grants say; killed on the way, it is of the one or of the other;
 * what is no database of ours, or a newer one, stays as it is. */
#include "store_fixture.h"
#include "store/db.h"
#include "store/audit_chain.h"
#include "store/schema.h"

#include <signal.h>
#include <sys/wait.h>

#define LINES "200"

#define GRANT(expires, rights) "sis-grant/1\nrecipient x\ntime 2026-01-01T00:00:00Z\nexpires " expires "\nrights " rights "\nsuite sis-1\n"

/* What a sis of that version left: the rows of version 1, brought on by the same statements. */
static void make_database(struct fixture *fixture, int version, char ret_path[256])
{
	static const char sql[] =
		"INSERT INTO users VALUES(1, 'alice', 0, 1, NULL, NULL, 30), (2, 'bob', 0, 1, NULL, NULL, 0);"
		"INSERT INTO devices VALUES(1, 1, 'laptop', 0, 1, 0, 0, NULL), (2, 2, 'laptop', 0, 1, 0, 0, NULL);"
		"INSERT INTO items VALUES(1, randomblob(16), 1, 1, 1, 's', x'00', 10, 0,0,zeroblob(32), 0,0,zeroblob(32), 0,0,zeroblob(32)),"
		" (2, randomblob(16), 1, 1, 1, 's', x'00', 10, 0,0,zeroblob(32), 0,0,zeroblob(32), 0,0,zeroblob(32));"
		"INSERT INTO grants VALUES(1, 1, 'laptop', '" GRANT("never", "read") "'), (1, 2, 'laptop', '" GRANT("2026-12-24T18:00:00Z", "read,share") "'),"
		" (2, 1, 'laptop', '" GRANT("2026-12-24T18:00:00Z", "read") "'), (2, 2, 'laptop', '" GRANT("2026-12-25T00:00:01Z", "read") "');"
		"INSERT INTO inbox VALUES(1, 1, 1), (2, 1, 1), (1, 2, 2), (2, 2, 2);"
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<" LINES ")"
		" INSERT INTO audit SELECT i, i, 'X', NULL, 'bob', NULL, NULL, NULL, hex(randomblob(200)) FROM n;";
	char end[64];
	sqlite3 *db;
	fixture_path(fixture, "db/sis.db", ret_path);
	(void)unlink(ret_path);
	OK(sqlite3_open(ret_path, &db));
	OK(sqlite3_exec(db, "PRAGMA journal_mode=WAL; BEGIN", NULL, NULL, NULL));
	OK(sqlite3_exec(db, SCHEMA[0], NULL, NULL, NULL));
	OK(sqlite3_exec(db, sql, NULL, NULL, NULL));
	struct store_reader reader = { .db = db, .objects_fd = -1 };
	for (int i = 1; i < version; i++) {
		OK(sqlite3_exec(db, SCHEMA[i], NULL, NULL, NULL));
		if (i + 1 == SCHEMA_AUDIT_CHAIN)
			OK(audit_chain_begin(&reader));
	}
	snprintf(end, sizeof(end), "PRAGMA user_version=%d; COMMIT", version);
	OK(sqlite3_exec(db, end, NULL, NULL, NULL));
	db_close(&reader);
}

static void a_problem(const char *sentence, void *arg)
{
	fail_msg("%s", sentence);
}

static char *ask(const char *path, const char *sql)
{
	static char answer[256];
	sqlite3_stmt *row;
	sqlite3 *db;
	OK(sqlite3_open(path, &db));
	OK(sqlite3_prepare_v2(db, sql, -1, &row, NULL));
	assert_int_equal(sqlite3_step(row), SQLITE_ROW);
	snprintf(answer, sizeof(answer), "%s", (const char *)sqlite3_column_text(row, 0));
	sqlite3_finalize(row);
	sqlite3_close(db);
	return answer;
}

/* Everything that the upgrades promise; the fixture's own connections are opened on it, and closed. */
static void check_upgraded(struct fixture *fixture, const char *path)
{
	fixture_open(fixture);
	static const char facts[] =
		"SELECT (SELECT group_concat(coalesce(expires, 'never') || '/' || may_share) FROM grants) || ' ' ||"
		" (SELECT group_concat(coalesce(expires, 'never')) FROM items)";
	assert_string_equal(ask(path, facts), "never/0,1798135200/1,1798135200/0,1798156801/0 never,1798156801");
	int64_t when;
	OK(store_next_expiry(fixture->view, &when));
	assert_int_equal(when, 1798135200);
	struct store_audit_verdict verdict;
	OK(store_verify_audit(fixture->view, NULL, a_problem, NULL, &verdict));
	assert_int_equal(verdict.n_lines, atoi(LINES));
	fixture_close(fixture);
	assert_string_equal(ask(path, "PRAGMA integrity_check"), "ok");
	assert_int_equal(atoi(ask(path, "PRAGMA user_version")), SCHEMA_VERSION);
}

static void every_older_version_is_brought_to_this_one(void **state)
{
	struct fixture *fixture = *state;
	char path[256];
	fixture_close(fixture);
	for (int version = 1; version < SCHEMA_VERSION; version++) {
		make_database(fixture, version, path);
		check_upgraded(fixture, path);
	}
	fixture_open(fixture);
}

/* ------------------------------------------------ killed on the way ------------------------------------------------ */

static long writes_left;

static void count_down(int fd, const void *data, size_t size, off_t offset)
{
	if (--writes_left > 0)
		return;
	if (size > 1)           /* torn in the middle */
		(void)!pwrite(fd, data, size / 2, offset);
	raise(SIGKILL);
}

static ssize_t kill_pwrite(int fd, const void *data, size_t size, off_t offset)
{
	count_down(fd, data, size, offset);
	return pwrite(fd, data, size, offset);
}

/* Opens the store in another process, which kills itself at its n-th write: true when it came to the end before. */
static bool upgrade_until_write(const struct fixture *fixture, long n)
{
	pid_t pid = fork();
	if (pid == 0) {
		struct store_writer *writer;
		sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
		writes_left = n;
		if (vfs->xSetSystemCall(vfs, "pwrite64", (sqlite3_syscall_ptr)kill_pwrite) != SQLITE_OK &&
		    vfs->xSetSystemCall(vfs, "pwrite", (sqlite3_syscall_ptr)kill_pwrite) != SQLITE_OK)
			_exit(2);
		_exit(store_writer_open(fixture->directory, &writer, NULL, 0) == 0 ? 0 : 3);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true((WIFEXITED(status) && WEXITSTATUS(status) == 0) || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
	return WIFEXITED(status);
}

static void killed_at_each_write_an_upgrade_is_done_or_not_begun(void **state)
{
	struct fixture *fixture = *state;
	char path[256];
	long n_kills = 0;
	fixture_close(fixture);
	for (int version = 1; version < SCHEMA_VERSION; version++) {
		for (long n = 1;; n++) {
			make_database(fixture, version, path);
			bool ended = upgrade_until_write(fixture, n);
			int found = atoi(ask(path, "PRAGMA user_version"));
			if (found != version && found != SCHEMA_VERSION)
				fail_msg("from %d, killed at write %ld: version %d", version, n, found);
			assert_string_equal(ask(path, "PRAGMA integrity_check"), "ok");
			check_upgraded(fixture, path);
			if (ended)
				break;
			n_kills++;
		}
	}
	assert_true(n_kills >= 20);
	fixture_open(fixture);
}

/* ------------------------------------------------ refused ------------------------------------------------ */

static void a_newer_database_is_refused_and_not_touched(void **state)
{
	struct fixture *fixture = *state;
	char path[256], why[512], newer[64];
	struct stat before, after;
	struct store_writer *writer = NULL;
	fixture_close(fixture);
	make_database(fixture, SCHEMA_VERSION, path);
	snprintf(newer, sizeof(newer), "PRAGMA journal_mode=DELETE; PRAGMA user_version=%d", SCHEMA_VERSION + 1);
	sqlite3 *db;
	OK(sqlite3_open(path, &db));
	OK(sqlite3_exec(db, newer, NULL, NULL, NULL));
	sqlite3_close(db);
	OK(stat(path, &before));
	assert_int_equal(store_writer_open(fixture->directory, &writer, why, sizeof(why)), -SIS_ERR_UNKNOWN_SUITE);
	assert_null(writer);
	assert_non_null(strstr(why, "newer sis"));
	OK(stat(path, &after));
	assert_memory_equal(&before.st_mtim, &after.st_mtim, sizeof(before.st_mtim));
	assert_false(fixture_has(fixture, "db/sis.db-wal"));
	OK(unlink(path));
	fixture_open(fixture);
}

static void a_damaged_or_missing_database_is_not_replaced(void **state)
{
	static const struct { const char *bytes, *words; } cases[] = {
		{ "This is no database, and longer than a hundred bytes, which is what the head of a database has: so it is looked at. ", "damaged" },
		{ "", "missing or empty" }, { NULL, "missing or empty" },
	};
	struct fixture *fixture = *state;
	char path[256], why[512];
	fixture_close(fixture);
	fixture_path(fixture, "objects/ab", path);
	OK(mkdir(path, 0700));
	fixture_path(fixture, "db/sis.db", path);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct store_writer *writer = NULL;
		struct stat stat_buffer;
		size_t size = cases[i].bytes != NULL ? strlen(cases[i].bytes) : 0;
		OK(unlink(path));
		CLEANUP_FD int fd = cases[i].bytes == NULL ? -1 : open(path, O_CREAT | O_WRONLY, 0600);
		if (fd >= 0)
			OK(fd_write_all(fd, cases[i].bytes, size));
		assert_int_equal(store_writer_open(fixture->directory, &writer, why, sizeof(why)), -SIS_ERR_DAMAGED);
		assert_non_null(strstr(why, cases[i].words));
		assert_int_equal(stat(path, &stat_buffer) == 0, cases[i].bytes != NULL);
		assert_true(cases[i].bytes == NULL || (size_t)stat_buffer.st_size == size);
	}
	char prefix[256];
	fixture_path(fixture, "objects/ab", prefix);
	OK(rmdir(prefix));
	fixture_open(fixture);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(every_older_version_is_brought_to_this_one), TEST(killed_at_each_write_an_upgrade_is_done_or_not_begun),
		TEST(a_newer_database_is_refused_and_not_touched), TEST(a_damaged_or_missing_database_is_not_replaced),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

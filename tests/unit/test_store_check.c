/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * `sisctl check` finds planted damage, and says nothing of a store that is whole. */
#include "store_fixture.h"
#include "store/db.h"

struct found { unsigned n; char last[512]; enum store_problem_kind kind; struct store_problem problem; };

static void find(const struct store_problem *problem, void *arg)
{
	struct found *found = arg;
	found->n++;
	found->kind = problem->kind;
	found->problem = *problem;
	snprintf(found->last, sizeof(found->last), "%s", problem->sentence);
}

static struct found run_check(struct fixture *fixture, bool full)
{
	struct found found = { 0 };
	struct store_check_result result;
	const struct store_check_options options = { .full = full, .problem = find, .arg = &found };
	OK(store_check(fixture->view, &options, &result));
	assert_int_equal(result.n_problems, found.n);
	return found;
}

static struct sample *publish(struct fixture *fixture, char ret_path[256])
{
	struct person alice = fixture_add(fixture, "alice");
	struct sample *sample = fixture_make_sample(fixture, &alice, NULL);
	char object[64];
	fixture_publish(fixture, sample, UPLOAD_A);
	OK(store_set_meta(fixture->writer, "ca", span_from_string("x")));
	OK(store_set_meta(fixture->writer, "crl", span_from_string("x")));
	fixture_object_path(sample, object);
	fixture_path(fixture, object, ret_path);
	return sample;
}

static void a_whole_store_has_no_problems(void **state)
{
	char path[256];
	struct sample *sample = publish(*state, path);
	assert_int_equal(run_check(*state, true).n, 0);
	fixture_free_sample(sample);
}

static void a_missing_object_is_found(void **state)
{
	char path[256];
	struct sample *sample = publish(*state, path);
	OK(unlink(path));
	struct found found = run_check(*state, false);
	assert_int_equal(found.n, 1);
	assert_non_null(strstr(found.last, "missing"));
	fixture_free_sample(sample);
}

static void a_shortened_object_is_found(void **state)
{
	char path[256];
	struct sample *sample = publish(*state, path);
	OK(truncate(path, 10));
	assert_int_equal(run_check(*state, false).n, 1);
	fixture_free_sample(sample);
}

static void an_altered_byte_is_found_by_the_full_check_alone(void **state)
{
	char path[256];
	struct sample *sample = publish(*state, path);
	CLEANUP_FD int fd = open(path, O_RDWR);
	OK(fd_pwrite_all(fd, "!", 1, sample->size - 3));
	assert_int_equal(run_check(*state, false).n, 0);
	struct found found = run_check(*state, true);
	assert_int_equal(found.n, 1);
	assert_non_null(strstr(found.last, "altered"));
	fixture_free_sample(sample);
}

static void a_stranger_among_the_objects_is_found(void **state)
{
	struct fixture *fixture = *state;
	char path[256];
	struct sample *sample = publish(fixture, path);
	strcpy(strrchr(path, '/'), "/stranger");
	CLEANUP_FD int fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	struct found found = run_check(fixture, false);
	assert_int_equal(found.n, 1);
	fixture_free_sample(sample);
}

static void rows_that_do_not_fit_are_found(void **state)
{
	static const struct { const char *damage, *repair, *words; } cases[] = {
		{ "INSERT INTO grants VALUES(1, 1, 'laptop', 'x', NULL, 0); UPDATE items SET expires=5", "UPDATE items SET expires=NULL", "ends before the last" },
		{ "DELETE FROM inbox", "INSERT INTO inbox VALUES(1, 1, 1)", "not in the list" },
		{ "UPDATE users SET used=used+1", "UPDATE users SET used=used-1", "quota of alice" },
		{ "PRAGMA foreign_keys=OFF; INSERT INTO inbox VALUES(1, 0, 7)", "DELETE FROM inbox WHERE item_row=7", "not there" },
	};
	struct fixture *fixture = *state;
	char path[256];
	struct sample *sample = publish(fixture, path);
	sqlite3 *db;
	fixture_path(fixture, "db/sis.db", path);
	OK(sqlite3_open(path, &db));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		OK(sqlite3_exec(db, cases[i].damage, NULL, NULL, NULL));
		struct found found = run_check(fixture, false);
		if (found.n != 1 || strstr(found.last, cases[i].words) == NULL)
			fail_msg("%s: %u problems, the last one \"%s\"", cases[i].damage, found.n, found.last);
		OK(sqlite3_exec(db, cases[i].repair, NULL, NULL, NULL));
		assert_int_equal(run_check(fixture, false).n, 0);
	}
	sqlite3_close(db);
	fixture_free_sample(sample);
}

static void a_number_whose_row_is_lost_is_given_to_nobody_else(void **state)
{
	static const char damage[] = "PRAGMA foreign_keys=OFF; INSERT INTO inbox VALUES(1, 900, 70); INSERT INTO devices(device_id, user_id, name, state, enrolled)"
	                             " VALUES(50, 60, 'phone', 0, 1); INSERT INTO certificates VALUES(90, x'01', 80, x'01', x'01', 1, 2)";
	struct fixture *fixture = *state;
	char path[256], who[STORE_WHO_TEXT];
	struct sample *first = publish(fixture, path);
	sqlite3 *db;
	fixture_path(fixture, "db/sis.db", path);
	OK(sqlite3_open(path, &db));
	OK(sqlite3_exec(db, damage, NULL, NULL, NULL));
	struct person bob = fixture_add(fixture, "bob");
	assert_true(bob.user_id > 60 && bob.device_id > 80);
	struct sample *second = fixture_make_sample(fixture, &bob, NULL);
	uint64_t sequence;
	OK(fixture_add_item(fixture, second, &sequence, who));
	sqlite3_stmt *row;
	OK(sqlite3_prepare_v2(db, "SELECT max(item_row) FROM items", -1, &row, NULL));
	assert_int_equal(sqlite3_step(row), SQLITE_ROW);
	assert_true(sqlite3_column_int64(row, 0) > 70);
	sqlite3_finalize(row);
	sqlite3_close(db);
	fixture_free_sample(first);
	fixture_free_sample(second);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_whole_store_has_no_problems), TEST(a_missing_object_is_found), TEST(a_shortened_object_is_found),
		TEST(an_altered_byte_is_found_by_the_full_check_alone), TEST(a_stranger_among_the_objects_is_found),
		TEST(rows_that_do_not_fit_are_found), TEST(a_number_whose_row_is_lost_is_given_to_nobody_else),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

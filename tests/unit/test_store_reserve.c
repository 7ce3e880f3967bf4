/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The blocks that are taken for a full disk: there are enough of them, files and database do not show them, and they stay when the WAL begins anew;
 * the WAL's index, which is mapped, has all of its own. */
#include "store_fixture.h"

#include <sys/statvfs.h>

#define ROUNDS 50

static struct stat file_of(const struct fixture *fixture, const char *name)
{
	struct stat file;
	char path[256];
	fixture_path(fixture, name, path);
	OK(stat(path, &file));
	return file;
}

static bool keeps_blocks(const struct fixture *fixture)
{
	struct statvfs disk;
	OK(statvfs(fixture->directory, &disk));
	/* A small or nearly full disk, or one whose files cannot have blocks beyond their end. */
	return (uint64_t)disk.f_bavail * disk.f_frsize > (256u << 20) && file_of(fixture, "db/sis.db-wal").st_blocks * 512 >= 4 << 20;
}

static void change_something(struct fixture *fixture, int64_t number)
{
	uint64_t left;
	assert_false(store_reserve_look(fixture->writer, false, &left));
	assert_true(left > 0);
	OK(store_begin(fixture->writer));
	OK(store_set_meta_number(fixture->writer, "test", number));
	OK(store_commit(fixture->writer));
}

static void blocks_are_taken(void **state)
{
	struct fixture *fixture = *state;
	uint64_t left;
	(void)store_reserve_look(fixture->writer, false, &left);
	if (!keeps_blocks(fixture))
		skip();
	for (int64_t i = 0; i < ROUNDS; i++) {
		change_something(fixture, i);
		OK(store_checkpoint(fixture->writer));
	}
	(void)store_reserve_look(fixture->writer, true, &left);
	struct stat wal = file_of(fixture, "db/sis.db-wal"), db = file_of(fixture, "db/sis.db");
	assert_true(wal.st_size < 4 << 20 && wal.st_blocks * 512 >= 4 << 20);
	struct stat index = file_of(fixture, "db/sis.db-shm");
	assert_true(index.st_size >= 64 << 10 && index.st_blocks * 512 >= index.st_size);
	assert_true(db.st_size < 1 << 20 && db.st_blocks * 512 >= db.st_size + (1 << 19));
	fixture_close(fixture);
	fixture_open(fixture);
	assert_int_equal(store_get_meta_number(fixture->view, "test", -1), ROUNDS - 1);
}

int main(void)
{
	cmocka_set_message_output(CM_OUTPUT_TAP);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(blocks_are_taken, fixture_set_up, fixture_tear_down),
	};
	return cmocka_run_group_tests_name("store_reserve", tests, NULL, NULL);
}

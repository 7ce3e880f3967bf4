/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the database lets become an item, people and invites, and that a refusal names whom it is about. */
#include "store_fixture.h"

#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/vfs.h>

static void items_need_a_known_audience(void **state)
{
	struct fixture *fixture = *state;
	struct person alice = fixture_add(fixture, "alice");
	struct sample *sample = fixture_make_sample(fixture, &alice, "nobody");
	uint64_t sequence = 77;
	char who[STORE_WHO_TEXT];
	assert_int_equal(fixture_add_item(fixture, sample, &sequence, who), -SIS_ERR_NO_USER);
	assert_string_equal(who, "nobody");
	assert_int_equal(sequence, 77);
	fixture_free_sample(sample);
}

static void grants_need_a_live_device_and_are_one_for_each(void **state)
{
	struct fixture *fixture = *state;
	struct person alice = fixture_add(fixture, "alice");
	fixture_add(fixture, "bob");
	struct sample *sample = fixture_make_sample(fixture, &alice, "bob");
	struct store_new_grant grants[] = { { "bob", "laptop", span_from_string("one") }, { "bob", "phone", span_from_string("two") } };
	uint64_t sequence;
	char who[STORE_WHO_TEXT];
	sample->item.grant = grants;
	sample->item.n_grants = 2;
	assert_int_equal(fixture_add_item(fixture, sample, &sequence, who), -SIS_ERR_NO_KEY);
	assert_string_equal(who, "bob/phone");
	strcpy(grants[1].device, "laptop");
	assert_int_equal(fixture_add_item(fixture, sample, &sequence, who), -SIS_ERR_BAD_GRANT);
	sample->item.n_grants = 1;
	OK(fixture_add_item(fixture, sample, &sequence, who));
	assert_int_equal(fixture_add_item(fixture, sample, &sequence, who), -SIS_ERR_EXISTS);
	fixture_free_sample(sample);
}

static void the_quota_is_kept_and_given_back(void **state)
{
	struct fixture *fixture = *state;
	struct person alice = fixture_add(fixture, "alice");
	struct sample *one = fixture_make_sample(fixture, &alice, NULL), *two = fixture_make_sample(fixture, &alice, NULL);
	uint64_t sequence;
	char who[STORE_WHO_TEXT];
	one->item.quota = two->item.quota = one->size + two->size - 1;
	OK(fixture_add_item(fixture, one, &sequence, who));
	assert_int_equal(fixture_add_item(fixture, two, &sequence, who), -SIS_ERR_QUOTA);
	OK(store_begin(fixture->writer));
	struct store_told told = { 0 };
	assert_int_equal(store_delete_item(fixture->writer, one->item.id, alice.user_id + 1, &sequence, &told), -SIS_ERR_NO_ITEM);
	OK(store_delete_item(fixture->writer, one->item.id, alice.user_id, &sequence, &told));
	assert_int_equal(sequence, 2);
	assert_int_equal(told.n, 1);
	OK(store_commit(fixture->writer));
	OK(fixture_add_item(fixture, two, &sequence, who));
	assert_int_equal(sequence, 3);
	struct store_user user;
	OK(store_find_user(fixture->view, "alice", &user));
	assert_int_equal(user.used, two->size);
	assert_int_equal(user.n_items, 1);
	fixture_free_sample(one);
	fixture_free_sample(two);
}

static void who_was_revoked_meanwhile_commits_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct person alice = fixture_add(fixture, "alice");
	struct sample *sample = fixture_make_sample(fixture, &alice, NULL);
	unsigned n_devices;
	uint64_t sequence;
	char who[STORE_WHO_TEXT];
	OK(store_begin(fixture->writer));
	OK(store_revoke(fixture->writer, alice.user_id, 0, 5, time_now(), &n_devices));
	assert_int_equal(store_revoke(fixture->writer, alice.user_id, 0, 5, time_now(), &n_devices), -SIS_ERR_CONFLICT);
	OK(store_commit(fixture->writer));
	assert_int_equal(fixture_add_item(fixture, sample, &sequence, who), -SIS_ERR_REVOKED);
	fixture_free_sample(sample);
}

static void an_object_is_never_replaced(void **state)
{
	struct fixture *fixture = *state;
	struct person alice = fixture_add(fixture, "alice");
	struct sample *sample = fixture_make_sample(fixture, &alice, NULL);
	fixture_publish(fixture, sample, UPLOAD_A);
	fixture_write_incoming(fixture, sample, UPLOAD_B);
	CLEANUP_FD int fd = -1;
	OK(store_open_incoming(fixture->writer, UPLOAD_B, false, &fd));
	assert_int_equal(store_link_object(fixture->writer, UPLOAD_B, sample->item.id, fd), -SIS_ERR_EXISTS);
	fixture_free_sample(sample);
}

static void the_same_item_is_found_by_its_statement_and_device(void **state)
{
	struct fixture *fixture = *state;
	struct person alice = fixture_add(fixture, "alice"), bob = fixture_add(fixture, "bob");
	struct sample *sample = fixture_make_sample(fixture, &alice, "bob");
	struct store_reader *reader = store_as_reader(fixture->writer);
	uint64_t sequence = 77;
	assert_int_equal(store_find_same_item(reader, &sample->item, &sequence), -SIS_ERR_NO_ITEM);
	fixture_publish(fixture, sample, UPLOAD_A);
	OK(store_find_same_item(reader, &sample->item, &sequence));
	assert_int_equal(sequence, 1);
	struct store_new_item other = sample->item;
	other.statement_hash[0] ^= 1;
	assert_int_equal(store_find_same_item(reader, &other, &sequence), -SIS_ERR_NO_ITEM);
	other = sample->item;
	other.id[0] ^= 1;
	assert_int_equal(store_find_same_item(reader, &other, &sequence), -SIS_ERR_NO_ITEM);
	other = sample->item;
	other.device_id = bob.device_id;
	assert_int_equal(store_find_same_item(reader, &other, &sequence), -SIS_ERR_NO_ITEM);
	other = sample->item;
	other.user_id = bob.user_id;
	assert_int_equal(store_find_same_item(reader, &other, &sequence), -SIS_ERR_NO_ITEM);
	struct store_told told = { 0 };
	OK(store_begin(fixture->writer));
	OK(store_delete_item(fixture->writer, sample->item.id, alice.user_id, &sequence, &told));
	OK(store_commit(fixture->writer));
	assert_int_equal(store_find_same_item(reader, &sample->item, &sequence), -SIS_ERR_NO_ITEM);
	fixture_free_sample(sample);
}

static void names_of_the_revoked_are_never_given_again(void **state)
{
	struct fixture *fixture = *state;
	struct person alice = fixture_add(fixture, "alice");
	unsigned n_devices;
	int64_t id;
	char name[NAME_MAX_TEXT + 1];
	OK(store_begin(fixture->writer));
	assert_int_equal(store_add_device(fixture->writer, alice.user_id, "laptop", 1, &id), -SIS_ERR_CONFLICT);
	OK(store_add_device(fixture->writer, alice.user_id, "device-1", 1, &id));
	OK(store_free_device_name(store_as_reader(fixture->writer), alice.user_id, name));
	assert_string_equal(name, "device-2");
	OK(store_revoke(fixture->writer, alice.user_id, 0, 5, 1, &n_devices));
	assert_int_equal(n_devices, 2);
	assert_int_equal(store_add_user(fixture->writer, "alice", NULL, 1, &id), -SIS_ERR_EXISTS);
	OK(store_commit(fixture->writer));
}

static void count_expired(const char *user, void *arg)
{
	assert_string_equal(user, "alice");
	++*(unsigned *)arg;
}

static void invites_are_used_once_and_expire(void **state)
{
	struct fixture *fixture = *state;
	struct person alice = fixture_add(fixture, "alice");
	uint8_t used[STORE_CODE_HASH_BYTES] = { 1 }, unused[STORE_CODE_HASH_BYTES] = { 2 };
	struct store_invite invite;
	unsigned n = 0;
	OK(store_begin(fixture->writer));
	OK(store_add_invite(fixture->writer, alice.user_id, "phone", used, 1, 100));
	OK(store_add_invite(fixture->writer, alice.user_id, "", unused, 1, 100));
	OK(store_find_invite(store_as_reader(fixture->writer), used, &invite));
	assert_string_equal(invite.device, "phone");
	OK(store_use_invite(fixture->writer, invite.invite_id, 50));
	assert_int_equal(store_use_invite(fixture->writer, invite.invite_id, 51), -SIS_ERR_CONFLICT);
	OK(store_expire_invites(fixture->writer, 99, count_expired, &n));
	assert_int_equal(n, 0);
	OK(store_expire_invites(fixture->writer, 100, count_expired, &n));
	assert_int_equal(n, 1);
	assert_int_equal(store_find_invite(store_as_reader(fixture->writer), unused, &invite), -SIS_ERR_BAD_LOGIN);
	OK(store_find_invite(store_as_reader(fixture->writer), used, &invite));
	assert_int_equal(invite.used, 50);
	OK(store_commit(fixture->writer));
}

static int count_audit(const struct store_audit *audit, void *arg)
{
	++*(unsigned *)arg;
	return 0;
}

static void a_step_is_undone_alone(void **state)
{
	struct fixture *fixture = *state;
	int64_t id;
	struct store_user user;
	unsigned n = 0;
	OK(store_begin(fixture->writer));
	OK(store_step_begin(fixture->writer));
	OK(store_add_user(fixture->writer, "kept", NULL, 1, &id));
	OK(store_add_audit(fixture->writer, &(struct store_audit){ .time = 5, .event = "X", .user = "kept", .text = "words" }));
	OK(store_step_end(fixture->writer, true));
	OK(store_step_begin(fixture->writer));
	OK(store_add_user(fixture->writer, "undone", NULL, 1, &id));
	OK(store_step_end(fixture->writer, false));
	OK(store_commit(fixture->writer));
	OK(store_find_user(fixture->view, "kept", &user));
	assert_int_equal(store_find_user(fixture->view, "undone", &user), -SIS_ERR_NO_USER);
	OK(store_list_audit(fixture->view, &(struct store_audit_filter){ .user = "kept", .since = 5, .event = "X" }, 0, 99, 10, count_audit, &n));
	OK(store_list_audit(fixture->view, &(struct store_audit_filter){ .user = "kept", .since = 6 }, 0, 99, 10, count_audit, &n));
	OK(store_list_audit(fixture->view, &(struct store_audit_filter){ .user = "other" }, 0, 99, 10, count_audit, &n));
	OK(store_list_audit(fixture->view, &(struct store_audit_filter){ .until = 5 }, 0, 99, 10, count_audit, &n));
	OK(store_list_audit(fixture->view, &(struct store_audit_filter){ .device = "laptop" }, 0, 99, 10, count_audit, &n));
	assert_int_equal(n, 1);
}

static void what_anybody_can_write_to_is_not_closed(void **state)
{
	struct fixture *fixture = *state;
	int writing, reading;
	OK(store_create_incoming(fixture->writer, "one", &writing));
	OK(store_open_incoming(fixture->writer, "one", false, &reading));
	assert_int_equal(pwrite(writing, "bytes", 5, 0), 5);
	assert_int_equal(store_close_incoming(fixture->writer, "one", &reading), -SIS_ERR_BUSY);
	void *mapping = mmap(NULL, 5, PROT_WRITE, MAP_SHARED, writing, 0);
	assert_ptr_not_equal(mapping, MAP_FAILED);
	close(writing);
	struct statfs disk;
	OK(fstatfs(reading, &disk));
	if (disk.f_type == OVERLAYFS_SUPER_MAGIC) {
		/* The kernel cannot tell: whoever has the mapping has it of another file. */
		char found[5];
		OK(store_close_incoming(fixture->writer, "one", &reading));
		memcpy(mapping, "other", 5);
		assert_int_equal(pread(reading, found, 5, 0), 5);
		assert_memory_equal(found, "bytes", 5);
	} else {
		assert_int_equal(store_close_incoming(fixture->writer, "one", &reading), -SIS_ERR_BUSY);
	}
	munmap(mapping, 5);
	OK(store_close_incoming(fixture->writer, "one", &reading));
	OK(store_close_incoming(fixture->writer, "one", &reading));
	close(reading);
}

static void without_leases_the_bytes_are_copied(void **state)
{
	struct fixture *fixture = *state;
	char bytes[100000], found[sizeof(bytes)], path[256];
	int writing;
	struct stat before, after;
	memset(bytes, 7, sizeof(bytes));
	OK(store_create_incoming(fixture->writer, "one", &writing));
	assert_int_equal(pwrite(writing, bytes, sizeof(bytes), 0), sizeof(bytes));
	OK(fstat(writing, &before));
	fixture_path(fixture, "incoming/one", path);
	int fd = open(path, O_RDONLY);
	OK(store_replace_by_copy(fixture->writer, "one", &fd));
	OK(fstat(fd, &after));
	assert_int_not_equal(before.st_ino, after.st_ino);
	assert_int_equal(pwrite(writing, "later", 5, 0), 5);
	close(writing);
	assert_int_equal(pread(fd, found, sizeof(found), 0), sizeof(found));
	assert_memory_equal(found, bytes, sizeof(bytes));
	close(fd);
	OK(store_open_incoming(fixture->writer, "one", false, &fd));
	OK(fstat(fd, &before));
	assert_int_equal(before.st_ino, after.st_ino);
	close(fd);
	assert_false(fixture_has(fixture, "incoming/one.copy"));
}

static void a_newer_database_is_refused_in_one_sentence(void **state)
{
	struct fixture *fixture = *state;
	char command[256], why[256] = "";
	fixture_close(fixture);
	snprintf(command, sizeof(command), "/usr/bin/python3 -c 'import sqlite3; sqlite3.connect(\"%s/db/sis.db\").execute(\"PRAGMA user_version=99\")'",
	         fixture->directory);
	OK(system(command));
	assert_int_equal(store_writer_open(fixture->directory, &fixture->writer, why, sizeof(why)), -SIS_ERR_UNKNOWN_SUITE);
	assert_non_null(strstr(why, "version 99"));
	assert_null(fixture->writer);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(items_need_a_known_audience), TEST(grants_need_a_live_device_and_are_one_for_each), TEST(the_quota_is_kept_and_given_back),
		TEST(who_was_revoked_meanwhile_commits_nothing), TEST(an_object_is_never_replaced), TEST(the_same_item_is_found_by_its_statement_and_device),
		TEST(names_of_the_revoked_are_never_given_again),
		TEST(invites_are_used_once_and_expire), TEST(a_step_is_undone_alone), TEST(a_newer_database_is_refused_in_one_sentence),
		TEST(what_anybody_can_write_to_is_not_closed), TEST(without_leases_the_bytes_are_copied),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

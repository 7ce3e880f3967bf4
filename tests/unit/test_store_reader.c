/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a worker sees: only what the caller may see, at once, and with no way to write. */
#include "store_fixture.h"

#include <sys/wait.h>

struct seen { unsigned n; uint64_t last; uint8_t id[ITEM_ID_BYTES]; bool is_owner; unsigned n_grants; char text[80]; };

static int see_item(const struct store_item *item, void *arg)
{
	struct seen *seen = arg;
	seen->n++;
	seen->last = item->sequence;
	seen->is_owner = item->is_owner;
	memcpy(seen->id, item->id, ITEM_ID_BYTES);
	return 0;
}

static int see_grant(struct span text, void *arg)
{
	struct seen *seen = arg;
	seen->n_grants++;
	span_to_string(text, seen->text, sizeof(seen->text));
	return 0;
}

static int see_device(const struct store_device *device, void *arg)
{
	struct seen *seen = arg;
	seen->n++;
	snprintf(seen->text, sizeof(seen->text), "%s/%s", device->user, device->device);
	return 0;
}

static int see_certificate(struct span der, int64_t revoked, unsigned reason, void *arg)
{
	struct seen *seen = arg;
	seen->n = reason;
	seen->last = (uint64_t)revoked;
	return 0;
}

static void callers_are_found_by_certificate(void **state)
{
	struct fixture *fixture = *state;
	struct person alice = fixture_add(fixture, "alice");
	struct store_caller caller;
	OK(store_find_caller(fixture->view, alice.fingerprint, &caller));
	assert_string_equal(caller.user, "alice");
	assert_string_equal(caller.device, "laptop");
	uint8_t other[STORE_FINGERPRINT_BYTES] = { 1 };
	assert_int_equal(store_find_caller(fixture->view, other, &caller), -SIS_ERR_NOT_ALLOWED);
}

static void revocation_is_seen_at_once(void **state)
{
	struct fixture *fixture = *state;
	struct person alice = fixture_add(fixture, "alice");
	struct store_caller caller;
	unsigned n_devices;
	OK(store_find_caller(fixture->view, alice.fingerprint, &caller));
	OK(store_begin(fixture->writer));
	OK(store_revoke(fixture->writer, alice.user_id, alice.device_id, 1, 1234, &n_devices));
	OK(store_commit(fixture->writer));
	assert_int_equal(n_devices, 1);
	assert_int_equal(store_find_caller(fixture->view, alice.fingerprint, &caller), -SIS_ERR_REVOKED);
	struct seen seen = { 0 };
	OK(store_find_certificate(fixture->view, alice.fingerprint, see_certificate, &seen));
	assert_int_equal(seen.n, 1);
	assert_int_equal(seen.last, 1234);
	seen.n = 0;
	OK(store_list_devices(fixture->view, "alice", see_device, &seen));
	assert_int_equal(seen.n, 0);
}

static void expired_certificates_are_refused(void **state)
{
	struct fixture *fixture = *state;
	struct person alice = fixture_add(fixture, "alice");
	struct store_certificate old = { .device_id = alice.device_id, .serial = span_from_string("1"), .der = span_from_string("x"), .not_before = 1,
	                                 .not_after = 2, .fingerprint = { 7 } };
	struct store_caller caller;
	OK(store_begin(fixture->writer));
	OK(store_add_certificate(fixture->writer, &old));
	OK(store_commit(fixture->writer));
	assert_int_equal(store_find_caller(fixture->view, old.fingerprint, &caller), -SIS_ERR_EXPIRED);
}

static void items_are_seen_by_their_audience_alone(void **state)
{
	struct fixture *fixture = *state;
	struct person alice = fixture_add(fixture, "alice"), bob = fixture_add(fixture, "bob"), eve = fixture_add(fixture, "eve");
	struct sample *sample = fixture_make_sample(fixture, &alice, "bob");
	struct store_new_grant grant = { .recipient = "bob", .device = "laptop", .text = span_from_string("bob's grant") };
	sample->item.grant = &grant;
	sample->item.n_grants = 1;
	fixture_publish(fixture, sample, UPLOAD_A);
	struct seen seen = { 0 };
	OK(store_list_items(fixture->view, bob.user_id, 0, 10, false, see_item, &seen));
	assert_int_equal(seen.n, 1);
	assert_false(seen.is_owner);
	OK(store_list_items(fixture->view, bob.user_id, seen.last, 10, false, see_item, &seen));
	assert_int_equal(seen.n, 1);
	OK(store_get_item(fixture->view, alice.user_id, sample->item.id, see_item, &seen));
	assert_true(seen.is_owner);
	assert_int_equal(store_get_item(fixture->view, eve.user_id, sample->item.id, see_item, &seen), -SIS_ERR_NO_ITEM);
	OK(store_list_grants(fixture->view, 1, bob.user_id, false, see_grant, &seen));
	assert_string_equal(seen.text, "bob's grant");
	OK(store_list_grants(fixture->view, 1, alice.user_id, true, see_grant, &seen));
	assert_int_equal(seen.n_grants, 2);
	OK(store_list_grants(fixture->view, 1, bob.user_id, true, see_grant, &seen));
	OK(store_list_grants(fixture->view, 1, eve.user_id, false, see_grant, &seen));
	assert_int_equal(seen.n_grants, 2);
	CLEANUP_FD int fd = -1;
	uint64_t size;
	OK(store_open_object(fixture->view, sample->item.id, &fd, &size));
	assert_int_equal(size, sample->size);
	fixture_free_sample(sample);
}

static void lists_are_paged_in_both_orders(void **state)
{
	struct fixture *fixture = *state;
	struct person alice = fixture_add(fixture, "alice");
	for (int i = 0; i < 5; i++) {
		struct sample *sample = fixture_make_sample(fixture, &alice, NULL);
		fixture_publish(fixture, sample, UPLOAD_A);
		fixture_free_sample(sample);
	}
	struct seen seen = { 0 };
	OK(store_list_items(fixture->view, alice.user_id, 0, 2, true, see_item, &seen));
	assert_int_equal(seen.last, 4);
	OK(store_list_items(fixture->view, alice.user_id, 4, 10, true, see_item, &seen));
	assert_int_equal(seen.last, 1);
	assert_int_equal(seen.n, 5);
	OK(store_list_items(fixture->view, alice.user_id, UINT64_MAX, 10, false, see_item, &seen));
	assert_int_equal(seen.n, 5);
}

/* Exit status 0: read all, and could not write. */
static int be_a_worker(const char *directory)
{
	struct store_reader *reader;
	struct store_caller caller;
	uint8_t fingerprint[STORE_FINGERPRINT_BYTES];
	char path[256];
	digest_sha256("alice", 5, fingerprint);
	if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
		return 2;
	if (store_reader_open(directory, &reader) < 0)
		return 3;
	if (store_find_caller(reader, fingerprint, &caller) < 0)
		return 4;
	snprintf(path, sizeof(path), "%s/db/sis.db-shm", directory);
	if (open(path, O_WRONLY) >= 0)
		return 5;
	struct store_writer *writer = NULL;
	int64_t user_id;
	if (store_writer_open(directory, &writer, NULL, 0) == 0 && store_add_user(writer, "eve", NULL, 1, &user_id) == 0)
		return 6;
	if (writer != NULL)
		store_writer_close(writer);
	store_reader_close(reader);
	return 0;
}

/* The WAL index is opened read-only: the writer's own open connection keeps it valid. */
static void another_user_reads_while_the_writer_holds_it_open(void **state)
{
	struct fixture *fixture = *state;
	fixture_add(fixture, "alice");
	static const char *const files[] = { "db/sis.db", "db/sis.db-wal", "db/sis.db-shm" };
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		char path[256];
		fixture_path(fixture, files[i], path);
		OK(chmod(path, 0444));
	}
	pid_t pid = fork();
	if (pid == 0) {
		/* Executed anew, as roles are: SQLite keeps a table of open files in each process. */
		execl("/proc/self/exe", "test_store_reader", fixture->directory, NULL);
		_exit(9);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(int argc, char **argv)
{
	if (argc == 2)
		return be_a_worker(argv[1]);
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(callers_are_found_by_certificate), TEST(revocation_is_seen_at_once), TEST(expired_certificates_are_refused),
		TEST(items_are_seen_by_their_audience_alone), TEST(lists_are_paged_in_both_orders), TEST(another_user_reads_while_the_writer_holds_it_open),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

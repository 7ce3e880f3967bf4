/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * `sisctl check` finds planted damage, and says nothing of a store that is whole. */
#include "store_fixture.h"


struct found { unsigned n; char last[256]; };

static void find(const char *sentence, void *arg)
{
	struct found *found = arg;
	found->n++;
	snprintf(found->last, sizeof(found->last), "%s", sentence);
}

static struct found run_check(struct fixture *fixture, bool full)
{
	struct found found = { 0 };
	struct store_check_result result;
	OK(store_check(fixture->view, full, find, &found, &result));
	assert_int_equal(result.n_problems, found.n);
	return found;
}

static struct sample *publish(struct fixture *fixture, char ret_path[256])
{
	struct person alice = fixture_add(fixture, "alice");
	struct sample *sample = fixture_make_sample(fixture, &alice, NULL);
	char object[64];
	fixture_publish(fixture, sample, UPLOAD_A);
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

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_whole_store_has_no_problems), TEST(a_missing_object_is_found), TEST(a_shortened_object_is_found),
		TEST(an_altered_byte_is_found_by_the_full_check_alone), TEST(a_stranger_among_the_objects_is_found),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

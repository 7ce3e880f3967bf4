/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Each state that a crash can leave behind, made by hand: after the next start every item is whole or gone. */
#include "store_fixture.h"

#include <stdio.h>
#include <sys/stat.h>

static struct store_recovery start_again(struct fixture *fixture)
{
	struct store_recovery recovery;
	fixture_close(fixture);
	fixture_open(fixture);
	OK(store_recover(fixture->writer, &recovery));
	return recovery;
}

static off_t incoming_size(const struct fixture *fixture, const char *id)
{
	char below[64], path[256];
	struct stat stat_;
	snprintf(below, sizeof(below), "incoming/%s", id);
	fixture_path(fixture, below, path);
	return stat(path, &stat_) == 0 ? stat_.st_size : -1;
}

static int nothing(const struct store_item *item, void *arg)
{
	return 0;
}

static void note_upload(struct fixture *fixture, const struct person *person, const char *id)
{
	struct store_upload upload = { .user_id = person->user_id, .device_id = person->device_id, .length = 5, .created = 1 };
	snprintf(upload.id, sizeof(upload.id), "%s", id);
	OK(store_begin(fixture->writer));
	OK(store_add_upload(fixture->writer, &upload));
	OK(store_commit(fixture->writer));
}

static void a_first_start_is_clean(void **state)
{
	struct store_recovery recovery = start_again(*state);
	assert_false(recovery.unclean);
	assert_int_equal(recovery.n_finished + recovery.n_undone + recovery.n_orphans + recovery.n_dropped, 0);
}

static void an_unclean_stop_is_noticed_and_a_clean_one_not(void **state)
{
	struct fixture *fixture = *state;
	start_again(fixture);
	assert_true(start_again(fixture).unclean);
	OK(store_mark_clean(fixture->writer));
	assert_false(start_again(fixture).unclean);
}

static void linked_but_not_committed_is_undone(void **state)
{
	struct fixture *fixture = *state;
	struct person alice = fixture_add(fixture, "alice");
	struct sample *sample = fixture_make_sample(fixture, &alice, NULL);
	char object[64];
	start_again(fixture);
	note_upload(fixture, &alice, UPLOAD_A);
	fixture_write_incoming(fixture, sample, UPLOAD_A);
	fixture_link(fixture, sample, UPLOAD_A);
	fixture_object_path(sample, object);
	assert_true(fixture_has(fixture, object));
	struct store_recovery recovery = start_again(fixture);
	assert_int_equal(recovery.n_undone, 1);
	assert_false(fixture_has(fixture, object));
	assert_true(fixture_has(fixture, "incoming/" UPLOAD_A));        /* it may be resumed */
	fixture_publish(fixture, sample, UPLOAD_B);                     /* and the item may come again */
	fixture_free_sample(sample);
}

static void committed_but_still_incoming_is_finished(void **state)
{
	struct fixture *fixture = *state;
	struct person alice = fixture_add(fixture, "alice");
	struct sample *sample = fixture_make_sample(fixture, &alice, NULL);
	uint64_t sequence;
	char object[64], who[STORE_WHO_TEXT];
	start_again(fixture);
	fixture_write_incoming(fixture, sample, UPLOAD_A);
	fixture_link(fixture, sample, UPLOAD_A);
	OK(fixture_add_item(fixture, sample, &sequence, who));
	struct store_recovery recovery = start_again(fixture);
	assert_int_equal(recovery.n_finished, 1);
	fixture_object_path(sample, object);
	assert_true(fixture_has(fixture, object));
	assert_false(fixture_has(fixture, "incoming/" UPLOAD_A));
	OK(store_get_item(fixture->view, alice.user_id, sample->item.id, nothing, NULL));
	fixture_free_sample(sample);
}

static void uploads_that_nobody_can_resume_are_dropped(void **state)
{
	struct fixture *fixture = *state;
	struct person alice = fixture_add(fixture, "alice");
	struct sample *sample = fixture_make_sample(fixture, &alice, NULL);
	start_again(fixture);
	fixture_write_incoming(fixture, sample, UPLOAD_A);
	fixture_write_incoming(fixture, sample, UPLOAD_B);
	note_upload(fixture, &alice, UPLOAD_B);
	struct store_recovery recovery = start_again(fixture);
	assert_int_equal(recovery.n_dropped, 1);
	assert_false(fixture_has(fixture, "incoming/" UPLOAD_A));
	assert_true(fixture_has(fixture, "incoming/" UPLOAD_B));
	fixture_free_sample(sample);
}

static void bytes_that_were_not_checked_are_cut_off(void **state)
{
	struct fixture *fixture = *state;
	struct person alice = fixture_add(fixture, "alice");
	struct sample *sample = fixture_make_sample(fixture, &alice, NULL);
	start_again(fixture);
	note_upload(fixture, &alice, UPLOAD_A);
	fixture_write_incoming(fixture, sample, UPLOAD_A);
	OK(store_begin_unchecked(fixture->writer, UPLOAD_A, 5));
	assert_true(fixture_has(fixture, "incoming/" UPLOAD_A ".from-5"));
	OK(store_end_unchecked(fixture->writer, UPLOAD_A, 5, 7));       /* 7 of them were */
	assert_int_equal(incoming_size(fixture, UPLOAD_A), 7);
	OK(store_begin_unchecked(fixture->writer, UPLOAD_A, 6));
	OK(store_begin_unchecked(fixture->writer, UPLOAD_B, 3));        /* of an upload that went in the meantime */
	start_again(fixture);
	assert_int_equal(incoming_size(fixture, UPLOAD_A), 6);
	assert_false(fixture_has(fixture, "incoming/" UPLOAD_A ".from-6"));
	assert_false(fixture_has(fixture, "incoming/" UPLOAD_B ".from-3"));
	fixture_free_sample(sample);
}

/* An object that a crash left with both names and a mark keeps its bytes. */
static void an_object_is_never_cut(void **state)
{
	struct fixture *fixture = *state;
	struct person alice = fixture_add(fixture, "alice");
	struct sample *sample = fixture_make_sample(fixture, &alice, NULL);
	start_again(fixture);
	fixture_write_incoming(fixture, sample, UPLOAD_A);
	fixture_link(fixture, sample, UPLOAD_A);
	off_t size = incoming_size(fixture, UPLOAD_A);
	OK(store_begin_unchecked(fixture->writer, UPLOAD_A, 5));
	OK(store_end_unchecked(fixture->writer, UPLOAD_A, 5, 5));
	assert_int_equal(incoming_size(fixture, UPLOAD_A), size);
	fixture_free_sample(sample);
}

static int count_upload(const struct store_upload *upload, void *arg)
{
	++*(unsigned *)arg;
	return 0;
}

static void rows_without_a_file_are_dropped(void **state)
{
	struct fixture *fixture = *state;
	struct person alice = fixture_add(fixture, "alice");
	unsigned n = 0;
	note_upload(fixture, &alice, UPLOAD_A);
	start_again(fixture);
	OK(store_list_uploads(fixture->view, count_upload, &n));
	assert_int_equal(n, 0);
}

static void objects_of_no_item_are_removed_after_an_unclean_stop(void **state)
{
	struct fixture *fixture = *state;
	struct person alice = fixture_add(fixture, "alice");
	struct sample *sample = fixture_make_sample(fixture, &alice, NULL);
	char object[64];
	fixture_object_path(sample, object);
	start_again(fixture);
	fixture_publish(fixture, sample, UPLOAD_A);
	OK(store_begin(fixture->writer));
	uint64_t sequence;
	OK(store_delete_item(fixture->writer, sample->item.id, alice.user_id, &sequence, &(struct store_told){ 0 }));
	OK(store_commit(fixture->writer));
	assert_true(fixture_has(fixture, object));
	assert_int_equal(start_again(fixture).n_orphans, 1);
	assert_false(fixture_has(fixture, object));
	fixture_free_sample(sample);
}

/* Two names, but what is in the file is no bundle: it is not believed, and the object goes with the orphans. */
static void a_file_of_two_names_that_is_no_bundle_is_dropped(void **state)
{
	struct fixture *fixture = *state;
	struct person alice = fixture_add(fixture, "alice");
	struct sample *sample = fixture_make_sample(fixture, &alice, NULL);
	char object[64];
	start_again(fixture);
	memset(sample->bytes, 'x', sample->size);
	fixture_write_incoming(fixture, sample, UPLOAD_A);
	fixture_link(fixture, sample, UPLOAD_A);
	struct store_recovery recovery = start_again(fixture);
	assert_int_equal(recovery.n_orphans, 1);
	fixture_object_path(sample, object);
	assert_false(fixture_has(fixture, object));
	assert_false(fixture_has(fixture, "incoming/" UPLOAD_A));
	fixture_free_sample(sample);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_first_start_is_clean), TEST(an_unclean_stop_is_noticed_and_a_clean_one_not), TEST(linked_but_not_committed_is_undone),
		TEST(committed_but_still_incoming_is_finished), TEST(uploads_that_nobody_can_resume_are_dropped), TEST(rows_without_a_file_are_dropped),
		TEST(bytes_that_were_not_checked_are_cut_off), TEST(an_object_is_never_cut),
		TEST(objects_of_no_item_are_removed_after_an_unclean_stop), TEST(a_file_of_two_names_that_is_no_bundle_is_dropped),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a user is told: in order, whole, only his own, and no longer than it is kept. */
#include "store_fixture.h"

#define HEARD_MAX 16

struct heard { unsigned n, stop_after; struct store_event event[HEARD_MAX]; bool with_item[HEARD_MAX]; char owner[HEARD_MAX][NAME_MAX_TEXT + 1]; };

static int hear(const struct store_event *event, const struct store_item *item, void *arg)
{
	struct heard *heard = arg;
	heard->event[heard->n] = *event;
	heard->with_item[heard->n] = item != NULL;
	if (item != NULL)
		strcpy(heard->owner[heard->n], item->owner);
	heard->n++;
	return heard->n == heard->stop_after ? 7 : 0;
}

static struct heard list(struct fixture *fixture, const struct person *person, uint64_t after, unsigned limit)
{
	struct heard heard = { 0 };
	OK(store_list_events(fixture->view, person->user_id, after, limit, hear, &heard));
	return heard;
}

static uint64_t tell(struct fixture *fixture, const struct person *person, enum store_event_kind kind, const char *what, int64_t time)
{
	struct store_event event = { .user_id = person->user_id, .kind = kind, .time = time, .device = "laptop" };
	snprintf(event.what, sizeof(event.what), "%s", what);
	snprintf(event.user, sizeof(event.user), "%s", person->user);
	if (kind == STORE_EVENT_REMOVED) {
		event.has_item = true;
		memset(event.item, 0x5a, sizeof(event.item));
	}
	OK(store_begin(fixture->writer));
	OK(store_next_sequence(fixture->writer, &event.sequence));
	OK(store_add_event(fixture->writer, &event));
	OK(store_commit(fixture->writer));
	return event.sequence;
}

static void items_and_events_are_merged_in_order(void **state)
{
	struct fixture *fixture = *state;
	struct person alice = fixture_add(fixture, "alice"), bob = fixture_add(fixture, "bob");
	struct sample *first = fixture_make_sample(fixture, &alice, "bob"), *second = fixture_make_sample(fixture, &bob, "alice");
	uint64_t removed = tell(fixture, &bob, STORE_EVENT_REMOVED, "deleted", 100);
	fixture_publish(fixture, first, UPLOAD_A);
	uint64_t device = tell(fixture, &bob, STORE_EVENT_DEVICE, "enrolled", 200);
	fixture_publish(fixture, second, UPLOAD_B);
	struct heard heard = list(fixture, &bob, 0, 10);
	assert_int_equal(heard.n, 4);
	for (unsigned i = 1; i < heard.n; i++)
		assert_true(heard.event[i].sequence > heard.event[i - 1].sequence);
	assert_true(heard.event[0].sequence == removed && heard.event[0].kind == STORE_EVENT_REMOVED && heard.event[0].has_item && !heard.with_item[0]);
	assert_int_equal(heard.event[0].item[0], 0x5a);
	assert_string_equal(heard.event[0].what, "deleted");
	assert_true(heard.event[1].kind == STORE_EVENT_ITEM && heard.with_item[1]);
	assert_string_equal(heard.owner[1], "alice");
	assert_memory_equal(heard.event[1].item, first->item.id, ITEM_ID_BYTES);
	assert_true(heard.event[2].sequence == device && !heard.event[2].has_item && heard.event[2].time == 200);
	assert_string_equal(heard.event[2].user, "bob");
	assert_string_equal(heard.owner[3], "bob");
	fixture_free_sample(first);
	fixture_free_sample(second);
}

static void a_cursor_goes_on_where_it_stopped(void **state)
{
	struct fixture *fixture = *state;
	struct person alice = fixture_add(fixture, "alice");
	uint64_t number[5];
	for (unsigned i = 0; i < ARRAY_SIZE(number); i++)
		number[i] = tell(fixture, &alice, STORE_EVENT_DEVICE, "key", 100);
	struct heard heard = list(fixture, &alice, 0, 2);
	assert_int_equal(heard.n, 2);
	heard = list(fixture, &alice, heard.event[1].sequence, 10);
	assert_int_equal(heard.n, 3);
	assert_int_equal(heard.event[0].sequence, number[2]);
	assert_int_equal(list(fixture, &alice, number[4], 10).n, 0);
	assert_int_equal(list(fixture, &alice, UINT64_MAX, 10).n, 0);
	struct heard stopped = { .stop_after = 2 };
	assert_int_equal(store_list_events(fixture->view, alice.user_id, 0, 10, hear, &stopped), 7);
	assert_int_equal(stopped.n, 2);
	uint64_t last = 0;
	OK(store_get_sequence(fixture->view, &last));
	assert_int_equal(last, number[4]);
}

static void others_are_not_told_and_what_is_gone_is_left_out(void **state)
{
	struct fixture *fixture = *state;
	struct person alice = fixture_add(fixture, "alice"), bob = fixture_add(fixture, "bob"), carol = fixture_add(fixture, "carol");
	struct sample *sample = fixture_make_sample(fixture, &alice, "bob");
	fixture_publish(fixture, sample, UPLOAD_A);
	tell(fixture, &bob, STORE_EVENT_DEVICE, "key", 100);
	assert_int_equal(list(fixture, &carol, 0, 10).n, 0);
	assert_int_equal(list(fixture, &bob, 0, 10).n, 2);
	uint64_t removed = 0;
	struct store_told told = { 0 };
	OK(store_begin(fixture->writer));
	OK(store_delete_item(fixture->writer, sample->item.id, alice.user_id, &removed, &told));
	OK(store_commit(fixture->writer));
	struct heard heard = list(fixture, &bob, 0, 1);
	assert_int_equal(heard.n, 1);
	assert_int_equal(heard.event[0].kind, STORE_EVENT_DEVICE);
	heard = list(fixture, &bob, heard.event[0].sequence, 10);
	assert_true(heard.n == 1 && heard.event[0].kind == STORE_EVENT_REMOVED && heard.event[0].sequence == removed);
	assert_memory_equal(heard.event[0].item, sample->item.id, ITEM_ID_BYTES);
	assert_string_equal(heard.event[0].user, "alice");
	assert_int_equal(list(fixture, &carol, 0, 10).n, 0);
	fixture_free_sample(sample);
}

static void forget(struct fixture *fixture, int64_t before)
{
	OK(store_begin(fixture->writer));
	OK(store_expire_events(fixture->writer, before));
	OK(store_commit(fixture->writer));
}

static void old_events_become_one_mark_for_each_user(void **state)
{
	struct fixture *fixture = *state;
	struct person alice = fixture_add(fixture, "alice"), bob = fixture_add(fixture, "bob");
	tell(fixture, &alice, STORE_EVENT_REMOVED, "deleted", 100);
	uint64_t bobs = tell(fixture, &bob, STORE_EVENT_DEVICE, "key", 120);
	uint64_t mark = tell(fixture, &alice, STORE_EVENT_REMOVED, "unshared", 150);
	uint64_t fresh = tell(fixture, &alice, STORE_EVENT_REMOVED, "expired", 300);
	assert_false(store_has_old_events(fixture->view, 100));
	assert_true(store_has_old_events(fixture->view, 200));
	forget(fixture, 200);
	assert_false(store_has_old_events(fixture->view, 200));
	struct heard heard = list(fixture, &alice, 0, 10);
	assert_int_equal(heard.n, 2);
	assert_true(heard.event[0].kind == STORE_EVENT_RESET && heard.event[0].sequence == mark && !heard.event[0].has_item);
	assert_string_equal(heard.event[0].user, "");
	assert_string_equal(heard.event[0].what, "");
	assert_true(heard.event[1].kind == STORE_EVENT_REMOVED && heard.event[1].sequence == fresh);
	heard = list(fixture, &bob, 0, 10);
	assert_true(heard.n == 1 && heard.event[0].kind == STORE_EVENT_RESET && heard.event[0].sequence == bobs);
	/* The next time the mark moves on, and there is still one. */
	forget(fixture, 400);
	heard = list(fixture, &alice, 0, 10);
	assert_true(heard.n == 1 && heard.event[0].kind == STORE_EVENT_RESET && heard.event[0].sequence == fresh);
	assert_int_equal(list(fixture, &alice, fresh, 10).n, 0);
}

struct known { unsigned n, stop_after; int64_t user_id[HEARD_MAX]; };

static int know(int64_t user_id, void *arg)
{
	struct known *known = arg;
	known->user_id[known->n++] = user_id;
	return known->n == known->stop_after ? 7 : 0;
}

static unsigned acquaintances(struct fixture *fixture, const struct person *person, unsigned limit)
{
	struct known known = { 0 };
	OK(store_list_acquaintances(fixture->view, person->user_id, limit, know, &known));
	return known.n;
}

static void who_shares_an_item_is_known_once(void **state)
{
	struct fixture *fixture = *state;
	struct person alice = fixture_add(fixture, "alice"), bob = fixture_add(fixture, "bob"), carol = fixture_add(fixture, "carol");
	struct person dave = fixture_add(fixture, "dave");
	struct sample *samples[] = { fixture_make_sample(fixture, &alice, "bob"), fixture_make_sample(fixture, &bob, "alice"), fixture_make_sample(fixture, &carol, "alice") };
	static const char *const uploads[] = { UPLOAD_A, UPLOAD_B, "cccccccccccccccccccccccccc" };
	assert_int_equal(acquaintances(fixture, &alice, 10), 0);
	for (size_t i = 0; i < ARRAY_SIZE(samples); i++)
		fixture_publish(fixture, samples[i], uploads[i]);
	assert_int_equal(acquaintances(fixture, &alice, 10), 2);
	assert_int_equal(acquaintances(fixture, &alice, 1), 1);
	assert_int_equal(acquaintances(fixture, &bob, 10), 1);
	assert_int_equal(acquaintances(fixture, &dave, 10), 0);
	struct known stopped = { .stop_after = 1 };
	assert_int_equal(store_list_acquaintances(fixture->view, alice.user_id, 10, know, &stopped), 7);
	/* Who was revoked hears nothing. */
	unsigned n_devices;
	OK(store_begin(fixture->writer));
	OK(store_revoke(fixture->writer, bob.user_id, 0, 5, time_now(), &n_devices));
	OK(store_commit(fixture->writer));
	struct known known = { 0 };
	OK(store_list_acquaintances(fixture->view, alice.user_id, 10, know, &known));
	assert_int_equal(known.n, 1);
	assert_true(known.user_id[0] == carol.user_id);
	for (size_t i = 0; i < ARRAY_SIZE(samples); i++)
		fixture_free_sample(samples[i]);
}

static void events_about_own_devices_are_counted(void **state)
{
	struct fixture *fixture = *state;
	struct person alice = fixture_add(fixture, "alice");
	char name[NAME_MAX_TEXT + 1] = "";
	unsigned n = 7;
	OK(store_count_device_events(fixture->view, alice.user_id, "alice", 0, &n));
	assert_int_equal(n, 0);
	tell(fixture, &alice, STORE_EVENT_DEVICE, "key", 100);
	tell(fixture, &alice, STORE_EVENT_DEVICE, "key", 200);
	tell(fixture, &alice, STORE_EVENT_REMOVED, "deleted", 300);
	OK(store_count_device_events(fixture->view, alice.user_id, "alice", 150, &n));
	assert_int_equal(n, 1);
	OK(store_count_device_events(fixture->view, alice.user_id, "bob", 0, &n));
	assert_int_equal(n, 0);
	OK(store_get_user_name(fixture->view, alice.user_id, name));
	assert_string_equal(name, "alice");
	assert_int_equal(store_get_user_name(fixture->view, alice.user_id + 5, name), -SIS_ERR_NO_USER);
}

int main(void)
{
	cmocka_set_message_output(CM_OUTPUT_TAP);
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(items_and_events_are_merged_in_order),
		TEST(a_cursor_goes_on_where_it_stopped),
		TEST(others_are_not_told_and_what_is_gone_is_left_out),
		TEST(who_shares_an_item_is_known_once),
		TEST(events_about_own_devices_are_counted),
		TEST(old_events_become_one_mark_for_each_user),
	};
	return cmocka_run_group_tests_name("store_events", tests, NULL, NULL);
}

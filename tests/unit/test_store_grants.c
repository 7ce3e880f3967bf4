/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Sharing later, taking back, and what ends by itself: who may, who is told, and what is left. */
#include "store_fixture.h"

#define NEVER INT64_MAX

struct scene {
	struct fixture *fixture;
	struct person alice, bob, carol;
	struct sample *sample;
	int64_t now;
};

/* alice's item, for herself and bob, which ends for them so many seconds after the scene's now (0: never); bob may share when told. */
static struct scene scene_make(struct fixture *fixture, int64_t alice_s, int64_t bob_s, bool bob_may_share)
{
	struct scene scene = { .fixture = fixture, .alice = fixture_add(fixture, "alice"), .bob = fixture_add(fixture, "bob"),
	                       .carol = fixture_add(fixture, "carol"), .now = time_now() };
	uint64_t sequence;
	char who[STORE_WHO_TEXT];
	scene.sample = fixture_make_sample(fixture, &scene.alice, "bob");
	struct store_new_grant grants[] = {
		{ "alice", "laptop", span_from_string("x\ngranter alice\n"), alice_s == 0 ? 0 : scene.now + alice_s, false },
		{ "bob", "laptop", span_from_string("y\ngranter alice\n"), bob_s == 0 ? 0 : scene.now + bob_s, bob_may_share },
	};
	scene.sample->item.grant = grants;
	scene.sample->item.n_grants = 2;
	OK(fixture_add_item(fixture, scene.sample, &sequence, who));
	assert_int_equal(sequence, 1);
	return scene;
}

static struct store_share scene_share(const struct scene *scene, const struct person *by, const char *recipient)
{
	struct store_share share = { .now = scene->now, .by = { .user_id = by->user_id, .device_id = by->device_id } };
	memcpy(share.id, scene->sample->item.id, ITEM_ID_BYTES);
	memcpy(share.statement_hash, scene->sample->item.statement_hash, DIGEST_BYTES);
	strcpy(share.by.user, by->user);
	strcpy(share.by.device, "laptop");
	strcpy(share.recipient, recipient);
	return share;
}

struct outcome { int error; uint64_t sequence; struct store_told told; const char *why; };

static struct outcome scene_put(const struct scene *scene, const struct person *by, const char *recipient, int64_t expires, bool may_share)
{
	struct store_share share = scene_share(scene, by, recipient);
	char text[64], who[STORE_WHO_TEXT];
	snprintf(text, sizeof(text), "later\ngranter %s\n", by->user);
	struct store_new_grant grant = { .device = "laptop", .text = span_from_string(text), .expires = expires, .may_share = may_share };
	strcpy(grant.recipient, recipient);
	share.grant = &grant;
	share.n_grants = 1;
	struct outcome outcome = { 0 };
	OK(store_begin(scene->fixture->writer));
	outcome.error = store_put_grants(scene->fixture->writer, &share, &outcome.sequence, &outcome.told, who, &outcome.why);
	if (outcome.error == 0)
		OK(store_commit(scene->fixture->writer));
	else
		store_rollback(scene->fixture->writer);
	return outcome;
}

static struct outcome scene_drop(const struct scene *scene, const struct person *by, const char *recipient)
{
	struct store_share share = scene_share(scene, by, recipient);
	struct outcome outcome = { 0 };
	OK(store_begin(scene->fixture->writer));
	outcome.error = store_drop_grants(scene->fixture->writer, &share, &outcome.sequence, &outcome.told, &outcome.why);
	if (outcome.error == 0)
		OK(store_commit(scene->fixture->writer));
	else
		store_rollback(scene->fixture->writer);
	return outcome;
}

static int take_sequence(const struct store_item *item, void *arg)
{
	*(uint64_t *)arg = item->sequence;
	return 0;
}

/* The sequence under which they see it; 0: they do not. */
static uint64_t scene_sees(const struct scene *scene, const struct person *person)
{
	uint64_t sequence = 0, listed = 0;
	int r = store_get_item(scene->fixture->view, person->user_id, scene->sample->item.id, take_sequence, &sequence);
	assert_true(r == 0 || r == -SIS_ERR_NO_ITEM);
	OK(store_list_items(scene->fixture->view, person->user_id, 0, 10, false, take_sequence, &listed));
	assert_int_equal(sequence, listed);
	return sequence;
}

static int take_text(struct span text, void *arg)
{
	assert_true(span_to_string(text, arg, 64));
	return 0;
}

static void scene_check_grant(const struct scene *scene, const struct person *person, const char *expected)
{
	char text[64] = "";
	OK(store_list_grants(scene->fixture->view, 1, person->user_id, false, take_text, text));
	assert_string_equal(text, expected);
}

static int64_t scene_next(const struct scene *scene)
{
	int64_t when;
	OK(store_next_expiry(scene->fixture->view, &when));
	return when;
}

static void the_owner_shares_later_and_takes_back(void **state)
{
	struct scene scene = scene_make(*state, 0, 0, false);
	struct outcome put = scene_put(&scene, &scene.alice, "carol", 0, true);
	OK(put.error);
	assert_int_equal(put.told.n, 1);
	assert_int_equal(put.told.user_id[0], scene.carol.user_id);
	assert_int_equal(scene_sees(&scene, &scene.carol), put.sequence);
	assert_int_equal(scene_sees(&scene, &scene.bob), 1);
	struct outcome again = scene_put(&scene, &scene.alice, "carol", scene.now + 50, false);
	OK(again.error);
	assert_int_equal(scene_sees(&scene, &scene.carol), put.sequence);
	OK(scene_drop(&scene, &scene.alice, "carol").error);
	assert_int_equal(scene_sees(&scene, &scene.carol), 0);
	assert_int_equal(scene_drop(&scene, &scene.alice, "carol").error, -SIS_ERR_NO_USER);
	assert_int_equal(scene_drop(&scene, &scene.alice, "alice").error, -SIS_ERR_NOT_ALLOWED);
	assert_int_equal(scene_put(&scene, &scene.alice, "nobody", 0, false).error, -SIS_ERR_NO_USER);
	fixture_free_sample(scene.sample);
}

static void a_reader_gives_no_more_than_he_has(void **state)
{
	struct scene scene = scene_make(*state, 0, 0, false);
	assert_int_equal(scene_put(&scene, &scene.bob, "carol", 0, false).error, -SIS_ERR_NOT_ALLOWED);
	assert_int_equal(scene_put(&scene, &scene.carol, "carol", 0, false).error, -SIS_ERR_NO_ITEM);
	assert_int_equal(scene_put(&scene, &scene.bob, "bob", 0, true).error, -SIS_ERR_NOT_ALLOWED);
	OK(scene_put(&scene, &scene.bob, "bob", 0, false).error);
	OK(scene_put(&scene, &scene.alice, "bob", scene.now + 100, true).error);
	assert_int_equal(scene_put(&scene, &scene.bob, "carol", 0, false).error, -SIS_ERR_NOT_ALLOWED);
	assert_int_equal(scene_put(&scene, &scene.bob, "carol", scene.now + 101, false).error, -SIS_ERR_NOT_ALLOWED);
	assert_int_equal(scene_put(&scene, &scene.bob, "carol", scene.now + 100, true).error, -SIS_ERR_NOT_ALLOWED);
	struct outcome put = scene_put(&scene, &scene.bob, "carol", scene.now + 100, false);
	OK(put.error);
	assert_int_equal(put.told.n, 2);                /* carol has it, alice is told */
	assert_int_equal(scene_drop(&scene, &scene.bob, "carol").error, -SIS_ERR_NOT_ALLOWED);
	assert_int_equal(scene_put(&scene, &scene.carol, "bob", scene.now + 10, false).error, -SIS_ERR_NOT_ALLOWED);
	OK(scene_drop(&scene, &scene.carol, "carol").error);
	assert_int_equal(scene_sees(&scene, &scene.carol), 0);
	fixture_free_sample(scene.sample);
}

static void nobody_spoils_anothers_grant(void **state)
{
	struct scene scene = scene_make(*state, 0, 0, true);
	OK(scene_put(&scene, &scene.alice, "carol", 0, false).error);
	scene_check_grant(&scene, &scene.carol, "later\ngranter alice\n");
	OK(scene_put(&scene, &scene.bob, "carol", scene.now + 10, false).error);
	scene_check_grant(&scene, &scene.carol, "later\ngranter alice\n");
	OK(scene_put(&scene, &scene.bob, "alice", scene.now + 10, false).error);
	scene_check_grant(&scene, &scene.alice, "x\ngranter alice\n");
	OK(scene_drop(&scene, &scene.alice, "carol").error);
	OK(scene_put(&scene, &scene.bob, "carol", scene.now + 10, false).error);
	OK(scene_put(&scene, &scene.alice, "carol", 0, false).error);
	scene_check_grant(&scene, &scene.carol, "later\ngranter alice\n");
	fixture_free_sample(scene.sample);
}

static void another_statement_under_the_same_id_gets_no_grant(void **state)
{
	struct scene scene = scene_make(*state, 0, 0, true);
	scene.sample->item.statement_hash[0] ^= 1;
	assert_int_equal(scene_put(&scene, &scene.alice, "carol", 0, false).error, -SIS_ERR_CHANGED);
	fixture_free_sample(scene.sample);
}

static void who_was_revoked_meanwhile_shares_nothing(void **state)
{
	struct scene scene = scene_make(*state, 0, 0, true);
	unsigned n;
	OK(store_begin(scene.fixture->writer));
	OK(store_revoke(scene.fixture->writer, scene.bob.user_id, 0, 5, scene.now, &n));
	OK(store_commit(scene.fixture->writer));
	assert_int_equal(scene_put(&scene, &scene.bob, "carol", 0, false).error, -SIS_ERR_REVOKED);
	assert_int_equal(scene_put(&scene, &scene.alice, "bob", 0, false).error, -SIS_ERR_NO_USER);
	assert_int_equal(scene_drop(&scene, &scene.bob, "bob").error, -SIS_ERR_REVOKED);
	OK(scene_drop(&scene, &scene.alice, "bob").error);
	fixture_free_sample(scene.sample);
}

static void the_item_ends_with_the_last_of_its_grants(void **state)
{
	struct scene scene = scene_make(*state, 100, 200, false);
	assert_int_equal(scene_next(&scene), scene.now + 100);
	OK(scene_put(&scene, &scene.alice, "carol", scene.now + 50, false).error);
	assert_int_equal(scene_next(&scene), scene.now + 50);
	OK(scene_put(&scene, &scene.alice, "carol", 0, false).error);
	assert_int_equal(scene_next(&scene), scene.now + 100);
	OK(scene_drop(&scene, &scene.alice, "carol").error);
	assert_int_equal(scene_put(&scene, &scene.alice, "bob", scene.now - 1, false).error, -SIS_ERR_EXPIRED);
	assert_int_equal(scene_put(&scene, &scene.alice, "bob", scene.now, false).error, -SIS_ERR_EXPIRED);
	fixture_free_sample(scene.sample);
}

struct ended { unsigned n_items, n_accesses; char user[NAME_MAX_TEXT + 1]; };

static int count_ended(const struct store_expired *expired, void *arg)
{
	struct ended *ended = arg;
	ended->n_items += expired->is_item;
	ended->n_accesses += !expired->is_item;
	strcpy(ended->user, expired->user);
	return 0;
}

static struct ended scene_expire(const struct scene *scene, int64_t now, unsigned limit, struct store_told *told)
{
	struct ended ended = { 0 };
	uint64_t sequence = 0;
	OK(store_begin(scene->fixture->writer));
	OK(store_expire(scene->fixture->writer, now, limit, told, &sequence, count_ended, &ended));
	OK(store_commit(scene->fixture->writer));
	return ended;
}

static void access_ends_then_the_item(void **state)
{
	struct scene scene = scene_make(*state, 200, 100, false);
	struct store_told told = { 0 };
	struct ended ended = scene_expire(&scene, scene.now + 99, 10, &told);
	assert_int_equal(ended.n_items + ended.n_accesses + told.n, 0);
	ended = scene_expire(&scene, scene.now + 100, 10, &told);
	assert_int_equal(ended.n_accesses, 1);
	assert_string_equal(ended.user, "bob");
	assert_int_equal(told.n, 1);
	assert_int_equal(scene_sees(&scene, &scene.bob), 0);
	assert_int_equal(scene_sees(&scene, &scene.alice), 1);
	assert_int_equal(scene_next(&scene), scene.now + 200);
	ended = scene_expire(&scene, scene.now + 200, 10, &told);
	assert_int_equal(ended.n_items, 1);
	assert_string_equal(ended.user, "alice");
	assert_int_equal(scene_next(&scene), NEVER);
	struct store_user user;
	OK(store_find_user(scene.fixture->view, "alice", &user));
	assert_int_equal(user.used, 0);
	assert_int_equal(user.n_items, 0);
	fixture_free_sample(scene.sample);
}

static void much_ends_in_small_steps(void **state)
{
	struct fixture *fixture = *state;
	struct person alice = fixture_add(fixture, "alice");
	struct scene scene = { .fixture = fixture, .alice = alice, .now = time_now() };
	struct store_told told = { 0 };
	for (int i = 0; i < 5; i++) {
		struct sample *sample = fixture_make_sample(fixture, &alice, NULL);
		struct store_new_grant grant = { "alice", "laptop", span_from_string("x"), scene.now + 10 + i, false };
		uint64_t sequence;
		char who[STORE_WHO_TEXT];
		sample->item.grant = &grant;
		sample->item.n_grants = 1;
		OK(fixture_add_item(fixture, sample, &sequence, who));
		fixture_free_sample(sample);
	}
	assert_int_equal(scene_expire(&scene, scene.now + 13, 2, &told).n_items, 2);
	assert_int_equal(scene_next(&scene), scene.now + 12);
	assert_int_equal(scene_expire(&scene, scene.now + 13, 2, &told).n_items, 2);
	assert_int_equal(scene_expire(&scene, scene.now + 13, 2, &told).n_items, 0);
	assert_int_equal(scene_next(&scene), scene.now + 14);
}

static void what_has_ended_is_not_seen_before_it_is_removed(void **state)
{
	struct scene scene = scene_make(*state, 0, -1, false);
	assert_int_equal(scene_sees(&scene, &scene.bob), 0);
	assert_int_equal(scene_sees(&scene, &scene.alice), 1);
	scene_check_grant(&scene, &scene.bob, "");
	OK(scene_put(&scene, &scene.alice, "bob", 0, false).error);
	assert_int_equal(scene_sees(&scene, &scene.bob), 1);
	OK(scene_put(&scene, &scene.alice, "alice", scene.now + 1, false).error);
	assert_int_equal(scene_put(&scene, &scene.bob, "bob", 0, false).error, 0);
	fixture_free_sample(scene.sample);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(the_owner_shares_later_and_takes_back), TEST(a_reader_gives_no_more_than_he_has), TEST(nobody_spoils_anothers_grant),
		TEST(another_statement_under_the_same_id_gets_no_grant), TEST(who_was_revoked_meanwhile_shares_nothing),
		TEST(the_item_ends_with_the_last_of_its_grants), TEST(access_ends_then_the_item), TEST(much_ends_in_small_steps),
		TEST(what_has_ended_is_not_seen_before_it_is_removed),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

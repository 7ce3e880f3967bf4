/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Endorsements count as long as both devices are live, and one of each pair is kept. */
#include "store_fixture.h"

static int count(struct span text, void *arg)
{
	assert_string_equal((const char *)text.data, "the newer one");
	++*(unsigned *)arg;
	return 0;
}

static unsigned n_of(struct fixture *fixture, int64_t device_id)
{
	unsigned n = 0;
	OK(store_list_endorsements(fixture->view, device_id, count, &n));
	return n;
}

static int endorse(struct fixture *fixture, int64_t device_id, int64_t endorser_id, const char *text, bool *ret_is_new)
{
	OK(store_begin(fixture->writer));
	int r = store_set_endorsement(fixture->writer, device_id, endorser_id, span_from_string(text), ret_is_new);
	OK(store_commit(fixture->writer));
	return r;
}

static void they_end_with_the_endorser(void **state)
{
	struct fixture *fixture = *state;
	struct person alice = fixture_add(fixture, "alice");
	int64_t tablet, phone;
	bool is_new;
	unsigned n_devices;
	OK(store_begin(fixture->writer));
	OK(store_add_device(fixture->writer, alice.user_id, "tablet", 1, &tablet));
	OK(store_add_device(fixture->writer, alice.user_id, "phone", 1, &phone));
	OK(store_commit(fixture->writer));
	assert_int_equal(n_of(fixture, tablet), 0);
	OK(endorse(fixture, tablet, alice.device_id, "the first one", &is_new));
	assert_true(is_new);
	OK(endorse(fixture, tablet, alice.device_id, "the newer one", &is_new));
	assert_false(is_new);
	OK(endorse(fixture, tablet, phone, "the newer one", &is_new));
	assert_int_equal(n_of(fixture, tablet), 2);
	OK(store_begin(fixture->writer));
	OK(store_revoke(fixture->writer, alice.user_id, phone, 0, 2, &n_devices));
	OK(store_commit(fixture->writer));
	assert_int_equal(n_of(fixture, tablet), 1);
	assert_int_equal(endorse(fixture, tablet, phone, "the newer one", &is_new), -SIS_ERR_REVOKED);
	assert_int_equal(endorse(fixture, phone, tablet, "the newer one", &is_new), -SIS_ERR_REVOKED);
}

int main(void)
{
	cmocka_set_message_output(CM_OUTPUT_TAP);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(they_end_with_the_endorser, fixture_set_up, fixture_tear_down),
	};
	return cmocka_run_group_tests_name("store_endorsements", tests, NULL, NULL);
}

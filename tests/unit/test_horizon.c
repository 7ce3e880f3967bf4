/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The newest state that a server has shown. */
#include "test_sis.h"

#include "sis/horizon.h"

static int show(const struct profile *profile, uint64_t sequence)
{
	struct horizon horizon;
	struct why why = { "" };
	horizon_open(profile, &horizon);
	int r = horizon_check(&horizon, sequence, &why);
	assert_true((r < 0) == (why.text[0] != '\0'));
	if (r == 0)
		horizon_save(profile, &horizon);
	return r;
}

static void an_older_state_is_refused(void **state)
{
	struct profile *profile = test_profile_open();
	assert_int_equal(show(profile, 7), 0);
	assert_int_equal(show(profile, 7), 0);
	assert_int_equal(show(profile, 6), -SIS_ERR_ROLLED_BACK);
	assert_int_equal(show(profile, 9), 0);
	assert_int_equal(show(profile, 8), -SIS_ERR_ROLLED_BACK);
	profile_free(profile);
}

static void a_slower_command_neither_complains_nor_forgets(void **state)
{
	struct profile *profile = test_profile_open();
	struct horizon slow;
	struct why why = { "" };
	horizon_open(profile, &slow);
	assert_int_equal(show(profile, 30), 0);
	assert_int_equal(horizon_check(&slow, 20, &why), 0);
	horizon_save(profile, &slow);
	assert_int_equal(show(profile, 29), -SIS_ERR_ROLLED_BACK);
	profile_free(profile);
}

static void a_restored_backup_is_taken_when_told(void **state)
{
	struct profile *profile = test_profile_open();
	struct horizon horizon;
	struct why why = { "" };
	assert_int_equal(show(profile, 40), 0);
	horizon_open(profile, &horizon);
	horizon_forget(&horizon);
	assert_int_equal(horizon_check(&horizon, 12, &why), 0);
	horizon_save(profile, &horizon);
	assert_int_equal(show(profile, 12), 0);
	assert_int_equal(show(profile, 11), -SIS_ERR_ROLLED_BACK);
	profile_free(profile);
}

static void a_leap_is_a_restored_backup_and_said_until_it_is_taken(void **state)
{
	struct profile *profile = test_profile_open();
	struct horizon horizon;
	const uint64_t lifted = (UINT64_C(28000000) << 22) + 5;
	assert_int_equal(show(profile, 40), 0);
	assert_int_equal(show(profile, 40 + (UINT64_C(1) << 31)), 0);
	assert_int_equal(show(profile, lifted), -SIS_ERR_ROLLED_BACK);
	assert_int_equal(show(profile, lifted), -SIS_ERR_ROLLED_BACK);
	horizon_open(profile, &horizon);
	horizon_forget(&horizon);
	assert_int_equal(horizon_check(&horizon, lifted, NULL), 0);
	horizon_save(profile, &horizon);
	assert_int_equal(show(profile, lifted + 1), 0);
	profile_free(profile);
}

#define IN_HOME(name) cmocka_unit_test_setup_teardown(name, test_home_make, test_home_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_HOME(an_older_state_is_refused), IN_HOME(a_slower_command_neither_complains_nor_forgets), IN_HOME(a_restored_backup_is_taken_when_told),
		IN_HOME(a_leap_is_a_restored_backup_and_said_until_it_is_taken),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

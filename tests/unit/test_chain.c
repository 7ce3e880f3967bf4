/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The chain of statements: every number once, each bound to the one before, over processes. */
#include "test_sis.h"

#include "sis/chain.h"

#include <sys/wait.h>

static void sign(const struct profile *profile, struct statement *statement, uint8_t ret_hash[DIGEST_BYTES])
{
	static char text[STATEMENT_MAX_BYTES + 1];
	struct why why = { "" };
	size_t size;
	*statement = (struct statement){ .kind = ITEM_FILE, .time = 1800000000, .n_audience = 1, .part[SEAL_OBJECT].size = 17, .part[SEAL_MANIFEST].size = 528 };
	digest_sha256("", 0, statement->part[SEAL_THUMBNAIL].root);
	strcpy(statement->owner, "alice");
	strcpy(statement->audience[0], "alice");
	assert_int_equal(chain_sign(profile, statement, text, &size, &why), 0);
	digest_sha256(text, size, ret_hash);
}

static void each_is_bound_to_the_one_before(void **state)
{
	struct profile *profile = test_profile_open();
	static const uint8_t zeros[DIGEST_BYTES];
	uint8_t hash[DIGEST_BYTES], before[DIGEST_BYTES];
	struct statement statement;
	memcpy(before, zeros, sizeof(before));
	for (unsigned i = 1; i <= 20; i++) {
		sign(profile, &statement, hash);
		assert_int_equal(statement.sequence, i);
		assert_memory_equal(statement.previous, before, sizeof(before));
		memcpy(before, hash, sizeof(before));
	}
	profile_free(profile);
}

static void processes_side_by_side_never_get_the_same_number(void **state)
{
	struct profile *profile = test_profile_open();
	uint8_t hash[DIGEST_BYTES];
	struct statement statement;
	for (unsigned i = 0; i < 4; i++) {
		if (fork() == 0) {
			for (unsigned n = 0; n < 25; n++)
				sign(profile, &statement, hash);
			_exit(0);
		}
	}
	for (unsigned i = 0; i < 4; i++)
		wait(NULL);
	sign(profile, &statement, hash);
	assert_int_equal(statement.sequence, 101);
	profile_free(profile);
}

static void a_damaged_chain_is_not_started_anew(void **state)
{
	struct profile *profile = test_profile_open();
	struct statement statement = { 0 };
	char text[STATEMENT_MAX_BYTES + 1];
	struct why why = { "" };
	size_t size;
	assert_int_equal(file_write_atomic(profile->dir_fd, "chain.json", "{}", 2, 0600), 0);
	assert_int_equal(chain_sign(profile, &statement, text, &size, &why), -SIS_ERR_BAD_FORMAT);
	profile_free(profile);
}

#define IN_HOME(name) cmocka_unit_test_setup_teardown(name, test_home_make, test_home_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_HOME(each_is_bound_to_the_one_before), IN_HOME(processes_side_by_side_never_get_the_same_number), IN_HOME(a_damaged_chain_is_not_started_anew),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

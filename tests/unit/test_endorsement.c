/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Endorsements. What is malformed: tests/vectors (endorsement-*). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "test_item.h"

static struct endorsement of_tablet(enum key_algorithm algorithm)
{
	struct endorsement endorsement = { .user = "alice", .device = "tablet", .time = TEST_TIME };
	struct signing_key tablet;

	assert_int_equal(signing_key_generate(algorithm, &tablet), 0);
	endorsement.key = tablet.public_key;
	return endorsement;
}

static void either_algorithm_vouches_for_either(void **state)
{
	static const enum key_algorithm algorithms[] = { KEY_ED25519, KEY_ECDSA_P256 };

	for (int i = 0; i < 4; i++) {
		struct endorsement endorsement = of_tablet(algorithms[i % 2]), parsed;
		char text[ENDORSEMENT_MAX_BYTES + 1];
		struct signing_key laptop;
		size_t size;

		assert_int_equal(signing_key_generate(algorithms[i / 2], &laptop), 0);
		assert_int_equal(endorsement_write(&endorsement, &laptop, text, &size), 0);
		assert_memory_equal(text, "sis-endorsement/1\nuser alice\ndevice tablet\nkey e", 48);
		assert_int_equal(endorsement_parse(test_text(text, size), &parsed, NULL), 0);
		assert_memory_equal(parsed.key.bytes, endorsement.key.bytes, public_key_size(endorsement.key.algorithm));
		assert_memory_equal(parsed.endorser.bytes, laptop.public_key.bytes, public_key_size(laptop.public_key.algorithm));
		assert_int_equal(endorsement_verify(test_text(text, size), &parsed), 0);
		text[25] ^= 1;
		assert_int_equal(endorsement_verify(test_text(text, size), &parsed), -SIS_ERR_BAD_SIGNATURE);
	}
}

static void nobody_vouches_for_himself_or_for_no_name(void **state)
{
	struct endorsement endorsement = of_tablet(KEY_ED25519);
	char text[ENDORSEMENT_MAX_BYTES + 1];
	struct signing_key laptop;
	size_t size;

	assert_int_equal(signing_key_generate(KEY_ED25519, &laptop), 0);
	strcpy(endorsement.device, "../x");
	assert_int_equal(endorsement_write(&endorsement, &laptop, text, &size), -SIS_ERR_BAD_FORMAT);
	strcpy(endorsement.device, "tablet");
	endorsement.key = laptop.public_key;
	assert_int_equal(endorsement_write(&endorsement, &laptop, text, &size), -SIS_ERR_BAD_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(either_algorithm_vouches_for_either),
		cmocka_unit_test(nobody_vouches_for_himself_or_for_no_name),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("endorsement", tests, NULL, NULL);
}

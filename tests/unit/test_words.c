/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Words to compare, against the second implementation (contact_words of tests/python/sis_item.py). */
#include "test_sis.h"

#include "sis/words.h"

static void the_list_can_be_read_aloud(void **state)
{
	for (unsigned i = 1; i < WORDS_LIST; i++) {
		assert_true(strcmp(words_list[i - 1], words_list[i]) < 0);
		assert_true(strncmp(words_list[i - 1], words_list[i], 4) != 0);
		assert_in_range(strlen(words_list[i]), 3, WORDS_LONGEST);
	}
}

static struct words bobs(const char *authority, bool swapped)
{
	struct words_device devices[2] = { { "phone", { .algorithm = KEY_ED25519 } }, { "laptop", { .algorithm = KEY_ECDSA_P256 } } };
	struct words words;
	memset(devices[0].key.bytes, 1, 32);
	memset(devices[1].key.bytes, 2, 64);
	if (swapped) {
		struct words_device first = devices[0];
		devices[0] = devices[1];
		devices[1] = first;
	}
	words_make(test_span(authority), "bob", devices, 2, &words);
	return words;
}

static void they_are_those_of_the_second_implementation(void **state)
{
	struct words_device laptop = { "laptop", { .algorithm = KEY_ED25519 } };
	struct words rows[2] = { [1] = bobs("authority", false) };
	char text[WORDS_TEXT];
	memset(laptop.key.bytes, 3, 32);
	words_make(test_span("authority"), "alice", &laptop, 1, &rows[0]);
	words_join(rows, text);
	assert_string_equal(text, "pattern admit quote magic attack force dove top dizzy symbol traffic spike");
}

static void order_does_not_matter_and_the_authority_does(void **state)
{
	struct words rows[2] = { bobs("authority", false), bobs("authority", true) }, other = bobs("Authority", false);
	unsigned n_same = 0;
	for (unsigned i = 0; i < WORDS_EACH; i++) {
		assert_ptr_equal(rows[0].word[i], rows[1].word[i]);
		n_same += rows[0].word[i] == other.word[i];
	}
	assert_in_range(n_same, 0, 1);
}

static void words_are_compared_as_people_send_them(void **state)
{
	static const char good[] = "able baker  charlie";
	assert_true(words_match("able baker charlie", good));
	assert_int_equal(words_count("  ABLE-Baker,\ncharlie. "), 3);
	assert_int_equal(words_count(" 7! "), 0);
	assert_true(words_match("  ABLE-Baker,\ncharlie. ", good));
	assert_false(words_match("able baker", good));
	assert_false(words_match("able baker charlie delta", good));
	assert_false(words_match("ablebaker charlie", good));
	assert_false(words_match("able ba ker charlie", good));
	assert_false(words_match("", good));
	assert_false(words_match("able baker charlib", good));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_list_can_be_read_aloud),
		cmocka_unit_test(they_are_those_of_the_second_implementation),
		cmocka_unit_test(order_does_not_matter_and_the_authority_does),
		cmocka_unit_test(words_are_compared_as_people_send_them),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

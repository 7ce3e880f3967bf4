/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Pins: the first key stays, another is refused until it is accepted, and two processes do not lose each other's. */
#include "test_sis.h"

#include "sis/pins.h"
#include "sis/words.h"

static struct public_key key_of(uint8_t byte)
{
	struct public_key key = { .algorithm = KEY_ED25519 };
	memset(key.bytes, byte, 32);
	return key;
}

static int look(struct pins *pins, const char *user, const char *device, uint8_t byte, enum pin_state *ret_state)
{
	struct public_key key = key_of(byte);
	struct why why = { "" };
	return pins_check(pins, user, device, &key, NULL, ret_state, &why);
}

static void the_first_key_is_kept(void **state)
{
	struct profile *profile = test_profile_open();
	struct pins *pins = NULL, *again = NULL;
	struct why why = { "" };
	enum pin_state pin;
	assert_int_equal(pins_open(profile, &pins, &why), 0);
	assert_int_equal(look(pins, "bob", "phone", 1, &pin), 0);
	assert_int_equal(pin, PIN_NEW_CONTACT);
	assert_int_equal(look(pins, "bob", "laptop", 2, &pin), 0);
	assert_int_equal(pin, PIN_NEW_CONTACT);         /* they met just now, with both */
	assert_int_equal(look(pins, "bob", "phone", 1, &pin), 0);
	assert_int_equal(pin, PIN_KNOWN);
	assert_int_equal(pins_save(pins, &why), 0);
	assert_int_equal(pins_open(profile, &again, &why), 0);
	assert_int_equal(look(again, "bob", "phone", 1, &pin), 0);
	assert_int_equal(pin, PIN_KNOWN);
	assert_int_equal(look(again, "bob", "tablet", 3, &pin), 0);
	assert_int_equal(pin, PIN_NEW_DEVICE);
	assert_int_equal(look(again, "carol", "phone", 4, &pin), 0);
	assert_int_equal(pin, PIN_NEW_CONTACT);
	pins_free(pins);
	pins_free(again);
	profile_free(profile);
}

static void a_changed_key_is_refused_until_it_is_accepted(void **state)
{
	struct profile *profile = test_profile_open();
	struct pins *pins = NULL;
	struct public_key other = key_of(9);
	struct why why = { "" };
	enum pin_state pin;
	unsigned n;
	assert_int_equal(pins_open(profile, &pins, &why), 0);
	assert_int_equal(look(pins, "bob", "phone", 1, &pin), 0);
	assert_int_equal(pins_check(pins, "bob", "phone", &other, NULL, &pin, &why), -SIS_ERR_PIN_CHANGED);
	assert_non_null(strstr(why.text, "sis contacts accept bob"));
	assert_int_equal(look(pins, "bob", "phone", 1, &pin), 0);
	assert_int_equal(pins_save(pins, &why), 0);
	pins_free(pins);
	/* A key that was not the one compared, however it came in between, is not taken. */
	assert_int_equal(pins_open(profile, &pins, &why), 0);
	assert_int_equal(pins_accept(pins, "bob", "ed25519:0000", NULL, NULL, &n), 0);
	assert_int_equal(n, 0);
	pins_free(pins);
	/* The next process: still refused, then accepted; the old key goes on to hold for what it had signed. */
	assert_int_equal(pins_open(profile, &pins, &why), 0);
	assert_int_equal(look(pins, "bob", "phone", 9, &pin), -SIS_ERR_PIN_CHANGED);
	assert_int_equal(pins_accept(pins, "bob", NULL, NULL, NULL, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(look(pins, "bob", "phone", 9, &pin), 0);
	assert_int_equal(look(pins, "bob", "phone", 1, &pin), 0);
	assert_int_equal(look(pins, "bob", "phone", 8, &pin), -SIS_ERR_PIN_CHANGED);
	assert_int_equal(pins_accept(pins, "carol", NULL, NULL, NULL, &n), -SIS_ERR_NO_USER);
	pins_free(pins);
	profile_free(profile);
}

static void two_processes_keep_each_others_pins(void **state)
{
	struct profile *profile = test_profile_open();
	struct pins *one = NULL, *two = NULL;
	struct why why = { "" };
	enum pin_state pin;
	assert_int_equal(pins_open(profile, &one, &why), 0);
	assert_int_equal(pins_open(profile, &two, &why), 0);
	assert_int_equal(look(one, "bob", "phone", 1, &pin), 0);
	assert_int_equal(look(two, "carol", "phone", 2, &pin), 0);
	assert_int_equal(look(two, "bob", "phone", 3, &pin), 0);
	assert_int_equal(pins_save(one, &why), 0);
	assert_int_equal(pins_save(two, &why), 0);
	pins_free(one);
	pins_free(two);
	assert_int_equal(pins_open(profile, &one, &why), 0);
	assert_int_equal(look(one, "carol", "phone", 2, &pin), 0);
	/* Whose came first holds; the other waits for a person. */
	assert_int_equal(look(one, "bob", "phone", 1, &pin), 0);
	assert_int_equal(look(one, "bob", "phone", 3, &pin), -SIS_ERR_PIN_CHANGED);
	pins_free(one);
	profile_free(profile);
}

static void a_further_device_of_somebody_verified_is_refused(void **state)
{
	struct profile *profile = test_profile_open();
	struct pins *pins = NULL;
	struct public_key key = key_of(4);
	struct why why = { "" };
	enum pin_state pin;
	unsigned n;
	assert_int_equal(pins_open(profile, &pins, &why), 0);
	assert_int_equal(pins_set_verified(pins, "bob", true), -SIS_ERR_NO_USER);
	assert_int_equal(look(pins, "bob", "phone", 1, &pin), 0);
	assert_string_equal(pins_contact(pins, "bob"), "new");
	assert_int_equal(pins_set_verified(pins, "bob", true), 0);
	assert_string_equal(pins_contact(pins, "bob"), "verified");
	assert_int_equal(pins_save(pins, &why), 0);
	pins_free(pins);
	assert_int_equal(pins_open(profile, &pins, &why), 0);
	assert_int_equal(look(pins, "bob", "tablet", 2, &pin), -SIS_ERR_PIN_CHANGED);
	assert_false(pins_has_device(pins, "bob", "tablet"));
	assert_int_equal(pins_save(pins, &why), 0);
	assert_int_equal(look(pins, "bob", "tablet", 2, &pin), -SIS_ERR_PIN_CHANGED);
	assert_int_equal(pins_accept(pins, "bob", NULL, NULL, NULL, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(look(pins, "bob", "tablet", 2, &pin), 0);
	assert_int_equal(pin, PIN_KNOWN);
	/* Vouched for, and forgotten. */
	assert_int_equal(pins_check(pins, "bob", "watch", &key, "tablet", &pin, &why), 0);
	assert_int_equal(pin, PIN_VOUCHED);
	assert_int_equal(pins_forget(pins, "bob"), 0);
	assert_false(pins_has_device(pins, "bob", "phone"));
	assert_int_equal(pins_forget(pins, "bob"), -SIS_ERR_NO_USER);
	pins_free(pins);
	profile_free(profile);
}

static void who_was_verified_meanwhile_gets_no_device_by_another_process(void **state)
{
	struct profile *profile = test_profile_open();
	struct pins *one = NULL, *two = NULL;
	struct why why = { "" };
	enum pin_state pin;
	assert_int_equal(pins_open(profile, &one, &why), 0);
	assert_int_equal(look(one, "bob", "phone", 1, &pin), 0);
	assert_int_equal(pins_save(one, &why), 0);
	assert_int_equal(pins_open(profile, &two, &why), 0);
	assert_int_equal(look(two, "bob", "tablet", 2, &pin), 0);
	assert_int_equal(pin, PIN_NEW_DEVICE);
	assert_int_equal(pins_set_verified(one, "bob", true), 0);
	assert_int_equal(pins_save(one, &why), 0);
	assert_int_equal(pins_save(two, &why), 0);
	pins_free(one);
	pins_free(two);
	assert_int_equal(pins_open(profile, &one, &why), 0);
	assert_false(pins_has_device(one, "bob", "tablet"));
	assert_int_equal(look(one, "bob", "tablet", 2, &pin), -SIS_ERR_PIN_CHANGED);
	pins_free(one);
	profile_free(profile);
}

static void this_device_may_have_a_new_key(void **state)
{
	struct profile *profile = test_profile_open();
	struct pins *pins = NULL;
	struct why why = { "" };
	enum pin_state pin;
	assert_int_equal(pins_open(profile, &pins, &why), 0);
	assert_int_equal(pins_check(pins, "alice", "laptop", &profile->facts.public_key, NULL, &pin, &why), 0);
	assert_int_equal(look(pins, "alice", "laptop", 7, &pin), -SIS_ERR_PIN_CHANGED);
	profile->facts.public_key = key_of(8);          /* renewed with a new key */
	assert_int_equal(look(pins, "alice", "laptop", 8, &pin), 0);
	assert_int_equal(look(pins, "alice", "tablet", 1, &pin), -SIS_ERR_PIN_CHANGED);
	pins_free(pins);
	profile_free(profile);
}

static void the_first_form_is_read(void **state)
{
	static const char old[] = "{\"bob\":{\"phone\":{\"keys\":[\"ed25519:00\"],\"first_seen\":\"2026-01-01T00:00:00Z\"}},\"version\":{}}";
	struct profile *profile = test_profile_open();
	struct pins *pins = NULL;
	struct why why = { "" };
	enum pin_state pin;
	assert_int_equal(file_write_atomic(profile->dir_fd, "contacts.json", old, strlen(old), 0600), 0);
	assert_int_equal(pins_open(profile, &pins, &why), 0);
	assert_true(pins_has_device(pins, "bob", "phone"));
	assert_string_equal(pins_contact(pins, "bob"), "known");
	assert_int_equal(look(pins, "bob", "laptop", 2, &pin), 0);
	assert_int_equal(pin, PIN_NEW_DEVICE);
	assert_int_equal(pins_save(pins, &why), 0);
	pins_free(pins);
	CLEANUP_FREE char *text = NULL;
	size_t size;
	assert_int_equal(file_read(profile->dir_fd, "contacts.json", 65536, &text, &size), 0);
	assert_non_null(strstr(text, "\"version\":2"));
	assert_int_equal(pins_open(profile, &pins, &why), 0);
	assert_true(pins_has_device(pins, "bob", "phone"));
	pins_free(pins);
	profile_free(profile);
}

static void an_imported_pin_never_replaces_one(void **state)
{
	struct profile *profile = test_profile_open();
	struct pins *pins = NULL;
	struct why why = { "" };
	enum pin_state pin;
	unsigned n = 0;
	CLEANUP_JSON json_t *theirs = json_pack("{s:{s:s, s:{s:{s:[s]}, s:{s:[s]}}}, s:{s:{s:{s:[s]}}}}", "bob", "verified", "2026-01-01T00:00:00Z", "devices",
	                                        "phone", "keys", "ed25519:00", "tablet", "keys", "ed25519:01", "carol", "devices", "phone", "keys", "ed25519:02");
	assert_non_null(theirs);
	assert_int_equal(pins_open(profile, &pins, &why), 0);
	assert_int_equal(look(pins, "bob", "phone", 1, &pin), 0);
	assert_int_equal(pins_import(pins, theirs, NULL, NULL, &n), -SIS_ERR_CONFLICT);
	assert_int_equal(n, 2);
	assert_int_equal(look(pins, "bob", "phone", 1, &pin), 0);
	assert_string_equal(pins_contact(pins, "bob"), "new");
	assert_true(pins_has_device(pins, "carol", "phone"));
	json_object_del(json_object_get(json_object_get(theirs, "bob"), "devices"), "phone");
	assert_int_equal(pins_import(pins, theirs, NULL, NULL, &n), 0);
	assert_int_equal(n, 0);
	assert_string_equal(pins_contact(pins, "bob"), "verified");
	pins_free(pins);
	profile_free(profile);
}

static void a_damaged_file_is_told_and_not_replaced(void **state)
{
	static const char *const bad[] = { "", "[]", "{\"bob\":1}", "{\"bob\":{\"phone\":{}}}", "{\"bob\":{\"phone\":{\"keys\":[1]}}}", "{\"../x\":{}}", "{",
	                                   "{\"version\":2}", "{\"version\":3,\"contacts\":{}}", "{\"version\":2,\"contacts\":{\"bob\":{\"phone\":{\"keys\":[]}}}}",
	                                   "{\"version\":2,\"contacts\":{\"bob\":{\"verified\":true,\"devices\":{}}}}" };
	struct profile *profile = test_profile_open();
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct pins *pins = NULL;
		struct why why = { "" };
		assert_int_equal(file_write_atomic(profile->dir_fd, "contacts.json", bad[i], strlen(bad[i]), 0600), 0);
		assert_true(pins_open(profile, &pins, &why) < 0);
		assert_null(pins);
	}
	profile_free(profile);
}

static void only_what_was_compared_stays(void **state)
{
	const struct words_device compared[] = { { "phone", key_of(2) } };
	struct profile *profile = test_profile_open();
	struct pins *pins = NULL, *other = NULL;
	struct why why = { "" };
	enum pin_state pin;
	unsigned n;
	/* A key of the phone that was replaced, with an alarm; and a device that the server has shown once. */
	assert_int_equal(pins_open(profile, &pins, &why), 0);
	assert_int_equal(look(pins, "bob", "phone", 1, &pin), 0);
	assert_int_equal(look(pins, "bob", "hidden", 3, &pin), 0);
	assert_int_equal(look(pins, "bob", "phone", 2, &pin), -SIS_ERR_PIN_CHANGED);
	assert_int_equal(pins_accept(pins, "bob", NULL, NULL, NULL, &n), 0);
	assert_int_equal(pins_save(pins, &why), 0);
	/* Meanwhile another process pins what the server shows it. */
	assert_int_equal(pins_open(profile, &other, &why), 0);
	assert_int_equal(look(other, "bob", "shown", 4, &pin), 0);
	assert_int_equal(pins_save(other, &why), 0);
	pins_keep_compared(pins, "bob", compared, 1, NULL, NULL);
	assert_int_equal(pins_set_verified(pins, "bob", true), 0);
	assert_int_equal(pins_save(pins, &why), 0);
	pins_free(pins);
	pins_free(other);
	assert_int_equal(pins_open(profile, &pins, &why), 0);
	assert_int_equal(look(pins, "bob", "phone", 2, &pin), 0);
	assert_int_equal(look(pins, "bob", "phone", 1, &pin), -SIS_ERR_PIN_CHANGED);
	assert_int_equal(look(pins, "bob", "hidden", 3, &pin), -SIS_ERR_PIN_CHANGED);
	assert_int_equal(look(pins, "bob", "shown", 4, &pin), -SIS_ERR_PIN_CHANGED);
	pins_free(pins);
	profile_free(profile);
}

#define IN_HOME(name) cmocka_unit_test_setup_teardown(name, test_home_make, test_home_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_HOME(the_first_key_is_kept), IN_HOME(a_changed_key_is_refused_until_it_is_accepted), IN_HOME(two_processes_keep_each_others_pins),
		IN_HOME(a_further_device_of_somebody_verified_is_refused), IN_HOME(who_was_verified_meanwhile_gets_no_device_by_another_process),
		IN_HOME(this_device_may_have_a_new_key), IN_HOME(the_first_form_is_read), IN_HOME(an_imported_pin_never_replaces_one),
		IN_HOME(a_damaged_file_is_told_and_not_replaced), IN_HOME(only_what_was_compared_stays),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

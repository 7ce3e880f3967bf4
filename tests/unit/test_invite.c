/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Invites, as they are pasted, and as they are not. */
#include "test_sis.h"

#include "sis/invite.h"

#define CODE "abcdefghijklmnopqrstuvwxyz"
#define PRINT "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void a_whole_invite(void **state)
{
	struct invite invite;
	struct why why = { "" };
	assert_int_equal(invite_parse(test_span(" sis://pictures.example:4711/alice#" CODE "." PRINT "\r\n"), &invite, &why), 0);
	assert_string_equal(invite.host, "pictures.example");
	assert_string_equal(invite.port, "4711");
	assert_string_equal(invite.user, "alice");
	assert_string_equal(invite.code, CODE);
	assert_int_equal(invite.ca_fingerprint[1], 0x11);
	assert_int_equal(invite_parse(test_span("sis://[::1]:1/a#" CODE "." PRINT), &invite, &why), 0);
	assert_string_equal(invite.host, "::1");
}

static void everything_else_is_refused_without_repeating_the_code(void **state)
{
	static const char *const bad[] = {
		"", "sis://", "http://h:1/a#" CODE "." PRINT, "sis://h/a#" CODE "." PRINT, "sis://h:1/a", "sis://h:1/a#" CODE, "sis://h:1/#" CODE "." PRINT,
		"sis://h:1/../b#" CODE "." PRINT, "sis://h:1/a#short." PRINT, "sis://h:1/a#" CODE ".0011", "sis://h:1/a#" CODE "." PRINT "00",
		"sis://h:1/a#" CODE "!." PRINT, "sis://h:99999/a#" CODE "." PRINT, "sis://u@h:1/a#" CODE "." PRINT, "sis://h:1/A#" CODE "." PRINT,
		"sis://h:1/a#" CODE "." PRINT " x", "sis://[h]:1/a#" CODE "." PRINT, "sis://[2001%]:1/a#" CODE "." PRINT, "sis://[]:1/a#" CODE "." PRINT, "sis://[:1/a#" CODE "." PRINT,
	};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct invite invite;
		struct why why = { "" };
		assert_int_equal(invite_parse(test_span(bad[i]), &invite, &why), -SIS_ERR_BAD_FORMAT);
		assert_null(strstr(why.text, CODE));
	}
}

static void fingerprints_in_the_usual_forms(void **state)
{
	uint8_t fingerprint[FINGERPRINT_BYTES];
	assert_int_equal(fingerprint_parse("00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff", fingerprint), 0);
	assert_int_equal(fingerprint[31], 0xff);
	assert_true(fingerprint_parse("00", fingerprint) < 0);
	assert_true(fingerprint_parse(PRINT "0", fingerprint) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_invite), cmocka_unit_test(everything_else_is_refused_without_repeating_the_code),
		cmocka_unit_test(fingerprints_in_the_usual_forms),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The option table: its own consistency, its checks, and the guess at what was meant. */
#include "conf/options.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void every_default_passes_its_own_checks(void **state)
{
	CLEANUP_CONF struct conf *conf = NULL;

	conf_defaults(&conf);
	for (unsigned i = 0; i < option_table_size; i++) {
		const struct option *option = &option_table[i];

		assert_true(strlen(option->help) > 10);
		if (option->kind == OPTION_IS_LIST) {
			for (unsigned n = 0; n < option_list_member(option, conf)->n; n++)
				assert_null(option->check(option_list_member(option, conf)->item[n]));
		} else if (option->kind == OPTION_IS_CHOICE) {
			assert_true(option_choice_is_valid(option, *option_string_member(option, conf)));
		} else if (option->kind == OPTION_IS_STRING) {
			assert_null(option->check(*option_string_member(option, conf)));
		} else {
			assert_true(option_number_in_range(option, *option_number_member(option, conf)));
		}
	}
}

static void ranges_hold_at_their_borders(void **state)
{
	const struct option *option = option_find("invite_lifetime");

	assert_true(option_number_in_range(option, 60));
	assert_false(option_number_in_range(option, 59));
	assert_true(option_number_in_range(option, 90 * 86400));
	assert_false(option_number_in_range(option, 90 * 86400 + 1));
	assert_false(option_number_in_range(option_find("workers"), UINT64_MAX));
}

static void a_choice_is_one_whole_word(void **state)
{
	const struct option *option = option_find("registration");

	assert_true(option_choice_is_valid(option, "open"));
	assert_true(option_choice_is_valid(option, "invite"));
	assert_false(option_choice_is_valid(option, ""));
	assert_false(option_choice_is_valid(option, "inv"));
	assert_false(option_choice_is_valid(option, "invite|open"));
	assert_false(option_choice_is_valid(option, "opens"));
}

static void what_was_meant_is_guessed(void **state)
{
	assert_string_equal(option_nearest("registratoin")->name, "registration");
	assert_string_equal(option_nearest("worker")->name, "workers");
	assert_string_equal(option_nearest("state-dir")->name, "state_dir");
	assert_null(option_nearest("frobnicate_everything"));
	assert_null(option_nearest("a_name_that_is_much_longer_than_any_name_of_an_option_could_ever_be_in_this_file"));
	assert_null(option_find("Workers"));
}

static void a_socket_path_fits_into_its_address(void **state)
{
	char path[120];

	memset(path, 'a', sizeof path);
	path[0] = '/';
	path[107] = '\0';
	assert_null(option_find("control")->check(path));
	path[107] = 'a';
	path[108] = '\0';
	assert_non_null(option_find("control")->check(path));
}

struct sample { const char *option, *value; bool good; };

static void checks_know_good_from_bad(void **state)
{
	static const struct sample samples[] = {
		{ "state_dir", "/srv/sis", true }, { "state_dir", "srv/sis", false }, { "state_dir", "", false }, { "state_dir", "/a\nb", false },
		{ "tls_key", "", true }, { "tls_key", "/k", true }, { "tls_key", "k", false },
		{ "tls_key", "credential:sis-tls.key", true }, { "tls_certificate", "credential:a", true }, { "tls_key", "credential:", false },
		{ "tls_key", "credential:../k", false }, { "tls_key", "credential:a/k", false }, { "tls_key", "credential:.k", false },
		{ "tls_key", "credential:a b", false }, { "tls_key", "Credential:k", false }, { "state_dir", "credential:k", false },
		{ "control", "/run/sis/control.sock", true },
		{ "server_names", "pictures.example.org", true }, { "server_names", "a", true }, { "server_names", "::1", true },
		{ "server_names", "192.0.2.1", true }, { "server_names", "300.0.2.1", false }, { "server_names", "", false },
		{ "server_names", "-a.example", false }, { "server_names", "a..b", false }, { "server_names", "a.", false },
		{ "server_names", "a b", false }, { "server_names", "*.example.org", false }, { "server_names", "[::1]", false },
		{ "server_names", "host:1", false }, { "server_names", "a\n", false },
		{ "signer_user", "sis-signer", true }, { "signer_user", "990", true }, { "signer_user", "", false }, { "signer_user", "-1", false },
		{ "signer_user", "4294967295", false }, { "signer_user", "99999999999999999999", false }, { "signer_user", "a:b", false },
		{ "signer_user", "a b", false }, { "signer_user", "007", false },
	};

	for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
		const char *why = option_find(samples[i].option)->check(samples[i].value);

		if ((why == NULL) != samples[i].good)
			fail_msg("%s = \"%s\": %s", samples[i].option, samples[i].value, why ? why : "taken");
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_default_passes_its_own_checks),
		cmocka_unit_test(ranges_hold_at_their_borders),
		cmocka_unit_test(a_choice_is_one_whole_word),
		cmocka_unit_test(what_was_meant_is_guessed),
		cmocka_unit_test(a_socket_path_fits_into_its_address),
		cmocka_unit_test(checks_know_good_from_bad),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

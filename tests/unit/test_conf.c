/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The configuration as a value: defaults, addresses, what needs a restart. */
#include "conf/conf.h"
#include "base/error.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void defaults_are_those_of_the_table(void **state)
{
	CLEANUP_CONF struct conf *conf = NULL;

	assert_int_equal(conf_defaults(&conf), 0);
	assert_int_equal(conf->listen.n, 2);
	assert_string_equal(conf->listen.item[1], "[::]:7443");
	assert_string_equal(conf->state_dir, "/var/lib/sis");
	assert_int_equal(conf->invite_lifetime, 7 * 86400);
	assert_int_equal(conf->max_item_bytes, 1024 * 1024 * 1024);
	assert_string_equal(conf->registration, "invite");
}

static void addresses_of_both_families_are_read(void **state)
{
	struct sockaddr_storage address;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	socklen_t size;

	assert_int_equal(conf_address_parse("127.0.0.1:7443", &address, &size), 0);
	memcpy(&v4, &address, sizeof v4);
	assert_int_equal(size, sizeof v4);
	assert_int_equal(ntohs(v4.sin_port), 7443);
	assert_int_equal(ntohl(v4.sin_addr.s_addr), INADDR_LOOPBACK);
	assert_int_equal(conf_address_parse("[::1]:0", &address, &size), 0);
	memcpy(&v6, &address, sizeof v6);
	assert_int_equal(size, sizeof v6);
	assert_int_equal(v6.sin6_port, 0);
	assert_memory_equal(&v6.sin6_addr, &in6addr_loopback, sizeof in6addr_loopback);
}

static void anything_else_is_no_address(void **state)
{
	static const char *const wrong[] = {
		"", ":", "1", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:+1", "127.0.0.1:01", "127.0.0.1: 1",
		"127.0.0.1:1 ", "127.1:1", "localhost:1", "::1:80", "[::1]", "[::1]80", "[::1:80", "[127.0.0.1]:80", "[::1%lo]:80", "[]:1",
		"[::1]]:1", "999.0.0.1:1", "[1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd:eeee]:1",
	};
	struct sockaddr_storage address;
	socklen_t size;

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		if (conf_address_parse(wrong[i], &address, &size) != -SIS_ERR_BAD_FORMAT)
			fail_msg("\"%s\" was read as an address", wrong[i]);
}

static void only_what_is_opened_once_needs_a_restart(void **state)
{
	CLEANUP_CONF struct conf *old_conf = NULL, *new_conf = NULL;
	char names[64], cut[4];

	conf_defaults(&old_conf);
	conf_defaults(&new_conf);
	assert_int_equal(conf_needs_restart(old_conf, new_conf, names, sizeof names), 0);
	assert_string_equal(names, "");
	new_conf->workers = 7;
	new_conf->quota_bytes = 1;
	assert_int_equal(conf_needs_restart(old_conf, new_conf, names, sizeof names), 0);
	free(new_conf->state_dir);
	new_conf->state_dir = strdup("/elsewhere");
	free(new_conf->listen.item[--new_conf->listen.n]);
	assert_int_equal(conf_needs_restart(old_conf, new_conf, names, sizeof names), 2);
	assert_string_equal(names, "listen, state_dir");
	assert_int_equal(conf_needs_restart(old_conf, new_conf, cut, sizeof cut), 2);
	assert_true(strlen(cut) < sizeof cut);
}

static void until_the_restart_the_old_values_hold(void **state)
{
	CLEANUP_CONF struct conf *old_conf = NULL, *new_conf = NULL;
	char names[64];

	conf_defaults(&old_conf);
	conf_defaults(&new_conf);
	free(new_conf->control);
	new_conf->control = strdup("/elsewhere.sock");
	free(new_conf->listen.item[--new_conf->listen.n]);
	new_conf->workers = 7;
	conf_keep_restart_options(old_conf, new_conf);
	assert_int_equal(conf_needs_restart(old_conf, new_conf, names, sizeof names), 0);
	assert_string_equal(new_conf->control, old_conf->control);
	assert_ptr_not_equal(new_conf->control, old_conf->control);
	assert_int_equal(new_conf->workers, 7);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_those_of_the_table),
		cmocka_unit_test(addresses_of_both_families_are_read),
		cmocka_unit_test(anything_else_is_no_address),
		cmocka_unit_test(only_what_is_opened_once_needs_a_restart),
		cmocka_unit_test(until_the_restart_the_old_values_hold),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

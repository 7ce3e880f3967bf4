/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Reading sisd.conf: what is taken, and that every problem is told with its line. */
#include "conf/conf.h"
#include "base/error.h"
#include "base/util.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static char path[] = "/tmp/test_load.XXXXXX";

static int make_file(void **state)
{
	int fd = mkstemp(path);

	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

static int remove_file(void **state)
{
	return unlink(path);
}

static int load_bytes(const void *data, size_t size, struct conf **ret_conf, char **ret_problems)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, size, file), size);
	fclose(file);
	return conf_load(path, ret_conf, ret_problems);
}

#define SYNTAX " here or in the line before: an option reads 'name = value;', with quotes around texts, sizes and times"

/* problem: what follows "PATH:". */
static void assert_refused(const char *text, const char *problem)
{
	CLEANUP_CONF struct conf *conf = NULL;
	CLEANUP_FREE char *problems = NULL, *wanted = xasprintf("%s:%s", path, problem);

	assert_int_equal(load_bytes(text, strlen(text), &conf, &problems), -SIS_ERR_CONFIG);
	assert_null(conf);
	if (strcmp(problems, wanted) != 0)
		fail_msg("\"%s\" is refused with \"%s\" instead of \"%s\"", text, problems, wanted);
}

static void all_kinds_of_values_are_read(void **state)
{
	static const char text[] =
		"# comment\nlisten = [ \"127.0.0.1:1\" ];\nserver_names = ( \"a.example\", \"::1\" );\nworkers = 3;\nmax_item_bytes = \"2M\";\n"
		"quota_bytes = 5000000000L;\ninvite_lifetime = \"2h\";\nidle_timeout = 90;\nregistration = \"open\";\n";
	CLEANUP_CONF struct conf *conf = NULL;
	CLEANUP_FREE char *problems = NULL;

	assert_int_equal(load_bytes(text, strlen(text), &conf, &problems), 0);
	assert_null(problems);
	assert_int_equal(conf->listen.n, 1);
	assert_string_equal(conf->server_names.item[1], "::1");
	assert_int_equal(conf->workers, 3);
	assert_int_equal(conf->max_item_bytes, 2 * 1024 * 1024);
	assert_int_equal(conf->quota_bytes, 5000000000);
	assert_int_equal(conf->invite_lifetime, 7200);
	assert_int_equal(conf->idle_timeout, 90);
	assert_string_equal(conf->registration, "open");
	assert_int_equal(conf->upload_lifetime, 7 * 86400);
}

static void an_empty_file_is_all_defaults(void **state)
{
	CLEANUP_CONF struct conf *conf = NULL;
	CLEANUP_FREE char *problems = NULL;

	assert_int_equal(load_bytes("", 0, &conf, &problems), 0);
	assert_string_equal(conf->state_dir, "/var/lib/sis");
}

static void each_problem_is_told_with_its_line(void **state)
{
	CLEANUP_CONF struct conf *conf = NULL;
	CLEANUP_FREE char *problems = NULL;

	assert_refused("\nwokers = 1;", "2: unknown option wokers: did you mean workers?");
	assert_refused("zzzzzzzzzzzz = 1;", "1: unknown option zzzzzzzzzzzz: sisd.conf(5) lists all");
	assert_refused("workers = \"3\";", "1: workers is a string, but must be a whole number without quotes");
	assert_refused("workers = 1.5;", "1: workers is a fraction, but must be a whole number without quotes");
	assert_refused("workers = true;", "1: workers is true or false, but must be a whole number without quotes");
	assert_refused("workers = 65;", "1: workers is out of range: it must be from 0 to 64");
	assert_refused("workers = -1;", "1: workers is out of range: it must be from 0 to 64");
	assert_refused("workers = 99999999999999999999999999L;", "1: workers is out of range: it must be from 0 to 64");
	assert_refused("invite_lifetime = \"1s\";", "1: invite_lifetime is out of range: it must be from 1m to 90d");
	assert_refused("max_item_bytes = \"1X\";", "1: max_item_bytes = \"1X\" must be a number of bytes, or a string such as \"64M\"");
	assert_refused("registration = \"closed\";", "1: registration is \"closed\", but must be one of invite|open");
	assert_refused("state_dir = [ \"/a\" ];", "1: state_dir is a list, but must be a string in quotes");
	assert_refused("state_dir = { a = 1; };", "1: state_dir is a group, but must be a string in quotes");
	assert_refused("listen = \"127.0.0.1:1\";", "1: listen is a string, but must be a list of strings, such as [ \"...\", \"...\" ]");
	assert_refused("listen = [ ];", "1: listen is empty, but needs at least one entry");
	assert_refused("listen = [ \"127.0.0.1:1\", \"127.0.0.1:1\" ];", "1: \"127.0.0.1:1\" is twice in listen: remove one");
	assert_refused("listen = ( 1 );", "1: an entry of listen is a number, but must be a string in quotes");
	assert_refused("penalty_min = \"10m\"; penalty_max = \"1m\";", "1: penalty_min is 600 s and penalty_max 60 s: no penalty would ever have an effect; "
	               "make penalty_max the longer one, or 0 for none");
	assert_refused("\npenalty_max = \"10s\";", "2: penalty_min is 15 s and penalty_max 10 s: no penalty would ever have an effect; make penalty_max the longer one, or 0 for none");
	assert_int_equal(load_bytes("penalty_max = 0;", 16, &conf, &problems), 0);
	assert_refused("server_names = ( \"a.example.org\", 5 );", "1: an entry of server_names is a number, but must be a string in quotes");
	assert_refused("tls_key = \"/k\";", "1: tls_key is given without tls_certificate: give both or neither");
	assert_refused("tls_certificate = \"/c\";", "1: tls_certificate is given without tls_key: give both or neither");
}

static void the_grammar_is_libconfigs(void **state)
{
	assert_refused("workers = 1;\nworkers = 2;", "2: duplicate setting name: this option stands further up as well; remove one of the two");
	assert_refused("workers = ;", "1: syntax error" SYNTAX);
	assert_refused("a\nb\n}", "2: syntax error" SYNTAX);
	assert_refused("state_dir = \"/a", "1: syntax error" SYNTAX);
}

static void other_files_are_never_read(void **state)
{
	assert_refused("workers = 1;\n@include \"/etc/passwd\"\n", "2: @include is not allowed: write all options into this file");
	assert_refused(" \t@include \"x\"", "1: @include is not allowed: write all options into this file");
}

static void several_problems_are_told_at_once(void **state)
{
	CLEANUP_CONF struct conf *conf = NULL;
	CLEANUP_FREE char *problems = NULL;
	static const char text[] = "a = 1;\nworkers = \"x\";\nlisten = [ \"x\", \"y\" ];\n";
	unsigned n = 1;

	assert_int_equal(load_bytes(text, strlen(text), &conf, &problems), -SIS_ERR_CONFIG);
	for (const char *at = problems; (at = strchr(at, '\n')); at++)
		n++;
	assert_int_equal(n, 4);
}

static void what_is_no_configuration_is_refused(void **state)
{
	CLEANUP_CONF struct conf *conf = NULL;
	CLEANUP_FREE char *missing = NULL, *nul = NULL, *large = NULL, *directory = NULL, *spaces = xcalloc(1, 2 << 20);

	assert_int_equal(conf_load("/nonexistent/sisd.conf", &conf, &missing), -SIS_ERR_NO_INPUT);
	assert_non_null(strstr(missing, "/nonexistent/sisd.conf"));
	assert_int_equal(load_bytes("workers = 1;\0x", 14, &conf, &nul), -SIS_ERR_CONFIG);
	assert_non_null(strstr(nul, "NUL"));
	memset(spaces, ' ', 2 << 20);
	assert_int_equal(load_bytes(spaces, 2 << 20, &conf, &large), -SIS_ERR_CONFIG);
	assert_true(conf_load("/", &conf, &directory) < 0);
	assert_non_null(strstr(directory, "/: cannot be read: it is a directory"));
	assert_null(conf);
}

/* Cheap noise with a fixed seed: whatever the bytes are, there is an answer and no crash. */
static void garbage_is_answered(void **state)
{
	static const char alphabet[] = "listen=[](){};:,\"\\\n\t #/*0129L.xaeworkstdi_@include-\x01\xff";
	uint32_t seed = 20261121;

	for (int round = 0; round < 300; round++) {
		CLEANUP_CONF struct conf *conf = NULL;
		CLEANUP_FREE char *problems = NULL;
		char text[200];

		for (size_t i = 0; i < sizeof text; i++) {
			seed = seed * 1664525 + 1013904223;
			text[i] = alphabet[(seed >> 16) % (sizeof alphabet - 1)];
		}
		if (load_bytes(text, (size_t)(seed >> 24) % sizeof text, &conf, &problems) < 0)
			assert_non_null(problems);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_kinds_of_values_are_read),
		cmocka_unit_test(an_empty_file_is_all_defaults),
		cmocka_unit_test(each_problem_is_told_with_its_line),
		cmocka_unit_test(the_grammar_is_libconfigs),
		cmocka_unit_test(other_files_are_never_read),
		cmocka_unit_test(several_problems_are_told_at_once),
		cmocka_unit_test(what_is_no_configuration_is_refused),
		cmocka_unit_test(garbage_is_answered),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make_file, remove_file);
}

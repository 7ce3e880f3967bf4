/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Addresses and prefixes: what is read, what is refused, what holds what. */
#include "base/error.h"
#include "base/prefix.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct { const char *text; int error; } texts[] = {
	{ "192.0.2.1", 0 }, { "10.0.0.0/8", 0 }, { "0.0.0.0/0", 0 }, { "::/0", 0 }, { "2001:db8::/32", 0 }, { "::1", 0 }, { "2001:db8::1/128", 0 },
	{ "192.0.2.1/32", 0 }, { "::ffff:10.0.0.0/104", 0 }, { "192.0.2.128/25", 0 },
	{ "10.0.0.1/8", -SIS_ERR_MISMATCH }, { "192.0.2.128/24", -SIS_ERR_MISMATCH }, { "2001:db8::1/32", -SIS_ERR_MISMATCH },
	{ "", -SIS_ERR_BAD_FORMAT }, { "/8", -SIS_ERR_BAD_FORMAT }, { "10.0.0.0/", -SIS_ERR_BAD_FORMAT }, { "10.0.0.0/33", -SIS_ERR_BAD_FORMAT },
	{ "::/129", -SIS_ERR_BAD_FORMAT }, { "10.0.0.0/08", -SIS_ERR_BAD_FORMAT }, { "10.0.0.0/+8", -SIS_ERR_BAD_FORMAT }, { "10.0.0/8", -SIS_ERR_BAD_FORMAT },
	{ "10.0.0.0/8 ", -SIS_ERR_BAD_FORMAT }, { "localhost", -SIS_ERR_BAD_FORMAT }, { "[::1]", -SIS_ERR_BAD_FORMAT }, { "::1%lo", -SIS_ERR_BAD_FORMAT },
	{ "10.0.0.0/8/8", -SIS_ERR_BAD_FORMAT }, { "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000/8", -SIS_ERR_BAD_FORMAT },
};

static void texts_are_read_strictly(void **state)
{
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct prefix prefix = { .bits = 77 };
		int r = prefix_parse(texts[i].text, &prefix);
		if (r != texts[i].error || (r < 0 && prefix.bits != 77))
			fail_msg("\"%s\": %d", texts[i].text, r);
	}
}

static const struct { const char *prefix, *address; bool holds; } pairs[] = {
	{ "10.0.0.0/8", "10.255.0.1", true }, { "10.0.0.0/8", "11.0.0.0", false }, { "10.0.0.0/8", "::ffff:10.1.2.3", true }, { "10.0.0.0/8", "a00::1", false },
	{ "192.0.2.128/25", "192.0.2.129", true }, { "192.0.2.128/25", "192.0.2.127", false }, { "192.0.2.1", "192.0.2.1", true }, { "192.0.2.1", "192.0.2.2", false },
	{ "0.0.0.0/0", "203.0.113.9", true }, { "0.0.0.0/0", "2001:db8::1", false }, { "::/0", "2001:db8::1", true },
	{ "2001:db8:8000::/33", "2001:db8:8000::1", true }, { "2001:db8:8000::/33", "2001:db8:7fff::1", false }, { "::1", "127.0.0.1", false },
};

static bool holds(const char *text, const char *address)
{
	struct prefix_list list;
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	uint8_t bytes[ADDRESS_BYTES];
	bool is_v4 = inet_pton(AF_INET, address, &in.sin_addr) == 1;
	assert_true(is_v4 || inet_pton(AF_INET6, address, &in6.sin6_addr) == 1);
	assert_true(address_from_socket(is_v4 ? (struct sockaddr *)&in : (struct sockaddr *)&in6, bytes));
	assert_int_equal(prefix_list_parse(text, &list), 0);
	return prefix_list_holds(&list, bytes);
}

static void prefixes_hold_what_is_in_them(void **state)
{
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		if (holds(pairs[i].prefix, pairs[i].address) != pairs[i].holds)
			fail_msg("%s and %s", pairs[i].prefix, pairs[i].address);
	assert_true(holds("192.0.2.1\n10.0.0.0/8\n::1", "::1"));
	assert_false(holds("", "::1"));
}

static void lists_have_an_end(void **state)
{
	struct prefix_list list;
	char text[40 * (PREFIX_LIST_MAX + 1)] = "";
	for (unsigned i = 0; i <= PREFIX_LIST_MAX; i++)
		strcat(text, "192.0.2.1\n");
	assert_int_equal(prefix_list_parse(text, &list), -SIS_ERR_TOO_LARGE);
	text[strlen(text) - 10] = '\0';
	assert_int_equal(prefix_list_parse(text, &list), 0);
	assert_int_equal(list.n, PREFIX_LIST_MAX);
	assert_int_equal(prefix_list_parse("192.0.2.1\nx", &list), -SIS_ERR_BAD_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_read_strictly), cmocka_unit_test(prefixes_hold_what_is_in_them), cmocka_unit_test(lists_have_an_end),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * RFC 9530 fields over strict structured fields (RFC 9651): what is a field, what is none, and which algorithm is chosen. */
#include "worker/digest_fields.h"

#include "base/error.h"
#include "base/util.h"
#include "worker/structured.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define OF_HELLO "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:"    /* of "hello" */
#define OTHER "sha-512=:m3HSJL1i83hdltRq0+o9czGb+8KJDKra4t/3JRlnPKcjI8PZm6XBHXx6zG4UuMXaDEZjR1wuXDre9G9zvN7AQw==:"

static const struct { const char *field; int result; bool sha256, sha512; } cases[] = {
	{ NULL, 0, false, false }, { "", 0, false, false }, { OF_HELLO, 0, true, false }, { OTHER, 0, false, true },
	{ OF_HELLO ", " OTHER, 0, true, true }, { OF_HELLO "\t,\t" OTHER, 0, true, true },
	{ "  " OF_HELLO "  ", 0, true, false },
	/* unknown ones, of any type that there is, are passed over */
	{ "md5=:1B2M2Y8AsgTpgAmY7PhCfg==:, " OF_HELLO, 0, true, false },
	{ "a, b=?0, c=1.5, d=\"x\\\"y\", e=(1 \"2\" tok;p);q=1, f=*tok/en:1, g=@1659578233, h=%\"f%c3%bc\", " OF_HELLO ";x=1;y", 0, true, false },
	{ "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ:", 0, true, false },    /* padding left out (§4.2.7) */
	{ "sha-256=:AAAA:, " OF_HELLO, -SIS_ERR_BAD_FORMAT, false, false },
	/* no fields */
	{ OF_HELLO ",", -SIS_ERR_BAD_FORMAT, false, false }, { ", " OF_HELLO, -SIS_ERR_BAD_FORMAT, false, false },
	{ OF_HELLO " " OTHER, -SIS_ERR_BAD_FORMAT, false, false }, { "SHA-256=:AAAA:", -SIS_ERR_BAD_FORMAT, false, false },
	{ "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ==:", -SIS_ERR_BAD_FORMAT, false, false },
	{ "sha-256=:LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:", -SIS_ERR_BAD_FORMAT, false, false },
	{ "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCR=:", -SIS_ERR_BAD_FORMAT, false, false },       /* bits beyond the end */
	{ "sha-256=LPJNul", -SIS_ERR_BAD_FORMAT, false, false }, { "sha-256", -SIS_ERR_BAD_FORMAT, false, false },
	{ "sha-256=:LPJN", -SIS_ERR_BAD_FORMAT, false, false }, { "sha-256=", -SIS_ERR_BAD_FORMAT, false, false },
	{ "a=1234567890123456", -SIS_ERR_BAD_FORMAT, false, false }, { "a=1.", -SIS_ERR_BAD_FORMAT, false, false }, { "a=.5", -SIS_ERR_BAD_FORMAT, false, false },
	{ "a=1.2345", -SIS_ERR_BAD_FORMAT, false, false }, { "a=1234567890123.5", -SIS_ERR_BAD_FORMAT, false, false }, { "a=--1", -SIS_ERR_BAD_FORMAT, false, false },
	{ "a=\"x", -SIS_ERR_BAD_FORMAT, false, false }, { "a=\"\\x\"", -SIS_ERR_BAD_FORMAT, false, false }, { "a=\"\\", -SIS_ERR_BAD_FORMAT, false, false },
	{ "a=\"\x7f\"", -SIS_ERR_BAD_FORMAT, false, false }, { "a=\"\xc3\xbc\"", -SIS_ERR_BAD_FORMAT, false, false }, { "a=?2", -SIS_ERR_BAD_FORMAT, false, false },
	{ "a=@1.5", -SIS_ERR_BAD_FORMAT, false, false }, { "a=%\"%C3\"", -SIS_ERR_BAD_FORMAT, false, false }, { "a=%x", -SIS_ERR_BAD_FORMAT, false, false },
	{ "a=(1", -SIS_ERR_BAD_FORMAT, false, false }, { "a=(1,2)", -SIS_ERR_BAD_FORMAT, false, false }, { "a=(1\"2\")", -SIS_ERR_BAD_FORMAT, false, false },
	{ "a;=1", -SIS_ERR_BAD_FORMAT, false, false }, { "a;B", -SIS_ERR_BAD_FORMAT, false, false }, { "a=()()", -SIS_ERR_BAD_FORMAT, false, false },
	{ "a =1", -SIS_ERR_BAD_FORMAT, false, false }, { "1a", -SIS_ERR_BAD_FORMAT, false, false },
};

static void test_digests(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct digest_fields fields = { .has = { true } };
		int r = digest_fields_parse(cases[i].field, &fields);
		if (r != cases[i].result)
			fail_msg("%s: %d", cases[i].field, r);
		if (r == 0)
			assert_true(fields.has[HASH_SHA256] == cases[i].sha256 && fields.has[HASH_SHA512] == cases[i].sha512 && !fields.has[HASH_SHA1]);
		else
			assert_true(fields.has[0]);     /* untouched */
	}
}

static void test_values(void **state)
{
	struct digest_fields fields;
	uint8_t digest[HASH_BYTES_MAX];
	char text[DIGEST_FIELD_TEXT];
	assert_int_equal(digest_fields_parse(OF_HELLO ", " OTHER, &fields), 0);
	for (int algorithm = HASH_SHA256; algorithm <= HASH_SHA512; algorithm++) {
		CLEANUP_HASH struct hash *hash = hash_new((enum hash_algorithm)algorithm);
		hash_add(hash, "hel", 3);
		hash_add(hash, "lo", 2);
		hash_end(hash, digest);
		assert_memory_equal(digest, fields.digest[algorithm], hash_bytes((enum hash_algorithm)algorithm));
		digest_fields_format((enum hash_algorithm)algorithm, digest, text);
		assert_string_equal(text, algorithm == HASH_SHA256 ? OF_HELLO : OTHER);
	}
	/* of a key that stands twice, the last one counts */
	assert_int_equal(digest_fields_parse("sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:, " OF_HELLO, &fields), 0);
	assert_int_equal(fields.digest[HASH_SHA256][0], 0x2c);
}

static const struct { const char *field; bool wanted; enum hash_algorithm algorithm; } wants[] = {
	{ NULL, false, 0 }, { "sha-256=1", true, HASH_SHA256 }, { "sha-512=3, sha-256=10, unixsum=0", true, HASH_SHA256 },
	{ "sha-256=3, sha-512=10", true, HASH_SHA512 }, { "sha-256=5, sha-512=5", true, HASH_SHA256 }, { "sha-256=0", false, 0 },
	{ "sha-512=0, sha-256=1", true, HASH_SHA256 }, { "md5=10", false, 0 }, { "sha-256", false, 0 }, { "sha-256=11", false, 0 },
	{ "sha-256=-1", false, 0 }, { "sha-256=1.0", false, 0 }, { "sha-256=1,", false, 0 },
};

static void test_wanted(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(wants); i++) {
		enum hash_algorithm algorithm = HASH_SHA1;
		bool wanted = digest_fields_wanted(wants[i].field, &algorithm);
		if (wanted != wants[i].wanted || (wanted && algorithm != wants[i].algorithm))
			fail_msg("%s", wants[i].field);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = { cmocka_unit_test(test_digests), cmocka_unit_test(test_values), cmocka_unit_test(test_wanted) };
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

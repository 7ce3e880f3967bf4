/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The header fields of tus 1.0.0. */
#include "worker/tus_fields.h"

#include "base/error.h"
#include "base/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_numbers(void **state)
{
	static const struct { const char *field; bool valid; uint64_t number; } cases[] = {
		{ "0", true, 0 }, { "100", true, 100 }, { "999999999999999", true, 999999999999999 }, { "1000000000000000", false, 0 }, { "-1", false, 0 },
		{ "+1", false, 0 }, { "1.0", false, 0 }, { "", false, 0 }, { " 1", false, 0 }, { "1 ", false, 0 }, { "0x10", false, 0 }, { NULL, false, 0 },
		{ "18446744073709551617", false, 0 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t number = 77;
		assert_int_equal(tus_field_number(cases[i].field, &number), cases[i].valid);
		assert_int_equal(number, cases[i].valid ? cases[i].number : 77);
	}
}

static void test_metadata(void **state)
{
	static const struct { const char *field; int result; } cases[] = {
		{ "", 0 }, { "filename d29ybGQ=", 0 }, { "filename d29ybGQ=,is_confidential", 0 }, { "a YQ==, b ,c", 0 }, { "a ", 0 },
		{ "a YQ", -SIS_ERR_BAD_FORMAT }, { "a Y===", -SIS_ERR_BAD_FORMAT }, { "a YQ=", -SIS_ERR_BAD_FORMAT }, { "a Y-Q=", -SIS_ERR_BAD_FORMAT },
		{ "a YQ== b", -SIS_ERR_BAD_FORMAT }, { "a YQ==,", -SIS_ERR_BAD_FORMAT }, { ",a", -SIS_ERR_BAD_FORMAT }, { "a,,b", -SIS_ERR_BAD_FORMAT },
		{ "a YQ==,a Yg==", -SIS_ERR_BAD_FORMAT }, { "\xc3\xbc YQ==", -SIS_ERR_BAD_FORMAT }, { "a\tb", -SIS_ERR_BAD_FORMAT }, { " a", -SIS_ERR_BAD_FORMAT },
		{ "a  YQ==", -SIS_ERR_BAD_FORMAT },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (tus_field_metadata(cases[i].field) != cases[i].result)
			fail_msg("%s: %d", cases[i].field, tus_field_metadata(cases[i].field));
	char large[TUS_METADATA_MAX + 2], many[8 * 80] = "";
	memset(large, 'k', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	assert_int_equal(tus_field_metadata(large), -SIS_ERR_TOO_LARGE);
	assert_int_equal(tus_field_metadata(large + 1), 0);
	for (int i = 0; i < 65; i++)
		snprintf(many + strlen(many), 8, "%sk%d", i > 0 ? "," : "", i);
	assert_int_equal(tus_field_metadata(many), -SIS_ERR_TOO_LARGE);
}

static void test_checksum(void **state)
{
	static const struct { const char *field; int result; enum hash_algorithm algorithm; } cases[] = {
		{ "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", 0, HASH_SHA1 },
		{ "sha256 LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=", 0, HASH_SHA256 },
		{ "sha256 LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ", -SIS_ERR_BAD_FORMAT, 0 }, { "sha256 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", -SIS_ERR_BAD_FORMAT, 0 },
		{ "sha256 ", -SIS_ERR_BAD_FORMAT, 0 }, { "sha256", -SIS_ERR_BAD_FORMAT, 0 }, { "", -SIS_ERR_BAD_FORMAT, 0 },
		{ "sha256  LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmC=", -SIS_ERR_BAD_FORMAT, 0 }, { "md5 AAAA", -SIS_ERR_NO_INPUT, 0 },
		{ "SHA1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", -SIS_ERR_NO_INPUT, 0 }, { "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu1=", -SIS_ERR_BAD_FORMAT, 0 },
		{ "sha1 Kq5sNclPz7QV2+lfQIuc6R7oR===", -SIS_ERR_BAD_FORMAT, 0 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		enum hash_algorithm algorithm = HASH_SHA512;
		uint8_t digest[HASH_BYTES_MAX];
		int r = tus_field_checksum(cases[i].field, &algorithm, digest);
		if (r != cases[i].result || (r == 0 && algorithm != cases[i].algorithm))
			fail_msg("%s: %d", cases[i].field, r);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = { cmocka_unit_test(test_numbers), cmocka_unit_test(test_metadata), cmocka_unit_test(test_checksum) };
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

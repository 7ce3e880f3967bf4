/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Secrets are wiped on every way out. */
#include "base/error.h"
#include "base/secret.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void wiping_wipes(void **state)
{
	struct secret32 key;
	memset(key.bytes, 0xaa, sizeof(key.bytes));
	secret32_wipe(&key);
	static const uint8_t zero[32];
	assert_memory_equal(key.bytes, zero, 32);
	secret_wipe(NULL, 0);
	secret_free_text(NULL);
	secret_free_text(strdup("a passphrase"));
}

static void heap_secrets_hold_and_free(void **state)
{
	SECRET_HEAP struct secret *secret = NULL;
	assert_int_equal(secret_from("hello", 5, &secret), 0);
	assert_int_equal(secret_size(secret), 5);
	assert_memory_equal(secret_peek(secret), "hello", 5);
	secret_data(secret)[0] = 'j';
	assert_memory_equal(secret_peek(secret), "jello", 5);
	struct secret *empty;
	assert_int_equal(secret_new(0, &empty), 0);
	secret_free(empty);
	secret_free(NULL);
}

static void a_failed_secret_leaves_the_output_alone(void **state)
{
	struct secret *secret = NULL;
	assert_int_equal(secret_new(SIZE_MAX, &secret), -SIS_ERR_NO_MEMORY);
	assert_null(secret);
}

static void random_bytes_differ(void **state)
{
	uint8_t a[1000] = { 0 }, b[1000] = { 0 };
	assert_int_equal(random_bytes(a, sizeof(a)), 0);
	assert_int_equal(random_bytes(b, sizeof(b)), 0);
	assert_memory_not_equal(a, b, sizeof(a));
}

static void comparison_sees_each_byte(void **state)
{
	uint8_t a[32] = { 0 }, b[32] = { 0 };
	assert_int_equal(constant_time_compare(a, b, 32), 0);
	for (int i = 0; i < 32; i++) {
		b[i] = 1;
		assert_int_not_equal(constant_time_compare(a, b, 32), 0);
		b[i] = 0;
	}
	assert_int_equal(constant_time_compare(a, b, 0), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(wiping_wipes),
		cmocka_unit_test(heap_secrets_hold_and_free),
		cmocka_unit_test(a_failed_secret_leaves_the_output_alone),
		cmocka_unit_test(random_bytes_differ),
		cmocka_unit_test(comparison_sees_each_byte),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Recovery pages: what the second implementation wrote is read, letter by letter what it would not have written is refused. */
#include "test_sis.h"

#include "crypto/passphrase.h"
#include "sis/recovery.h"

static void the_vectors_are_opened(void **state)
{
	CLEANUP_FREE char *text = NULL;
	size_t size;
	unsigned n = 0;
	assert_int_equal(file_read(AT_FDCWD, SOURCE_DIRECTORY "/tests/vectors/recovery.txt", 1 << 20, &text, &size), 0);
	for (char *at = strstr(text, "passphrase: "); at != NULL; n++) {
		char *passphrase = at + 12, *plain = strstr(at, "plain: ") + 7, *page = strchr(plain, '\n') + 1, *next = strstr(page, "passphrase: ");
		char subject[RECOVERY_FOR_TEXT];
		CLEANUP_BLOB struct blob sealed = { 0 };
		struct why why = { "" };
		*strchr(passphrase, '\n') = '\0';
		page[-1] = '\0';
		struct span span = { (uint8_t *)page, next != NULL ? (size_t)(next - page) : strlen(page) };
		assert_int_equal(recovery_page_read(span, &sealed, subject, &why), 0);
		assert_string_equal(subject, "for a test");
		size_t plain_size = strlen(plain) / 2;
		assert_int_equal(sealed.size, plain_size + PASSPHRASE_OVERHEAD);
		CLEANUP_FREE uint8_t *wanted = xcalloc(1, plain_size + 1), *got = xcalloc(1, plain_size + 1), *again = xcalloc(1, sealed.size);
		assert_int_equal(hex_decode(test_span(plain), wanted, plain_size), 0);
		assert_int_equal(passphrase_open(passphrase, (struct span){ sealed.data, sealed.size }, got), 0);
		assert_memory_equal(got, wanted, plain_size);
		assert_int_equal(passphrase_seal(passphrase, sealed.data[1], sealed.data + 2, (struct span){ wanted, plain_size }, again), 0);
		assert_memory_equal(again, sealed.data, sealed.size);
		assert_int_equal(passphrase_open("another", (struct span){ sealed.data, sealed.size }, got), -SIS_ERR_BAD_SEAL);
		for (size_t i = 2; i < sealed.size; i += 11) {
			sealed.data[i] ^= 4;
			assert_int_equal(passphrase_open(passphrase, (struct span){ sealed.data, sealed.size }, got), -SIS_ERR_BAD_SEAL);
			sealed.data[i] ^= 4;
			if (sealed.data[1] > 1)
				break;
		}
		at = next;
	}
	assert_int_equal(n, 3);
}

static void costs_are_bounded(void **state)
{
	uint8_t sealed[PASSPHRASE_OVERHEAD] = { 1, 9 }, plain[1];
	assert_int_equal(passphrase_open("x", (struct span){ sealed, sizeof(sealed) }, plain), -SIS_ERR_UNKNOWN_SUITE);
	sealed[1] = 0;
	assert_int_equal(passphrase_open("x", (struct span){ sealed, sizeof(sealed) }, plain), -SIS_ERR_UNKNOWN_SUITE);
	sealed[0] = 2;
	sealed[1] = 1;
	assert_int_equal(passphrase_open("x", (struct span){ sealed, sizeof(sealed) }, plain), -SIS_ERR_UNKNOWN_SUITE);
	assert_int_equal(passphrase_open("x", (struct span){ sealed, sizeof(sealed) - 1 }, plain), -SIS_ERR_BAD_FORMAT);
	assert_int_equal(passphrase_seal("", 1, NULL, (struct span){ plain, 0 }, sealed), -SIS_ERR_USAGE);
	assert_int_equal(passphrase_seal("x", 9, NULL, (struct span){ plain, 0 }, sealed), -SIS_ERR_USAGE);
	assert_int_equal(passphrase_seal("x", 0, NULL, (struct span){ plain, 0 }, sealed), -SIS_ERR_USAGE);
}

/* Every letter that is typed wrong is found in its own line. */
static void each_wrong_letter_is_found(void **state)
{
	uint8_t bytes[100];
	CLEANUP_BLOB struct blob page = { 0 };
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 37);
	assert_int_equal(recovery_page_write("for a test", (struct span){ bytes, sizeof(bytes) }, &page), 0);
	char *begin = strstr((char *)page.data, "-----BEGIN"), *line = strstr(begin, "\n  1 ") + 5, *end = strstr(begin, "\n-----END");
	assert_non_null(end);
	for (char *at = line; at < end; at++) {
		CLEANUP_BLOB struct blob sealed = { 0 };
		char subject[RECOVERY_FOR_TEXT], old = *at;
		struct why why = { "" };
		if (strchr(" :\n", old) != NULL || (at[-1] == '\n' || at[-1] == ' ') == (old >= '0' && old <= '9'))
			continue;
		*at = old == 'c' ? 'd' : 'c';
		assert_int_equal(recovery_page_read((struct span){ page.data, page.size }, &sealed, subject, &why), -SIS_ERR_BAD_FORMAT);
		*at = old;
	}
	CLEANUP_BLOB struct blob sealed = { 0 };
	char subject[RECOVERY_FOR_TEXT];
	assert_int_equal(recovery_page_read((struct span){ page.data, page.size }, &sealed, subject, NULL), 0);
	assert_int_equal(sealed.size, sizeof(bytes));
	assert_memory_equal(sealed.data, bytes, sizeof(bytes));
}

static void a_profile_comes_back_whole(void **state)
{
	struct profile *profile = test_profile_open();
	struct secret32 former = { { 9 } };
	struct why why = { "" };
	char subject[RECOVERY_FOR_TEXT];
	CLEANUP_BLOB struct blob page = { 0 }, sealed = { 0 };
	CLEANUP_RECOVERY struct recovery recovery = { 0 };
	strcpy(profile->host, "2001:db8::1");
	assert_int_equal(profile_add_former(profile, "phone", &former), 0);
	assert_int_equal(file_write_atomic(profile->dir_fd, "contacts.json", "{\"a\":1}", 7, 0600), 0);
	assert_int_equal(mkdirat(profile->dir_fd, "groups", 0700), 0);
	assert_int_equal(file_write_atomic(profile->dir_fd, "groups/family", "text\n", 5, 0600), 0);
	assert_int_equal(recovery_make(profile, "of the page", 1, &page, &why), 0);
	assert_int_equal(recovery_page_read((struct span){ page.data, page.size }, &sealed, subject, &why), 0);
	assert_int_equal(recovery_open((struct span){ sealed.data, sealed.size }, "of the pag", &recovery, &why), -SIS_ERR_BAD_LOGIN);
	assert_null(recovery.profile);
	assert_int_equal(recovery_open((struct span){ sealed.data, sealed.size }, "of the page", &recovery, &why), 0);
	assert_string_equal(recovery.profile->host, "2001:db8::1");
	assert_string_equal(recovery.profile->device, "laptop");
	assert_memory_equal(&recovery.profile->key, &profile->key, sizeof(profile->key));
	assert_memory_equal(&recovery.profile->encryption_key, &profile->encryption_key, sizeof(profile->encryption_key));
	assert_int_equal(recovery.profile->n_former, 1);
	assert_memory_equal(&recovery.profile->former[0].key, &former, sizeof(former));
	assert_string_equal(json_member_string(recovery.files, "contacts.json"), "{\"a\":1}");
	assert_string_equal(json_member_string(recovery.files, "groups/family"), "text\n");
	profile_free(profile);
}

#define IN_HOME(name) cmocka_unit_test_setup_teardown(name, test_home_make, test_home_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vectors_are_opened), cmocka_unit_test(costs_are_bounded), cmocka_unit_test(each_wrong_letter_is_found),
		IN_HOME(a_profile_comes_back_whole),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

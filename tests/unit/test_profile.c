/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Profiles on disk: modes, what does not fit together, a renewal that was cut off. */
#include "test_sis.h"

#include "sis/profile_keys.h"
#include "sis/renewal.h"

static void a_profile_comes_back_as_it_was_written(void **state)
{
	struct profile *profile = test_profile_open();
	assert_string_equal(profile->user, "alice");
	assert_string_equal(profile->device, "laptop");
	assert_string_equal(profile->host, "localhost");
	assert_string_equal(profile->port, "4711");
	assert_memory_equal(&profile->key.public_key, &profile->facts.public_key, sizeof(profile->key.public_key));
	profile_free(profile);
}

static void private_files_are_their_owners_alone(void **state)
{
	static const char *const names[] = { "device.key", "encryption.key" };
	struct profile *profile = test_profile_open();
	struct stat status;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		assert_int_equal(fstatat(profile->dir_fd, names[i], &status, 0), 0);
		assert_int_equal(status.st_mode & 07777, 0600);
	}
	assert_int_equal(fstat(profile->dir_fd, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0700);
	assert_int_equal(fstatat(profile->dir_fd, "uploads", &status, 0), 0);
	assert_int_equal(status.st_mode & 07777, 0700);
	profile_free(profile);
}

static void no_profile_is_told_with_what_to_do(void **state)
{
	struct profile *profile = NULL;
	struct why why = { "" };
	assert_int_equal(profile_open(&test_sis, &profile, &why), -SIS_ERR_NO_INPUT);
	assert_non_null(strstr(why.text, "sis enroll"));
	assert_null(profile);
}

static void a_profile_name_cannot_leave_the_home(void **state)
{
	static const char *const bad[] = { "..", "../x", "a/b", "/tmp", ".hidden", "A" };
	struct sis sis = test_sis;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct profile *profile = NULL;
		struct why why = { "" };
		sis.profile = bad[i];
		assert_int_equal(profile_open(&sis, &profile, &why), -SIS_ERR_BAD_NAME);
	}
}

static void another_devices_key_is_refused(void **state)
{
	struct profile *profile = test_profile_open(), *again = NULL;
	struct signing_key other;
	SECRET_HEAP struct secret *pem = NULL;
	struct why why = { "" };
	assert_int_equal(signing_key_generate(KEY_ED25519, &other), 0);
	assert_int_equal(signing_key_to_pem(&other, NULL, &pem), 0);
	assert_int_equal(file_write_atomic(profile->dir_fd, "device.key", secret_peek(pem), secret_size(pem), 0600), 0);
	assert_int_equal(profile_open(&test_sis, &again, &why), -SIS_ERR_MISMATCH);
	profile_free(profile);
}

/* The key was replaced, the certificate had not got its name yet. */
static void a_renewal_that_was_cut_off_is_finished(void **state)
{
	struct profile *profile = test_profile_open(), *other = test_profile_make(), *again = NULL;
	SECRET_HEAP struct secret *key = NULL;
	CLEANUP_BLOB struct blob pem = { 0 };
	struct why why = { "" };
	assert_int_equal(signing_key_to_pem(&other->key, NULL, &key), 0);
	assert_int_equal(certificate_to_pem((struct span){ other->certificate.data, other->certificate.size }, &pem), 0);
	assert_int_equal(file_write_atomic(profile->dir_fd, "device.pem.next", pem.data, pem.size, 0644), 0);
	assert_int_equal(file_write_atomic(profile->dir_fd, "device.key", secret_peek(key), secret_size(key), 0600), 0);
	assert_int_equal(profile_open(&test_sis, &again, &why), 0);
	assert_memory_equal(&again->facts.public_key, &other->key.public_key, sizeof(other->key.public_key));
	assert_int_equal(faccessat(profile->dir_fd, "device.pem.next", F_OK, 0), -1);
	profile_free(again);
	profile_free(profile);
	profile_free(other);
}

static void keys_under_a_passphrase_need_it(void **state)
{
	struct profile *profile = test_profile_open();
	struct signing_key key;
	char *text = NULL;
	size_t size;
	assert_int_equal(profile_write(profile, profile->dir_fd, "correct horse"), 0);
	assert_int_equal(file_read(profile->dir_fd, "encryption.key", 65536, &text, &size), 0);
	assert_non_null(strstr(text, "ENCRYPTED"));
	assert_int_equal(signing_key_from_pem(test_span(text), NULL, &key), -SIS_ERR_BAD_LOGIN);
	assert_int_equal(signing_key_from_pem(test_span(text), "wrong", &key), -SIS_ERR_BAD_LOGIN);
	assert_int_equal(signing_key_from_pem(test_span(text), "correct horse", &key), 0);
	assert_memory_equal(&key.secret, &profile->encryption_key, sizeof(key.secret));
	free(text);
	profile_free(profile);
}

static void former_keys_come_back(void **state)
{
	struct profile *profile = test_profile_open();
	struct secret32 key = { { 7 } }, other = { { 8 } };
	char right[] = "correct horse", wrong[] = "wrong";
	struct profile again = { .dir_fd = profile->dir_fd, .passphrase = right };
	struct why why = { "" };
	assert_int_equal(profile_read_former(&again, &why), 0);
	assert_int_equal(again.n_former, 0);
	assert_int_equal(profile_add_former(profile, "phone", &key), 0);
	assert_int_equal(profile_add_former(profile, "phone", &key), 0);
	assert_int_equal(profile_add_former(profile, "phone", &other), -SIS_ERR_CONFLICT);
	assert_int_equal(profile_add_former(profile, "../phone", &key), -SIS_ERR_BAD_NAME);
	assert_int_equal(profile_add_former(profile, "old.laptop", &other), 0);
	assert_int_equal(profile->n_former, 2);
	assert_int_equal(profile_write_former(profile, profile->dir_fd, "correct horse"), 0);
	/* What else lies there is nobody's key. */
	assert_int_equal(file_write_atomic(profile->dir_fd, "former/NOT A NAME.key", "x", 1, 0600), 0);
	assert_int_equal(file_write_atomic(profile->dir_fd, "former/notes", "x", 1, 0600), 0);
	assert_int_equal(profile_read_former(&again, &why), 0);
	assert_int_equal(again.n_former, 2);
	assert_string_equal(again.former[0].device, "old.laptop");
	assert_string_equal(again.former[1].device, "phone");
	assert_memory_equal(&again.former[1].key, &key, sizeof(key));
	again.n_former = 0;
	again.passphrase = wrong;
	assert_int_equal(profile_read_former(&again, &why), -SIS_ERR_BAD_LOGIN);
	free(again.former);
	for (unsigned i = profile->n_former; i < FORMER_KEYS_MAX; i++) {
		char name[16];
		snprintf(name, sizeof(name), "d%u", i);
		assert_int_equal(profile_add_former(profile, name, &key), 0);
	}
	assert_int_equal(profile_add_former(profile, "more", &key), -SIS_ERR_TOO_MANY);
	profile_free(profile);
}

static void renewal_is_due_at_two_thirds(void **state)
{
	const struct certificate facts = { .not_before = 1000, .not_after = 1300 };
	assert_false(renewal_is_due(&facts, 0));
	assert_false(renewal_is_due(&facts, 1199));
	assert_true(renewal_is_due(&facts, 1200));
	assert_true(renewal_is_due(&facts, 5000));
}

static void a_renewal_by_others_is_found(void **state)
{
	struct profile *profile = test_profile_open();
	struct certificate facts;
	struct blob der = { 0 };
	assert_false(renewal_find_newer(profile, &der, &facts));
	profile->facts.not_after--;
	assert_true(renewal_find_newer(profile, &der, &facts));
	assert_int_equal(facts.not_after, profile->facts.not_after + 1);
	assert_memory_equal(der.data, profile->certificate.data, der.size);
	blob_free(&der);
	/* Another key's is not ours. */
	profile->key.public_key.bytes[0] ^= 1;
	assert_false(renewal_find_newer(profile, &der, &facts));
	profile_free(profile);
}

static void addresses(void **state)
{
	static const char *const bad[] = { "", ":1", "host", "host:", "host:0", "host:65536", "host:1x", "ho st:1", "a:b:1", "[::1:1", "[]:1", "h\r\n:1", "host:01" };
	char host[HOST_MAX_TEXT + 1], port[6];
	assert_true(address_parse("pictures.example:4711", host, port));
	assert_string_equal(host, "pictures.example");
	assert_string_equal(port, "4711");
	assert_true(address_parse("[2001:db8::1]:443", host, port));
	assert_string_equal(host, "2001:db8::1");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(address_parse(bad[i], host, port));
}

static void tickets_are_kept_and_private(void **state)
{
	struct profile *profile = test_profile_open();
	struct stat status;
	int64_t age;
	SECRET_HEAP struct secret *ticket = NULL;
	assert_null(profile_load_ticket(profile, &age));
	assert_int_equal(secret_from("ticket", 6, &ticket), 0);
	profile_save_ticket(profile, ticket);
	struct secret *loaded = profile_load_ticket(profile, &age);
	assert_non_null(loaded);
	assert_memory_equal(secret_peek(loaded), "ticket", 6);
	assert_int_equal(fstatat(profile->dir_fd, "ticket", &status, 0), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	secret_free(loaded);
	/* One of another certificate is nobody's. */
	profile->facts.fingerprint[0] ^= 1;
	assert_null(profile_load_ticket(profile, &age));
	profile->facts.fingerprint[0] ^= 1;
	/* Under a passphrase nothing is kept that speaks for the device without it. */
	assert_int_equal(unlinkat(profile->dir_fd, "ticket", 0), 0);
	profile->passphrase = xstrdup("secret");
	profile_save_ticket(profile, ticket);
	assert_null(profile_load_ticket(profile, &age));
	profile_free(profile);
}

#define IN_HOME(name) cmocka_unit_test_setup_teardown(name, test_home_make, test_home_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_HOME(a_profile_comes_back_as_it_was_written), IN_HOME(private_files_are_their_owners_alone), IN_HOME(no_profile_is_told_with_what_to_do),
		IN_HOME(a_profile_name_cannot_leave_the_home), IN_HOME(another_devices_key_is_refused), IN_HOME(a_renewal_that_was_cut_off_is_finished),
		IN_HOME(keys_under_a_passphrase_need_it), IN_HOME(former_keys_come_back), IN_HOME(a_renewal_by_others_is_found), cmocka_unit_test(renewal_is_due_at_two_thirds),
		cmocka_unit_test(addresses), IN_HOME(tickets_are_kept_and_private),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Journals of unfinished uploads: found again by the same file for the same people, by one process at a time, whatever the kill left of them. */
#include "test_sis.h"

#include "sis/journal.h"

static const uint8_t label[DIGEST_BYTES] = { 1 }, other_label[DIGEST_BYTES] = { 2 };

static struct source source_of(char *path)
{
	return (struct source){ .fd = -1, .path = path, .size = 200, .device = 3, .inode = 4, .mtime_ns = 5 };
}

static struct journal make(struct profile *profile, const struct source *source)
{
	struct composed composed;
	struct journal journal;
	struct why why = { "" };
	assert_int_equal(compose_begin(&composed), 0);
	composed.prefix = (uint8_t *)strdup("prefix");
	composed.prefix_size = 6;
	composed.object = (struct part_digest){ .size = 216, .root = { 7 } };
	assert_int_equal(journal_create(profile, source, label, &composed, &journal, &why), 0);
	return journal;
}

static void it_comes_back_with_every_key(void **state)
{
	struct profile *profile = test_profile_open();
	struct source source = source_of((char[]){ "/pictures/a.jpg" });
	assert_false(journal_is_any(profile));
	struct journal journal = make(profile, &source), found;
	assert_true(journal_is_any(profile));
	struct secret32 key = journal.composed.file_key;
	struct stat status;
	assert_int_equal(fstat(journal.fd, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_int_equal(journal_set_upload(&journal, "/v1/uploads/abc"), 0);
	journal_close(&journal);
	assert_int_equal(journal_find(profile, "/pictures/a.jpg", label, &found), 0);
	assert_memory_equal(&found.composed.file_key, &key, sizeof(key));
	assert_string_equal(found.upload, "/v1/uploads/abc");
	assert_memory_equal(found.composed.prefix, "prefix", 6);
	assert_int_equal(found.composed.object.size, 216);
	assert_true(journal_fits(&found, &source));
	source.mtime_ns++;
	assert_false(journal_fits(&found, &source));
	journal_remove(&found);
	assert_false(journal_is_any(profile));
	assert_int_equal(journal_find(profile, "/pictures/a.jpg", label, &found), -SIS_ERR_NO_INPUT);
	profile_free(profile);
}

static void another_file_or_other_people_do_not_find_it(void **state)
{
	struct profile *profile = test_profile_open();
	struct source source = source_of((char[]){ "/pictures/a.jpg" });
	struct journal journal = make(profile, &source), found;
	journal_close(&journal);
	assert_int_equal(journal_find(profile, "/pictures/b.jpg", label, &found), -SIS_ERR_NO_INPUT);
	assert_int_equal(journal_find(profile, "/pictures/a.jpg", other_label, &found), -SIS_ERR_NO_INPUT);
	profile_free(profile);
}

static void what_another_process_is_at_is_left_alone(void **state)
{
	struct profile *profile = test_profile_open();
	struct source source = source_of((char[]){ "/pictures/a.jpg" });
	struct journal journal = make(profile, &source), found;
	assert_int_equal(journal_find(profile, "/pictures/a.jpg", label, &found), -SIS_ERR_NO_INPUT);
	journal_close(&journal);
	assert_int_equal(journal_find(profile, "/pictures/a.jpg", label, &found), 0);
	journal_close(&found);
	profile_free(profile);
}

/* Cut at every byte: either found whole, or not found; the second line is optional. */
static void a_torn_journal_is_harmless(void **state)
{
	struct profile *profile = test_profile_open();
	struct source source = source_of((char[]){ "/pictures/a.jpg" });
	struct journal journal = make(profile, &source), found;
	char name[64], *text = NULL;
	size_t size;
	assert_int_equal(journal_set_upload(&journal, "/v1/uploads/abc"), 0);
	snprintf(name, sizeof(name), "uploads/%s", journal.file_name);
	journal_close(&journal);
	assert_int_equal(file_read(profile->dir_fd, name, 1 << 20, &text, &size), 0);
	size_t first = (size_t)(strchr(text, '\n') + 1 - text);
	for (size_t cut = 0; cut < size; cut++) {
		int fd = openat(profile->dir_fd, name, O_WRONLY | O_TRUNC | O_CLOEXEC);
		assert_int_equal(fd_write_all(fd, text, cut), 0);
		close(fd);
		int r = journal_find(profile, "/pictures/a.jpg", label, &found);
		assert_int_equal(r, cut >= first ? 0 : -SIS_ERR_NO_INPUT);
		if (r == 0) {
			assert_string_equal(found.upload, "");
			journal_close(&found);
		}
	}
	free(text);
	profile_free(profile);
}

static void an_upload_that_lies_elsewhere_is_not_followed(void **state)
{
	struct profile *profile = test_profile_open();
	struct source source = source_of((char[]){ "/pictures/a.jpg" });
	struct journal journal = make(profile, &source), found;
	assert_int_equal(journal_set_upload(&journal, "/v1/items/abc"), 0);
	journal_close(&journal);
	assert_int_equal(journal_find(profile, "/pictures/a.jpg", label, &found), 0);
	assert_string_equal(found.upload, "");
	journal_close(&found);
	profile_free(profile);
}

#define IN_HOME(name) cmocka_unit_test_setup_teardown(name, test_home_make, test_home_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_HOME(it_comes_back_with_every_key), IN_HOME(another_file_or_other_people_do_not_find_it), IN_HOME(what_another_process_is_at_is_left_alone),
		IN_HOME(a_torn_journal_is_harmless), IN_HOME(an_upload_that_lies_elsewhere_is_not_followed),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

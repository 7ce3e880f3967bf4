/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sisctl check --backup: is a snapshot what was saved, all of it? Needs no daemon. Every file is read; what is not as it was is named, with whose loss it is not
 * told, as the database is not looked into: a restore tells. */
#include "sisctl/check.h"
#include "sisctl/snapshot.h"

#include "base/error.h"
#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

struct verify {
	char name[SNAPSHOT_NAME_TEXT + 1];      /* empty: the directory is the snapshot */
	int fd;
	json_t *about, *problems;
	uint64_t n_files, n_items, bytes;
	bool has_database;
};

static void add_problem(struct verify *verify, const char *path, const char *what)
{
	char sentence[SNAPSHOT_PATH_MAX + 128];
	snprintf(sentence, sizeof(sentence), "%s %s", path, what);
	json_array_append_new(verify->problems, json_string(sentence));
}

static void verify_file(struct verify *verify, const struct sum *sum)
{
	uint8_t digest[DIGEST_BYTES];
	uint64_t size = 0;
	CLEANUP_FD int fd = openat(verify->fd, sum->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int r = fd < 0 ? error_from_errno(errno) : digest_file(fd, digest, &size);
	verify->n_files++;
	verify->bytes += size;
	verify->n_items += strncmp(sum->path, "objects/", 8) == 0;
	verify->has_database |= strcmp(sum->path, SNAPSHOT_DATABASE) == 0;
	if (r == -SIS_ERR_NO_INPUT)
		add_problem(verify, sum->path, "is missing");
	else if (r < 0)
		add_problem(verify, sum->path, error_text(r));
	else if (memcmp(digest, sum->digest, DIGEST_BYTES) != 0)
		add_problem(verify, sum->path, "is not what was saved: its digest is another");
}

static void verify_all(struct verify *verify)
{
	struct sum sum;
	FILE *sums = NULL;
	uint64_t items = 0;
	int r = snapshot_open_sums(verify->fd, verify->about, &sums), more = 0;
	if (r < 0) {
		add_problem(verify, SNAPSHOT_SUMS, r == -SIS_ERR_MISMATCH ? "is not what was saved: nothing can be compared with it" : error_text(r));
		return;
	}
	while ((more = sum_read(sums, &sum)) > 0)
		verify_file(verify, &sum);
	fclose(sums);
	if (more < 0)
		add_problem(verify, SNAPSHOT_SUMS, error_text(more));
	if (!verify->has_database)
		add_problem(verify, SNAPSHOT_DATABASE, "is not in the list");
	if (json_member_u64(verify->about, "items", &items) == 0 && items != verify->n_items)
		add_problem(verify, SNAPSHOT_SUMS, "has another number of items than " SNAPSHOT_ABOUT);
}

static int tell(const struct sisctl *sisctl, const char *directory, const struct verify *verify)
{
	size_t n = json_array_size(verify->problems), index;
	const json_t *problem;
	char size[32];
	if (sisctl->json) {
		CLEANUP_JSON json_t *json = json_pack("{s:O, s:s, s:I, s:I, s:I}", "problems", verify->problems, "snapshot", verify->name, "files",
		                                      (json_int_t)verify->n_files, "items", (json_int_t)verify->n_items, "bytes", (json_int_t)verify->bytes);
		output_json(json);
	} else {
		json_array_foreach(verify->problems, index, problem) {
			output_text(stdout, json_string_value(problem));
			putchar('\n');
		}
		size_format(verify->bytes, size, sizeof(size));
		output_text(stdout, directory);
		printf("%s%s: %" PRIu64 " items, %s checked: %zu problems\n", verify->name[0] != '\0' ? "/" : "", verify->name, verify->n_items, size, n);
	}
	int r = output_finish();
	return r != 0 ? r : n > 0 ? EX_DATAERR : EX_OK;
}

int check_snapshot(struct sisctl *sisctl, const char *directory)
{
	struct verify verify = { .fd = -1, .problems = json_array() };
	int status = snapshot_open(directory, &verify.fd, verify.name, &verify.about);
	if (status == 0) {
		verify_all(&verify);
		status = tell(sisctl, directory, &verify);
	}
	fd_close(verify.fd);
	json_decref(verify.about);
	json_decref(verify.problems);
	return status;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sisctl check --from-backup: single objects out of snapshots. A copy is compared with the snapshot's digest, given to who owns the store, and put into
 * incoming/, from where sisd takes it when it is what the signed statement says. Made by root, as backups are. */
#include "sisctl/check.h"
#include "sisctl/paths.h"
#include "sisctl/snapshot.h"

#include "base/error.h"
#include "base/util.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define STAGED ".restored."             /* store/writer.h */

struct lost { char id[ITEM_ID_TEXT + 1]; json_t *problem; bool found; };

struct search {
	const char *directory;
	int incoming_fd;                        /* -1: only look */
	struct lost *lost;
	size_t n_lost;
	const char *snapshot;                   /* the one that is searched */
};

/* ------------------------------------------------ what is lost ------------------------------------------------ */

static int compare_lost(const void *a, const void *b)
{
	return strcmp(((const struct lost *)a)->id, ((const struct lost *)b)->id);
}

static bool is_lost(const json_t *problem, char ret_id[ITEM_ID_TEXT + 1])
{
	const char *kind = json_member_string(problem, "kind"), *item = json_member_string(problem, "item");
	uint8_t id[ITEM_ID_BYTES];
	if (kind == NULL || item == NULL || strncmp(kind, "OBJECT_", 7) != 0 || item_id_decode(span_from_string(item), id) < 0)
		return false;
	item_id_encode(id, ret_id);
	return true;
}

static void take_lost(json_t *reply, struct search *search)
{
	json_t *problems = json_object_get(reply, "problems"), *problem;
	size_t index;
	search->lost = xcalloc(json_array_size(problems) + 1, sizeof(*search->lost));
	json_array_foreach(problems, index, problem) {
		struct lost *lost = &search->lost[search->n_lost];
		lost->problem = problem;
		search->n_lost += is_lost(problem, lost->id);
	}
	qsort(search->lost, search->n_lost, sizeof(*search->lost), compare_lost);
}

/* ------------------------------------------------ one object ------------------------------------------------ */

static void staged_name(const char *id, char ret_name[64])
{
	snprintf(ret_name, 64, STAGED "%s", id);
}

/* The copy is what was saved, or it is not there. */
static int bring(const struct search *search, int from_fd, const struct lost *lost, const struct sum *sum)
{
	uint8_t digest[DIGEST_BYTES];
	uint64_t size;
	char name[64];
	struct stat owner;
	CLEANUP_FD int fd = -1;
	staged_name(lost->id, name);
	(void)unlinkat(search->incoming_fd, name, 0);
	int r = fstat(search->incoming_fd, &owner) < 0 ? error_from_errno(errno) : file_copy(from_fd, search->incoming_fd, name, 0600, 0, &fd);
	if (r == 0 && geteuid() == 0 && fchown(fd, owner.st_uid, owner.st_gid) < 0)
		r = error_from_errno(errno);
	if (r == 0 && fchmod(fd, 0640) < 0)
		r = error_from_errno(errno);
	if (r == 0)
		r = digest_file(fd, digest, &size);
	if (r == 0 && memcmp(digest, sum->digest, DIGEST_BYTES) != 0)
		r = -SIS_ERR_MISMATCH;
	if (r < 0)
		(void)unlinkat(search->incoming_fd, name, 0);
	return r;
}

static int take_object(struct search *search, int snapshot_fd, const struct sum *sum, struct lost *lost)
{
	uint8_t digest[DIGEST_BYTES];
	uint64_t size;
	CLEANUP_FD int fd = openat(snapshot_fd, sum->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int r = fd < 0 ? error_from_errno(errno) : digest_file(fd, digest, &size);
	if (r == 0 && memcmp(digest, sum->digest, DIGEST_BYTES) != 0)
		r = -SIS_ERR_MISMATCH;
	if (r == 0 && search->incoming_fd >= 0)
		r = bring(search, fd, lost, sum);
	if (r == -SIS_ERR_NO_SPACE)
		return output_error(EX_IOERR, "the state directory is full: item %s cannot be brought back", lost->id);
	if (r < 0) {
		output_error(0, "%s in the snapshot %s is of no use: %s", sum->path, search->snapshot, error_text(r));
		return 0;
	}
	lost->found = true;
	return json_object_set_new(lost->problem, "backup", json_string(search->snapshot)) < 0 ? EX_OSERR : 0;
}

/* ------------------------------------------------ snapshots ------------------------------------------------ */

static int search_sums(struct search *search, int snapshot_fd, FILE *sums)
{
	struct sum sum;
	uint8_t raw[ITEM_ID_BYTES];
	int status = 0, r;
	while (status == 0 && (r = sum_read(sums, &sum)) > 0) {
		struct lost key = { .id = "" }, *lost;
		if (!object_path_parse(sum.path, raw))
			continue;
		item_id_encode(raw, key.id);
		lost = bsearch(&key, search->lost, search->n_lost, sizeof(key), compare_lost);
		if (lost != NULL && !lost->found)
			status = take_object(search, snapshot_fd, &sum, lost);
	}
	return status;
}

static int search_snapshot(struct search *search, int dir_fd, const char *name)
{
	CLEANUP_FD int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	int sums_fd = fd < 0 ? -1 : openat(fd, SNAPSHOT_SUMS, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	FILE *sums = sums_fd < 0 ? NULL : fdopen(sums_fd, "r");
	search->snapshot = name;
	if (sums == NULL) {
		output_error(0, "the snapshot %s is left out: %s cannot be read: %s", name, SNAPSHOT_SUMS, strerror(errno));
		return 0;
	}
	int status = search_sums(search, fd, sums);
	fclose(sums);
	return status;
}

static int search_directory(struct search *search)
{
	struct dirent **names = NULL;
	CLEANUP_FD int fd = open(search->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return output_error(EX_NOINPUT, "%s cannot be opened as a directory: %s", search->directory, strerror(errno));
	if (faccessat(fd, SNAPSHOT_ABOUT, F_OK, 0) == 0)
		return search_snapshot(search, fd, ".");
	int n = scandirat(fd, ".", &names, snapshot_choose, snapshot_newest_first), status = 0;
	if (n <= 0)
		status = output_error(EX_NOINPUT, "%s is no snapshot of sisctl backup, and holds none", search->directory);
	for (int i = 0; i < n; i++) {
		if (status == 0)
			status = search_snapshot(search, fd, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	return status;
}

static int open_incoming(const json_t *reply, int *ret_fd)
{
	const char *state_dir = json_member_string(reply, "state_dir");
	if (state_dir == NULL)
		return output_error(EX_PROTOCOL, "the daemon's answer is not that of a check: are sisd and sisctl of the same version?");
	CLEANUP_FD int state_fd = -1;
	int r = paths_open_state(state_dir, &state_fd);
	if (r != 0)
		return r;
	*ret_fd = openat(state_fd, "incoming", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return *ret_fd >= 0 ? 0 : output_error(errno == EACCES ? EX_NOPERM : EX_IOERR, "%s/incoming: %s: what is lost is brought back by root", state_dir, strerror(errno));
}

int check_backup_find(const char *directory, json_t *reply, bool bring_them)
{
	struct search search = { .directory = directory, .incoming_fd = -1 };
	CLEANUP_FD int incoming_fd = -1;
	take_lost(reply, &search);
	int status = bring_them && search.n_lost > 0 ? open_incoming(reply, &incoming_fd) : 0;
	search.incoming_fd = incoming_fd;
	if (status == 0)
		status = search_directory(&search);
	free(search.lost);
	return status;
}

void check_backup_forget(const json_t *reply)
{
	const json_t *problem;
	size_t index;
	char id[ITEM_ID_TEXT + 1], name[64];
	const char *state_dir = json_member_string(reply, "state_dir");
	CLEANUP_FREE char *path = state_dir != NULL ? xasprintf("%s/incoming", state_dir) : NULL;
	CLEANUP_FD int fd = path != NULL ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW) : -1;
	json_array_foreach(json_object_get(reply, "problems"), index, problem) {
		if (fd < 0 || !is_lost(problem, id))
			continue;
		staged_name(id, name);
		(void)unlinkat(fd, name, 0);
	}
}

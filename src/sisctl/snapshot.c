/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Files and names of snapshots. */
#include "sisctl/snapshot.h"
#include "sisctl/output.h"
#include "sisctl/paths.h"

#include "base/error.h"
#include "base/util.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sysexits.h>
#include <unistd.h>

#define PIECE_BYTES (1u << 20)
#define ABOUT_MAX_BYTES 65536
#define DIGEST_TEXT (2 * DIGEST_BYTES)

bool snapshot_name_is_valid(const char *name)
{
	static const char pattern[] = "0000-00-00T000000Z";
	for (int i = 0; i < SNAPSHOT_NAME_TEXT; i++) {
		if (pattern[i] == '0' ? name[i] < '0' || name[i] > '9' : name[i] != pattern[i])
			return false;
	}
	return name[SNAPSHOT_NAME_TEXT] == '\0';
}

int snapshot_choose(const struct dirent *entry)
{
	return snapshot_name_is_valid(entry->d_name);
}

int snapshot_newest_first(const struct dirent **a, const struct dirent **b)
{
	return -strcmp((*a)->d_name, (*b)->d_name);
}

int snapshot_find_newest(int dir_fd, char ret_name[SNAPSHOT_NAME_TEXT + 1])
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	if (directory == NULL) {
		int r = error_from_errno(errno);
		fd_close(fd);
		return r;
	}
	int found = 0;
	for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
		if (!snapshot_name_is_valid(entry->d_name) || (found && strcmp(entry->d_name, ret_name) <= 0))
			continue;
		strcpy(ret_name, entry->d_name);
		found = 1;
	}
	closedir(directory);
	return found;
}

int snapshot_open(const char *directory, int *ret_fd, char ret_name[SNAPSHOT_NAME_TEXT + 1], json_t **ret_about)
{
	char name[SNAPSHOT_NAME_TEXT + 1] = "", *text = NULL;
	size_t size;
	uint64_t version = 0;
	CLEANUP_JSON json_t *about = NULL;
	CLEANUP_FD int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return output_error(EX_NOINPUT, "%s cannot be opened as a directory: %s", directory, strerror(errno));
	if (faccessat(fd, SNAPSHOT_ABOUT, F_OK, 0) < 0 && snapshot_find_newest(fd, name) > 0) {
		int newest = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		fd_close(fd);
		fd = newest;
	}
	int r = file_read(fd, SNAPSHOT_ABOUT, ABOUT_MAX_BYTES, &text, &size);
	if (r == 0)
		r = json_parse((struct span){ (const uint8_t *)text, size }, ABOUT_MAX_BYTES, &about);
	free(text);
	if (r < 0 || json_member_u64(about, "version", &version) < 0)
		return output_error(EX_DATAERR, "%s is no snapshot of sisctl backup, and holds none: there is no " SNAPSHOT_ABOUT " that can be read", directory);
	if (version != 1)
		return output_error(EX_DATAERR, "%s was made by a newer sis: install that version", directory);
	*ret_fd = fd_take(&fd);
	*ret_about = json_incref(about);
	if (ret_name != NULL)
		memcpy(ret_name, name, sizeof(name));
	return 0;
}

int snapshot_open_sums(int from_fd, const json_t *about, FILE **ret_sums)
{
	uint8_t digest[DIGEST_BYTES], wanted[DIGEST_BYTES];
	uint64_t size;
	const char *text = json_member_string(about, "sums");
	CLEANUP_FD int fd = openat(from_fd, SNAPSHOT_SUMS, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return error_from_errno(errno);
	int r = digest_file(fd, digest, &size);
	if (r == 0 && (text == NULL || hex_decode(span_from_string(text), wanted, DIGEST_BYTES) < 0 || memcmp(digest, wanted, DIGEST_BYTES) != 0))
		r = -SIS_ERR_MISMATCH;
	*ret_sums = r == 0 ? fdopen(fd, "r") : NULL;
	if (*ret_sums != NULL)
		(void)fd_take(&fd);
	return r == 0 && *ret_sums == NULL ? -SIS_ERR_NO_MEMORY : r;
}

/* ------------------------------------------------ SHA256SUMS ------------------------------------------------ */

void object_path(const char *id, char ret_path[SNAPSHOT_PATH_MAX])
{
	snprintf(ret_path, SNAPSHOT_PATH_MAX, "objects/%.2s/%s", id, id);
}

bool object_path_parse(const char *path, uint8_t ret_id[ITEM_ID_BYTES])
{
	char again[SNAPSHOT_PATH_MAX];
	if (strlen(path) != strlen("objects/ab/") + ITEM_ID_TEXT || item_id_decode(span_from_string(path + strlen("objects/ab/")), ret_id) < 0)
		return false;
	object_path(path + strlen("objects/ab/"), again);
	return strcmp(path, again) == 0;
}

/* A backup may come from anywhere: only names that a snapshot has, so none that leads out of it. */
static bool sum_path_is_valid(const char *path)
{
	uint8_t id[ITEM_ID_BYTES];
	if (strncmp(path, "keys/", 5) == 0)
		return name_is_valid(span_from_string(path + 5));
	return strcmp(path, SNAPSHOT_DATABASE) == 0 || object_path_parse(path, id);
}

int sum_read(FILE *sums, struct sum *ret_sum)
{
	char line[DIGEST_TEXT + 2 + SNAPSHOT_PATH_MAX + 2];
	if (fgets(line, sizeof(line), sums) == NULL)
		return ferror(sums) ? -SIS_ERR_IO : 0;
	size_t size = strlen(line);
	if (size < DIGEST_TEXT + 4 || line[size - 1] != '\n' || strncmp(line + DIGEST_TEXT, "  ", 2) != 0)
		return -SIS_ERR_BAD_FORMAT;
	line[size - 1] = '\0';
	if (hex_decode((struct span){ (const uint8_t *)line, DIGEST_TEXT }, ret_sum->digest, DIGEST_BYTES) < 0 || !sum_path_is_valid(line + DIGEST_TEXT + 2))
		return -SIS_ERR_BAD_FORMAT;
	return span_to_string(span_from_string(line + DIGEST_TEXT + 2), ret_sum->path, sizeof(ret_sum->path)) ? 1 : -SIS_ERR_BAD_FORMAT;
}

int sum_write(FILE *sums, const struct sum *sum)
{
	char text[DIGEST_TEXT + 1];
	hex_encode(sum->digest, DIGEST_BYTES, text);
	return fprintf(sums, "%s  %s\n", text, sum->path) < 0 ? error_from_errno(errno) : 0;
}

/* ------------------------------------------------ files ------------------------------------------------ */

static int file_copy_slowly(int from_fd, int to_fd)
{
	CLEANUP_FREE uint8_t *piece = malloc(PIECE_BYTES);
	ssize_t n;
	if (piece == NULL)
		return -SIS_ERR_NO_MEMORY;
	for (uint64_t done = 0; (n = pread(from_fd, piece, PIECE_BYTES, (off_t)done)) != 0; done += (uint64_t)n) {
		int r = n < 0 ? error_from_errno(errno) : fd_pwrite_all(to_fd, piece, (size_t)n, done);
		if (r < 0)
			return r;
	}
	return 0;
}

static int file_copy_bytes(int from_fd, int to_fd)
{
	loff_t from = 0, to = 0;
	ssize_t n;
	if (ioctl(to_fd, FICLONE, from_fd) == 0)
		return 0;
	while ((n = copy_file_range(from_fd, &from, to_fd, &to, PIECE_BYTES, 0)) > 0)
		;
	if (n == 0 && to > 0)
		return 0;
	if (n < 0 && errno != EXDEV && errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP && errno != EPERM)
		return error_from_errno(errno);
	return file_copy_slowly(from_fd, to_fd);
}

int file_copy(int from_fd, int to_dir_fd, const char *path, mode_t mode, mode_t make_mode, int *ret_fd)
{
	struct stat stat;
	const char *name;
	CLEANUP_FD int parent = -1, fd = -1;
	int r = paths_open_parent(to_dir_fd, path, make_mode, &parent, &name);
	if (r < 0)
		return r;
	fd = openat(parent, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0 || fstat(from_fd, &stat) < 0)
		return error_from_errno(errno);
	r = file_copy_bytes(from_fd, fd);
	const struct timespec times[2] = { stat.st_mtim, stat.st_mtim };
	if (r == 0 && futimens(fd, times) < 0)
		r = error_from_errno(errno);
	if (r == 0)
		*ret_fd = fd_take(&fd);
	return r;
}

int directory_remove(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	if (directory == NULL) {
		int r = error_from_errno(errno);
		fd_close(fd);
		return r;
	}
	int r = 0;
	for (struct dirent *entry; r == 0 && (entry = readdir(directory)) != NULL;) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (unlinkat(fd, entry->d_name, 0) < 0)
			r = errno == EISDIR ? directory_remove(fd, entry->d_name) : error_from_errno(errno);
	}
	closedir(directory);
	return r == 0 && unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 ? error_from_errno(errno) : r;
}

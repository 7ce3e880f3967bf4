/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * `sisctl check`: files that nothing names, under objects/ and incoming/. */
#include "store/check.h"

#include "base/error.h"
#include "base/util.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHECK_UPLOAD_YOUNG_SECONDS 60   /* its file may be just being made */
#define CHECK_IDLE_SECONDS 86400        /* an upload that has no row, and of which nothing came for so long, is nobody's */

int check_each_entry(struct check *check, int dir_fd, const char *path, void (*fn)(struct check *check, int fd, const char *path, const char *name))
{
	int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	if (directory == NULL) {
		int r = error_from_errno(errno);
		fd_close(fd);
		return r;
	}
	struct dirent *entry;
	while (!check_ends(check) && (entry = readdir(directory)) != NULL) {
		if (entry->d_name[0] != '.')
			fn(check, fd, path, entry->d_name);
	}
	closedir(directory);
	return check->stopped;
}

/* ------------------------------------------------ objects/ ------------------------------------------------ */

static void check_file(struct check *check, int dir_fd, const char *prefix, const char *name)
{
	uint8_t id[ITEM_ID_BYTES];
	struct stat stat;
	if (fstatat(dir_fd, name, &stat, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	if (S_ISREG(stat.st_mode) && item_id_decode(span_from_string(name), id) == 0 && strncmp(name, prefix, 2) == 0) {
		check_orphan(check, prefix, name, id, &stat);
		return;
	}
	struct store_problem about = { 0 };
	bool fits = snprintf(about.path, sizeof(about.path), "%s/%s", prefix, name) < (int)sizeof(about.path);
	check_tell(check, fits ? PROBLEM_STRAY : PROBLEM_UNREADABLE, &about, "objects/%s holds a file that is no object, %.64s", prefix, name);
}

static void check_prefix(struct check *check, int fd, const char *path, const char *name)
{
	struct store_problem about = { 0 };
	struct stat stat;
	bool is_directory = fstatat(fd, name, &stat, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(stat.st_mode) && strlen(name) == 2;
	bool fits = snprintf(about.path, sizeof(about.path), "%s", name) < (int)sizeof(about.path);
	if (is_directory)
		(void)check_failed(check, check_each_entry(check, fd, name, check_file), "a directory of objects/");
	else
		check_tell(check, fits ? PROBLEM_STRAY : PROBLEM_UNREADABLE, &about, "objects/ holds what is no directory of objects, %.64s", name);
}

/* ------------------------------------------------ incoming/ ------------------------------------------------ */

static bool check_has_upload(struct store_reader *reader, const char *id)
{
	static const char sql[] = "SELECT 1 FROM uploads WHERE upload_id=?";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	return db_bind(reader, &row, sql, "t", id) < 0 || db_step(row) != 0;
}

static void check_incoming_file(struct check *check, int dir_fd, const char *path, const char *name)
{
	struct store_problem about = { 0 };
	struct stat stat;
	if (store_is_unchecked_mark(name) || fstatat(dir_fd, name, &stat, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	/* An upload in one request has no row; nothing but its file tells of it. */
	if (stat.st_nlink > 1 || (!check->options->alone && stat.st_mtime + CHECK_IDLE_SECONDS >= time_now()) || check_has_upload(check->reader, name))
		return;
	if (snprintf(about.path, sizeof(about.path), "%s", name) >= (int)sizeof(about.path))
		return;
	check_tell(check, PROBLEM_UPLOAD_FILE, &about, "incoming/%.64s, %lld bytes, belongs to no upload", name, (long long)stat.st_size);
}

static int check_upload_rows(struct check *check)
{
	static const char sql[] = "SELECT upload_id, uploads.created, u.name FROM uploads LEFT JOIN users u USING(user_id) WHERE item IS NULL";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = db_bind(check->reader, &row, sql, "");
	while (r == 0 && !check_ends(check) && (r = db_step(row)) > 0) {
		struct store_problem about = { 0 };
		char path[STORE_PROBLEM_PATH + 16] = "../incoming/";
		r = 0;
		if (!span_to_string(db_column_span(row, 0), about.path, sizeof(about.path)))
			continue;
		db_column_name(row, 2, about.user);
		strncat(path, about.path, sizeof(path) - strlen(path) - 1);
		if (sqlite3_column_int64(row, 1) + CHECK_UPLOAD_YOUNG_SECONDS < time_now() && faccessat(check->reader->objects_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
			check_tell(check, PROBLEM_UPLOAD_ROW, &about, "an unfinished upload of %s has lost its file, incoming/%s", about.user, about.path);
	}
	return r;
}

int check_files(struct check *check)
{
	int r = check_each_entry(check, check->reader->objects_fd, ".", check_prefix);
	r = check_failed(check, r, "objects/");
	/* Workers and their rights do not reach in there, nor does an administrator's who is not root: the ledger does. */
	if (r == 0)
		r = check_failed(check, check_each_entry(check, check->reader->objects_fd, "../incoming", check_incoming_file), "incoming/");
	if (r == 0)
		r = check_failed(check, check_upload_rows(check), "the unfinished uploads");
	return r == 0 && check->options->read_object != NULL ? check_failed(check, check_lost(check), "lost/") : r;
}

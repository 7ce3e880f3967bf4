/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What an unclean stop left half done is ended here, before anybody is served: afterwards every item is whole or gone, and every file is known.
 *
 * An upload under way has one name, incoming/UPLOAD. While it is committed it has a second, objects/ab/ID, made durable before the database
 * learns of the item; the first name goes last. So a file with two names was interrupted, and the database says on which side. */
#include "store/check.h"
#include "store/db.h"
#include "store/writer.h"

#include "base/error.h"
#include "base/util.h"
#include "format/item.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void recover_closedirp(DIR **directory)
{
	if (*directory != NULL)
		closedir(*directory);
}
#define CLEANUP_DIR __attribute__((cleanup(recover_closedirp)))

static DIR *recover_open_directory(int dir_fd, const char *path)
{
	int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	if (directory == NULL && fd >= 0)
		fd_close(fd);
	return directory;
}

/* 1 when there is such an item, 0 when not. */
static int recover_has_item(struct store_reader *reader, const uint8_t id[ITEM_ID_BYTES])
{
	static const char sql[] = "SELECT 1 FROM items WHERE id=?";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = db_bind(reader, &row, sql, "b", ((struct span){ id, ITEM_ID_BYTES }));
	return r < 0 ? r : db_step(row);
}

static int recover_has_upload(struct store_reader *reader, const char *id)
{
	static const char sql[] = "SELECT 1 FROM uploads WHERE upload_id=? AND item IS NULL";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = db_bind(reader, &row, sql, "t", id);
	return r < 0 ? r : db_step(row);
}

/* Which item the file is, by the statement in it. */
static int recover_read_id(int fd, uint8_t ret_id[ITEM_ID_BYTES])
{
	uint8_t start[BUNDLE_HEAD_MAX_BYTES];
	ssize_t n = pread(fd, start, sizeof(start), 0);
	struct bundle_head head;
	int r = n < 0 ? error_from_errno(errno) : bundle_head_parse((struct span){ start, (size_t)n }, &head, NULL);
	if (r < 0)
		return r;
	if (head.statement_size > STATEMENT_MAX_BYTES)
		return -SIS_ERR_TOO_LARGE;
	CLEANUP_FREE uint8_t *text = malloc(STATEMENT_MAX_BYTES);
	CLEANUP_FREE struct statement *statement = malloc(sizeof(*statement));
	if (text == NULL || statement == NULL)
		return -SIS_ERR_NO_MEMORY;
	r = fd_pread_all(fd, text, head.statement_size, head.head_size);
	if (r == 0)
		r = statement_parse((struct span){ text, head.statement_size }, statement, NULL);
	if (r == 0)
		memcpy(ret_id, statement->item, ITEM_ID_BYTES);
	return r;
}

/* A file with two names: forward when the database has the item, back when not. */
static int recover_interrupted(struct store_writer *writer, const char *name, int fd, const struct stat *file, struct store_recovery *recovery)
{
	uint8_t id[ITEM_ID_BYTES];
	if (recover_read_id(fd, id) < 0)
		return 0;               /* not of our making; the scan of objects/ looks at its other name */
	char path[DB_OBJECT_PATH];
	db_object_path(id, path);
	struct stat object;
	if (fstatat(writer->reader.objects_fd, path, &object, AT_SYMLINK_NOFOLLOW) < 0 || object.st_ino != file->st_ino || object.st_dev != file->st_dev)
		return 0;
	int r = recover_has_item(&writer->reader, id);
	if (r < 0)
		return r;
	if (r == 0) {
		recovery->n_undone++;
		return store_remove_object(writer, id);
	}
	recovery->n_finished++;
	return store_remove_incoming(writer, name);
}

static int recover_incoming_file(struct store_writer *writer, const char *name, struct store_recovery *recovery)
{
	if (store_is_unchecked_mark(name))
		return store_recover_unchecked(writer, name);
	CLEANUP_FD int fd = openat(writer->incoming_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat stat;
	if (fd < 0 || fstat(fd, &stat) < 0)
		return error_from_errno(errno);
	int r = stat.st_nlink > 1 ? recover_interrupted(writer, name, fd, &stat, recovery) : 0;
	if (r == 0)
		r = recover_has_upload(&writer->reader, name);
	if (r != 0)
		return r < 0 ? r : 0;
	if (faccessat(writer->incoming_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		recovery->n_dropped++;
	return store_remove_incoming(writer, name);
}

static int recover_incoming(struct store_writer *writer, struct store_recovery *recovery)
{
	CLEANUP_DIR DIR *directory = recover_open_directory(writer->incoming_fd, ".");
	if (directory == NULL)
		return error_from_errno(errno);
	struct dirent *entry;
	int r = 0;
	while (r == 0 && (errno = 0, entry = readdir(directory)) != NULL) {
		/* What a repair that was cut short had been brought, too. */
		if (strncmp(entry->d_name, STORE_STAGED, strlen(STORE_STAGED)) == 0)
			r = store_remove_incoming(writer, entry->d_name);
		else if (entry->d_name[0] != '.')
			r = recover_incoming_file(writer, entry->d_name, recovery);
	}
	return r;
}

static int recover_remove_row(const struct store_upload *upload, void *arg)
{
	struct store_writer *writer = arg;
	if (upload->item[0] != '\0' || faccessat(writer->incoming_fd, upload->id, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	return store_remove_upload(writer, upload->id);
}

/* Objects that no item names: left by a removal that was acknowledged, which the database remembers; or the database is an older one than they, put here by
 * hand or saved from damage, and they are what is left of items. */
static int recover_orphan(struct store_writer *writer, const uint8_t id[ITEM_ID_BYTES])
{
	struct store_mended mended = { 0 };
	char path[DB_OBJECT_PATH];
	db_object_path(id, path);
	return writer->lost_fd < 0 ? store_remove_object(writer, id) : repair_drop_orphan(writer, id, path, &mended);
}

static int recover_orphans_in(struct store_writer *writer, const char *prefix, struct store_recovery *recovery)
{
	CLEANUP_DIR DIR *directory = recover_open_directory(writer->reader.objects_fd, prefix);
	if (directory == NULL)
		return 0;
	struct dirent *entry;
	int r = 0;
	while (r >= 0 && (errno = 0, entry = readdir(directory)) != NULL) {
		uint8_t id[ITEM_ID_BYTES];
		if (item_id_decode(span_from_string(entry->d_name), id) < 0)
			continue;
		r = recover_has_item(&writer->reader, id);
		if (r == 0) {
			recovery->n_orphans++;
			r = recover_orphan(writer, id);
		}
	}
	return r < 0 ? r : 0;
}

static int recover_orphans(struct store_writer *writer, struct store_recovery *recovery)
{
	CLEANUP_DIR DIR *directory = recover_open_directory(writer->reader.objects_fd, ".");
	if (directory == NULL)
		return error_from_errno(errno);
	struct dirent *entry;
	int r = 0;
	while (r == 0 && (errno = 0, entry = readdir(directory)) != NULL) {
		if (entry->d_name[0] != '.' && strlen(entry->d_name) == 2)
			r = recover_orphans_in(writer, entry->d_name, recovery);
	}
	return r;
}

int store_recover(struct store_writer *writer, struct store_recovery *ret_recovery)
{
	/* A database without "clean" is new. */
	struct store_recovery recovery = { .unclean = store_get_meta_number(&writer->reader, "clean", 1) == 0 };
	int r = recover_incoming(writer, &recovery);
	if (r == 0 && recovery.unclean)
		r = recover_orphans(writer, &recovery);
	if (r == 0)
		r = store_begin(writer);
	if (r < 0)
		return r;
	r = store_list_uploads(&writer->reader, recover_remove_row, writer);
	if (r == 0)
		r = store_set_meta_number(writer, "clean", 0);
	if (r == 0)
		r = store_commit(writer);
	else
		store_rollback(writer);
	if (r == 0)
		*ret_recovery = recovery;
	return r;
}

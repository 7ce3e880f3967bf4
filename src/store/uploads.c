/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Unfinished uploads: their rows (only those that may be resumed have one) and their files under incoming/. */
#include "store/db.h"
#include "store/writer.h"

#include "base/error.h"
#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

static int64_t uploads_length(const struct store_upload *upload)
{
	return upload->length > INT64_MAX ? -1 : (int64_t)upload->length;
}

int store_add_upload(struct store_writer *writer, const struct store_upload *upload)
{
	static const char sql[] = "INSERT INTO uploads(upload_id, user_id, device_id, length, created, metadata, digest) VALUES(?, ?, ?, ?, ?, ?, ?)";
	return db_run(&writer->reader, sql, "tiiiitb", upload->id, upload->user_id, upload->device_id, uploads_length(upload), upload->created,
	              upload->metadata[0] != '\0' ? upload->metadata : NULL,
	              (struct span){ upload->digest_size > 0 ? upload->digest : NULL, upload->digest_size });
}

int store_update_upload(struct store_writer *writer, const struct store_upload *upload)
{
	static const char sql[] = "UPDATE uploads SET length=?, item=? WHERE upload_id=?";
	return db_run(&writer->reader, sql, "itt", uploads_length(upload), upload->item[0] != '\0' ? upload->item : NULL, upload->id);
}

int store_remove_upload(struct store_writer *writer, const char *id)
{
	static const char sql[] = "DELETE FROM uploads WHERE upload_id=?";
	return db_run(&writer->reader, sql, "t", id);
}

int store_list_uploads(struct store_reader *reader, int (*fn)(const struct store_upload *upload, void *arg), void *arg)
{
	static const char sql[] = "SELECT upload_id, user_id, device_id, length, created, item, metadata, digest FROM uploads";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = db_bind(reader, &row, sql, "");
	while (r == 0 && (r = db_step(row)) > 0) {
		int64_t length = sqlite3_column_int64(row, 3);
		struct store_upload upload = {
			.user_id = sqlite3_column_int64(row, 1),
			.device_id = sqlite3_column_int64(row, 2),
			.length = length < 0 ? STORE_LENGTH_UNKNOWN : (uint64_t)length,
			.created = sqlite3_column_int64(row, 4),
		};
		span_to_string(db_column_span(row, 0), upload.id, sizeof(upload.id));
		span_to_string(db_column_span(row, 5), upload.item, sizeof(upload.item));
		span_to_string(db_column_span(row, 6), upload.metadata, sizeof(upload.metadata));
		struct span digest = db_column_span(row, 7);
		if (digest.size > 0 && digest.size <= sizeof(upload.digest)) {
			memcpy(upload.digest, digest.data, digest.size);
			upload.digest_size = digest.size;
		}
		r = fn(&upload, arg);
	}
	return r;
}

int store_create_incoming(struct store_writer *writer, const char *id, int *ret_fd)
{
	int fd = openat(writer->incoming_fd, id, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		return error_from_errno(errno);
	*ret_fd = fd;
	return 0;
}

int store_open_incoming(struct store_writer *writer, const char *id, bool writable, int *ret_fd)
{
	/* O_NONBLOCK: whoever holds a lease on the file, which started unprivileged a worker could, keeps nobody waiting. */
	int fd = openat(writer->incoming_fd, id, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT ? -SIS_ERR_NO_UPLOAD : error_from_errno(errno);
	*ret_fd = fd;
	return 0;
}

int store_replace_by_copy(struct store_writer *writer, const char *id, int *fd)
{
	char name[STORE_UPLOAD_ID_TEXT + 8];
	struct stat stat;
	snprintf(name, sizeof(name), "%s.copy", id);
	(void)store_remove_incoming(writer, name);
	CLEANUP_FD int copy = -1;
	int r = fstat(*fd, &stat) < 0 ? error_from_errno(errno) : store_create_incoming(writer, name, &copy);
	for (off_t left = r == 0 ? stat.st_size : 0, offset = 0; left > 0;) {
		ssize_t n = copy_file_range(*fd, &offset, copy, NULL, (size_t)left, 0);
		if (n <= 0)
			return n < 0 ? error_from_errno(errno) : -SIS_ERR_CHANGED;
		left -= n;
	}
	if (r < 0)
		return r;
	copy = fd_close(copy);
	r = store_open_incoming(writer, name, false, &copy);
	if (r == 0 && renameat(writer->incoming_fd, name, writer->incoming_fd, id) < 0)
		r = error_from_errno(errno);
	if (r == 0) {
		fd_close(*fd);
		*fd = fd_take(&copy);
	}
	return r;
}

/* On overlayfs a mapping is one of the file beneath, and the lease one of the file above: neither knows of the other. */
static bool incoming_counts_mappings(int fd)
{
	struct statfs disk;
	return fstatfs(fd, &disk) == 0 && disk.f_type != OVERLAYFS_SUPER_MAGIC;
}

int store_close_incoming(struct store_writer *writer, const char *id, int *fd)
{
	/* The kernel grants a lease for reading only while no descriptor, mapping or message in flight anywhere can write to the file. Afterwards
	 * only who may open files in incoming/ could, which is the ledger alone. */
	if (fcntl(*fd, F_SETLEASE, F_RDLCK) == 0) {
		(void)fcntl(*fd, F_SETLEASE, F_UNLCK);
		return incoming_counts_mappings(*fd) ? 0 : store_replace_by_copy(writer, id, fd);
	}
	/* Else a file system that has no leases, or the file of another user id. */
	return errno == EAGAIN || errno == EBUSY ? -SIS_ERR_BUSY : store_replace_by_copy(writer, id, fd);
}

int store_remove_incoming(struct store_writer *writer, const char *id)
{
	return unlinkat(writer->incoming_fd, id, 0) == 0 || errno == ENOENT ? 0 : error_from_errno(errno);
}

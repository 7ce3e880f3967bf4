/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Unfinished uploads: their rows (only those that may be resumed have one) and their files under incoming/. */
#include "store/db.h"
#include "store/writer.h"

#include "base/error.h"
#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static int64_t uploads_length(const struct store_upload *upload)
{
	return upload->length > INT64_MAX ? -1 : (int64_t)upload->length;
}

int store_add_upload(struct store_writer *writer, const struct store_upload *upload)
{
	static const char sql[] = "INSERT INTO uploads(upload_id, user_id, device_id, length, created) VALUES(?, ?, ?, ?, ?)";
	return db_run(&writer->reader, sql, "tiiii", upload->id, upload->user_id, upload->device_id, uploads_length(upload), upload->created);
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
	static const char sql[] = "SELECT upload_id, user_id, device_id, length, created, item FROM uploads";
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
	int fd = openat(writer->incoming_fd, id, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? -SIS_ERR_NO_UPLOAD : error_from_errno(errno);
	*ret_fd = fd;
	return 0;
}

int store_remove_incoming(struct store_writer *writer, const char *id)
{
	return unlinkat(writer->incoming_fd, id, 0) == 0 || errno == ENOENT ? 0 : error_from_errno(errno);
}

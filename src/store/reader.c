/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The worker's view: who is asking, what may they see, and where are its bytes. Nothing here can write. */
#include "store/db.h"
#include "store/schema.h"

#include "base/error.h"
#include "base/util.h"
#include "crypto/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int reader_check_version(struct store_reader *reader)
{
	static const char sql[] = "PRAGMA user_version";
	DB_STATEMENT sqlite3_stmt *statement = NULL;
	int r = db_bind(reader, &statement, sql, "");
	if (r == 0)
		r = db_step(statement);
	if (r < 0)
		return r;
	return sqlite3_column_int(statement, 0) == SCHEMA_VERSION ? 0 : -SIS_ERR_UNKNOWN_SUITE;
}

int store_reader_open(const char *state_dir, struct store_reader **ret_reader)
{
	struct store_reader *reader = calloc(1, sizeof(*reader));
	if (reader == NULL)
		return -SIS_ERR_NO_MEMORY;
	int r = db_open(reader, state_dir, false);
	if (r == 0 && (r = reader_check_version(reader)) < 0)
		db_close(reader);
	if (r < 0) {
		free(reader);
		return r;
	}
	*ret_reader = reader;
	return 0;
}

void store_reader_close(struct store_reader *reader)
{
	if (reader == NULL)
		return;
	db_close(reader);
	free(reader);
}

/* Binds; steps once; NO_INPUT when there is no row. */
#define reader_get_row(reader, statement, sql, types, ...) ({ \
	int get_error_ = db_bind((reader), (statement), (sql), (types), ##__VA_ARGS__); \
	if (get_error_ == 0) \
		get_error_ = db_step(*(statement)); \
	get_error_ == 0 ? -SIS_ERR_NO_INPUT : get_error_ < 0 ? get_error_ : 0; })

int store_find_caller(struct store_reader *reader, const uint8_t fingerprint[STORE_FINGERPRINT_BYTES], struct store_caller *ret_caller)
{
	static const char sql[] =
		"SELECT u.user_id, d.device_id, u.name, d.name, u.state, d.state, c.not_after FROM certificates c"
		" JOIN devices d USING(device_id) JOIN users u USING(user_id) WHERE c.fingerprint=?";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = reader_get_row(reader, &row, sql, "b", ((struct span){ fingerprint, STORE_FINGERPRINT_BYTES }));
	if (r < 0)
		return r == -SIS_ERR_NO_INPUT ? -SIS_ERR_NOT_ALLOWED : r;
	enum store_state user_state = db_column_state(row, 4);
	if (user_state == STORE_REVOKED || sqlite3_column_int(row, 5) != STORE_LIVE)
		return -SIS_ERR_REVOKED;
	if (sqlite3_column_int64(row, 6) <= time_now())
		return -SIS_ERR_EXPIRED;
	if (user_state != STORE_LIVE)
		return -SIS_ERR_DISABLED;
	ret_caller->user_id = sqlite3_column_int64(row, 0);
	ret_caller->device_id = sqlite3_column_int64(row, 1);
	ret_caller->not_after = sqlite3_column_int64(row, 6);
	db_column_name(row, 2, ret_caller->user);
	db_column_name(row, 3, ret_caller->device);
	return 0;
}

#define ITEM_COLUMNS \
	"i.item_row, i.id, b.sequence, i.received, u.name, i.user_id=b.user_id, i.statement," \
	" i.object_offset, i.object_size, i.object_root, i.manifest_offset, i.manifest_size, i.manifest_root," \
	" i.thumbnail_offset, i.thumbnail_size, i.thumbnail_root" \
	" FROM inbox b JOIN items i USING(item_row) JOIN users u ON u.user_id=i.user_id "

static int reader_read_item(sqlite3_stmt *row, struct store_item *ret_item)
{
	struct store_item item = {
		.item_row = sqlite3_column_int64(row, 0),
		.sequence = (uint64_t)sqlite3_column_int64(row, 2),
		.received = sqlite3_column_int64(row, 3),
		.is_owner = sqlite3_column_int(row, 5) != 0,
		.statement = db_column_span(row, 6),
	};
	int r = db_column_fixed(row, 1, item.id, sizeof(item.id));
	db_column_name(row, 4, item.owner);
	for (int part = SEAL_OBJECT; part <= SEAL_THUMBNAIL && r == 0; part++) {
		int column = 7 + 3 * part;
		item.part[part].offset = (uint64_t)sqlite3_column_int64(row, column);
		item.part[part].size = (uint64_t)sqlite3_column_int64(row, column + 1);
		r = db_column_fixed(row, column + 2, item.part[part].root, DIGEST_BYTES);
	}
	if (r == 0)
		*ret_item = item;
	return r;
}

int store_list_items(struct store_reader *reader, int64_t user_id, uint64_t after, unsigned limit, bool newest_first,
                     int (*fn)(const struct store_item *item, void *arg), void *arg)
{
	static const char oldest[] = "SELECT " ITEM_COLUMNS "WHERE b.user_id=? AND b.sequence>? AND " DB_IS_LIVE " ORDER BY b.sequence LIMIT ?";
	static const char newest[] = "SELECT " ITEM_COLUMNS "WHERE b.user_id=? AND b.sequence<? AND " DB_IS_LIVE " ORDER BY b.sequence DESC LIMIT ?";
	int64_t border = after > INT64_MAX || (newest_first && after == 0) ? INT64_MAX : (int64_t)after;
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = db_bind(reader, &row, newest_first ? newest : oldest, "iii", user_id, border, (int64_t)limit);
	while (r == 0 && (r = db_step(row)) > 0) {
		struct store_item item;
		r = reader_read_item(row, &item);
		if (r == 0)
			r = fn(&item, arg);
	}
	return r;
}

int store_get_item(struct store_reader *reader, int64_t user_id, const uint8_t id[ITEM_ID_BYTES],
                   int (*fn)(const struct store_item *item, void *arg), void *arg)
{
	static const char sql[] = "SELECT " ITEM_COLUMNS "WHERE i.id=? AND b.user_id=? AND " DB_IS_LIVE;
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = reader_get_row(reader, &row, sql, "bi", ((struct span){ id, ITEM_ID_BYTES }), user_id);
	if (r < 0)
		return r == -SIS_ERR_NO_INPUT ? -SIS_ERR_NO_ITEM : r;
	struct store_item item;
	r = reader_read_item(row, &item);
	return r < 0 ? r : fn(&item, arg);
}

#define GRANT_IS_LIVE " AND coalesce(expires, " DB_NEVER ")>unixepoch()"

int store_list_grants(struct store_reader *reader, int64_t item_row, int64_t user_id, bool all, int (*fn)(struct span text, void *arg), void *arg)
{
	static const char own[] = "SELECT text FROM grants WHERE item_row=?1 AND user_id=?2" GRANT_IS_LIVE;
	static const char every[] = "SELECT text FROM grants WHERE item_row=?1 AND (SELECT user_id FROM items WHERE item_row=?1)=?2" GRANT_IS_LIVE;
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = db_bind(reader, &row, all ? every : own, "ii", item_row, user_id);
	while (r == 0 && (r = db_step(row)) > 0)
		r = fn(db_column_span(row, 0), arg);
	return r;
}

int store_find_certificate(struct store_reader *reader, const uint8_t fingerprint[STORE_FINGERPRINT_BYTES],
                           int (*fn)(struct span der, int64_t revoked, unsigned reason, void *arg), void *arg)
{
	static const char sql[] = "SELECT c.der, d.revoked, d.reason FROM certificates c JOIN devices d USING(device_id) WHERE c.fingerprint=?";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = reader_get_row(reader, &row, sql, "b", ((struct span){ fingerprint, STORE_FINGERPRINT_BYTES }));
	if (r < 0)
		return r;
	return fn(db_column_span(row, 0), sqlite3_column_int64(row, 1), (unsigned)sqlite3_column_int(row, 2), arg);
}

int reader_find_live_user(struct store_reader *reader, const char *user, int64_t *ret_user_id)
{
	static const char sql[] = "SELECT user_id FROM users WHERE name=? AND state=0";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = reader_get_row(reader, &row, sql, "t", user);
	if (r < 0)
		return r == -SIS_ERR_NO_INPUT ? -SIS_ERR_NO_USER : r;
	*ret_user_id = sqlite3_column_int64(row, 0);
	return 0;
}

static int reader_read_device(sqlite3_stmt *row, const char *user, struct store_device *ret_device)
{
	struct store_device device = {
		.device_id = sqlite3_column_int64(row, 0),
		.state = sqlite3_column_int(row, 2) == STORE_LIVE ? STORE_LIVE : STORE_REVOKED,
		.enrolled = sqlite3_column_int64(row, 3),
		.revoked = sqlite3_column_int64(row, 4),
		.key_statement = db_column_span(row, 5),
		.certificate = db_column_span(row, 7),
		.not_after = sqlite3_column_int64(row, 8),
	};
	strncpy(device.user, user, sizeof(device.user) - 1);
	db_column_name(row, 1, device.device);
	int r = db_column_fixed(row, 6, device.fingerprint, sizeof(device.fingerprint));
	if (r == 0)
		*ret_device = device;
	return r;
}

int store_list_devices(struct store_reader *reader, const char *user, int (*fn)(const struct store_device *device, void *arg), void *arg)
{
	/* The newest certificate is the one written last: clocks may jump, row numbers do not. */
	static const char sql[] =
		"SELECT d.device_id, d.name, d.state, d.enrolled, d.revoked, d.key_statement, c.fingerprint, c.der, c.not_after FROM devices d"
		" JOIN certificates c ON c.certificate_row=(SELECT max(certificate_row) FROM certificates WHERE device_id=d.device_id)"
		" WHERE d.user_id=? AND d.state=0 ORDER BY d.device_id";
	int64_t user_id;
	int r = reader_find_live_user(reader, user, &user_id);
	if (r < 0)
		return r;
	DB_STATEMENT sqlite3_stmt *row = NULL;
	r = db_bind(reader, &row, sql, "i", user_id);
	while (r == 0 && (r = db_step(row)) > 0) {
		struct store_device device;
		r = reader_read_device(row, user, &device);
		if (r == 0)
			r = fn(&device, arg);
	}
	return r;
}

static int reader_get_meta(struct store_reader *reader, const char *name, int (*fn)(struct span der, void *arg), void *arg)
{
	static const char sql[] = "SELECT value FROM meta WHERE name=?";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = reader_get_row(reader, &row, sql, "t", name);
	return r < 0 ? r : fn(db_column_span(row, 0), arg);
}

int store_get_sequence(struct store_reader *reader, uint64_t *ret_sequence)
{
	static const char sql[] = "SELECT coalesce((SELECT value FROM meta WHERE name='sequence'), 0)";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = reader_get_row(reader, &row, sql, "");
	if (r == 0)
		*ret_sequence = (uint64_t)sqlite3_column_int64(row, 0);
	return r;
}

void db_crl_name(const uint8_t authority[STORE_FINGERPRINT_BYTES], char ret_name[DB_CRL_NAME])
{
	memcpy(ret_name, "crl:", 4);
	hex_encode(authority, STORE_FINGERPRINT_BYTES, ret_name + 4);
}

int store_get_crl(struct store_reader *reader, const uint8_t authority[STORE_FINGERPRINT_BYTES], int (*fn)(struct span der, void *arg), void *arg)
{
	char name[DB_CRL_NAME] = "crl";
	if (authority != NULL)
		db_crl_name(authority, name);
	return reader_get_meta(reader, name, fn, arg);
}

int store_get_ca(struct store_reader *reader, int (*fn)(struct span der, void *arg), void *arg)
{
	return reader_get_meta(reader, "ca", fn, arg);
}

int store_get_cacerts(struct store_reader *reader, int (*fn)(struct span ders, void *arg), void *arg)
{
	return reader_get_meta(reader, "cacerts", fn, arg);
}

int store_open_object(struct store_reader *reader, const uint8_t id[ITEM_ID_BYTES], int *ret_fd, uint64_t *ret_size)
{
	char path[DB_OBJECT_PATH];
	db_object_path(id, path);
	CLEANUP_FD int fd = openat(reader->objects_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
	if (fd < 0)
		return errno == ENOENT ? -SIS_ERR_NO_ITEM : error_from_errno(errno);
	struct stat stat;
	if (fstat(fd, &stat) < 0)
		return error_from_errno(errno);
	if (!S_ISREG(stat.st_mode))
		return -SIS_ERR_IO;
	*ret_size = (uint64_t)stat.st_size;
	*ret_fd = fd_take(&fd);
	return 0;
}

bool store_reader_is_healthy(struct store_reader *reader)
{
	static const char sql[] = "SELECT 1 FROM meta WHERE name='ca'";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	return reader_get_row(reader, &row, sql, "") == 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Devices, their certificates, and the end of both. */
#include "store/db.h"
#include "store/writer.h"

#include "base/error.h"

#include <stdio.h>
#include <string.h>

int store_add_device(struct store_writer *writer, int64_t user_id, const char *name, int64_t now, int64_t *ret_device_id)
{
	/* Never the number of a device whose row is lost: its certificates would be this one's. */
	static const char sql[] = "INSERT INTO devices(device_id, user_id, name, state, enrolled) VALUES(1+max(coalesce((SELECT max(device_id) FROM devices), 0),"
	                          " coalesce((SELECT max(device_id) FROM certificates), 0)), ?, ?, 0, ?)";
	int r = db_run(&writer->reader, sql, "iti", user_id, name, now);
	if (r < 0)
		return r;
	*ret_device_id = sqlite3_last_insert_rowid(writer->reader.db);
	return 0;
}

int store_find_device(struct store_reader *reader, int64_t user_id, const char *name, int64_t *ret_device_id, enum store_state *ret_state)
{
	static const char sql[] = "SELECT device_id, state FROM devices WHERE user_id=? AND name=?";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = db_bind(reader, &row, sql, "it", user_id, name);
	if (r == 0)
		r = db_step(row);
	if (r <= 0)
		return r < 0 ? r : -SIS_ERR_NO_INPUT;
	*ret_device_id = sqlite3_column_int64(row, 0);
	*ret_state = sqlite3_column_int(row, 1) == STORE_LIVE ? STORE_LIVE : STORE_REVOKED;
	return 0;
}

static int devices_count(struct store_reader *reader, const char *sql, int64_t user_id, int64_t *ret_n)
{
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = db_bind(reader, &row, sql, "i", user_id);
	if (r == 0)
		r = db_step(row);
	if (r < 0)
		return r;
	*ret_n = sqlite3_column_int64(row, 0);
	return 0;
}

int store_count_devices(struct store_reader *reader, int64_t user_id, uint64_t *ret_n)
{
	int64_t n;
	int r = devices_count(reader, "SELECT count(*) FROM devices WHERE user_id=? AND state=0", user_id, &n);
	if (r == 0)
		*ret_n = (uint64_t)n;
	return r;
}

int store_free_device_name(struct store_reader *reader, int64_t user_id, char ret_name[NAME_MAX_TEXT + 1])
{
	int64_t n_devices;
	int r = devices_count(reader, "SELECT count(*) FROM devices WHERE user_id=?", user_id, &n_devices);
	if (r < 0)
		return r;
	/* Of n devices at most n names are taken: one of the first n + 1 is free. */
	for (int64_t i = 1; i <= n_devices + 1; i++) {
		char name[NAME_MAX_TEXT + 1];
		int64_t device_id;
		enum store_state state;
		snprintf(name, sizeof(name), "device-%lld", (long long)i);
		r = store_find_device(reader, user_id, name, &device_id, &state);
		if (r == -SIS_ERR_NO_INPUT) {
			memcpy(ret_name, name, sizeof(name));
			return 0;
		}
		if (r < 0)
			return r;
	}
	return -SIS_ERR_CONFLICT;
}

int store_add_certificate(struct store_writer *writer, const struct store_certificate *certificate)
{
	static const char sql[] = "INSERT INTO certificates(fingerprint, device_id, serial, der, not_before, not_after) VALUES(?, ?, ?, ?, ?, ?)";
	return db_run(&writer->reader, sql, "bibbii", ((struct span){ certificate->fingerprint, STORE_FINGERPRINT_BYTES }),
	              certificate->device_id, certificate->serial, certificate->der, certificate->not_before, certificate->not_after);
}

int store_set_key_statement(struct store_writer *writer, int64_t device_id, struct span text)
{
	static const char sql[] = "UPDATE devices SET key_statement=? WHERE device_id=? AND state=0";
	int r = db_run(&writer->reader, sql, "si", text, device_id);
	if (r < 0)
		return r;
	return sqlite3_changes(writer->reader.db) == 1 ? 0 : -SIS_ERR_REVOKED;
}

#define CERTIFICATE_COLUMNS \
	"c.device_id, u.name, d.name, d.state, c.fingerprint, c.serial, c.der, c.not_before, c.not_after, d.revoked, d.reason, u.state" \
	" FROM certificates c JOIN devices d USING(device_id) JOIN users u USING(user_id) "

static int devices_each_certificate(sqlite3_stmt *row, int (*fn)(const struct store_certificate *certificate, void *arg), void *arg)
{
	int r;
	while ((r = db_step(row)) > 0) {
		struct store_certificate certificate = {
			.device_id = sqlite3_column_int64(row, 0),
			.state = sqlite3_column_int(row, 3) == STORE_LIVE ? STORE_LIVE : STORE_REVOKED,
			.serial = db_column_span(row, 5),
			.der = db_column_span(row, 6),
			.not_before = sqlite3_column_int64(row, 7),
			.not_after = sqlite3_column_int64(row, 8),
			.revoked = sqlite3_column_int64(row, 9),
			.reason = (unsigned)sqlite3_column_int(row, 10),
			.user_state = db_column_state(row, 11),
		};
		db_column_name(row, 1, certificate.user);
		db_column_name(row, 2, certificate.device);
		r = db_column_fixed(row, 4, certificate.fingerprint, STORE_FINGERPRINT_BYTES);
		if (r == 0)
			r = fn(&certificate, arg);
		if (r != 0)
			break;
	}
	return r;
}

int store_list_certificates(struct store_reader *reader, const char *user_name,
                            int (*fn)(const struct store_certificate *certificate, void *arg), void *arg)
{
	static const char all[] = "SELECT " CERTIFICATE_COLUMNS "ORDER BY u.name, d.device_id, c.certificate_row";
	static const char one[] = "SELECT " CERTIFICATE_COLUMNS "WHERE u.name=? ORDER BY d.device_id, c.certificate_row";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = user_name == NULL ? db_bind(reader, &row, all, "") : db_bind(reader, &row, one, "t", user_name);
	return r < 0 ? r : devices_each_certificate(row, fn, arg);
}

int store_list_device_certificates(struct store_reader *reader, int64_t device_id,
                                   int (*fn)(const struct store_certificate *certificate, void *arg), void *arg)
{
	static const char sql[] = "SELECT " CERTIFICATE_COLUMNS "WHERE c.device_id=? ORDER BY c.certificate_row DESC";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = db_bind(reader, &row, sql, "i", device_id);
	return r < 0 ? r : devices_each_certificate(row, fn, arg);
}

int store_list_revoked(struct store_reader *reader, int64_t now, int (*fn)(const struct store_certificate *certificate, void *arg), void *arg)
{
	static const char sql[] = "SELECT " CERTIFICATE_COLUMNS "WHERE d.state<>0 AND c.not_after>? ORDER BY c.certificate_row";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = db_bind(reader, &row, sql, "i", now);
	return r < 0 ? r : devices_each_certificate(row, fn, arg);
}

static int devices_revoke_user(struct store_writer *writer, int64_t user_id)
{
	static const char user[] = "UPDATE users SET state=1 WHERE user_id=? AND state<>1";
	static const char invites[] = "DELETE FROM invites WHERE user_id=? AND used=0";
	int r = db_run(&writer->reader, user, "i", user_id);
	if (r == 0 && sqlite3_changes(writer->reader.db) != 1)
		r = -SIS_ERR_CONFLICT;
	return r < 0 ? r : db_run(&writer->reader, invites, "i", user_id);
}

int store_revoke(struct store_writer *writer, int64_t user_id, int64_t device_id, unsigned reason, int64_t now, unsigned *ret_n_devices)
{
	static const char devices[] = "UPDATE devices SET state=1, revoked=?, reason=? WHERE user_id=? AND state=0 AND (?4=0 OR device_id=?4)";
	int r = device_id == 0 ? devices_revoke_user(writer, user_id) : 0;
	if (r == 0)
		r = db_run(&writer->reader, devices, "iiii", now, (int64_t)reason, user_id, device_id);
	if (r < 0)
		return r;
	unsigned n_devices = (unsigned)sqlite3_changes(writer->reader.db);
	if (device_id != 0 && n_devices == 0)
		return -SIS_ERR_CONFLICT;
	*ret_n_devices = n_devices;
	return 0;
}

int store_change_reason(struct store_writer *writer, int64_t user_id, int64_t device_id, unsigned reason, unsigned *ret_n_devices)
{
	static const char sql[] = "UPDATE devices SET reason=?1 WHERE user_id=?2 AND state=1 AND reason<>?1 AND (?3=0 OR device_id=?3)";
	int r = db_run(&writer->reader, sql, "iii", (int64_t)reason, user_id, device_id);
	unsigned n_devices = r == 0 ? (unsigned)sqlite3_changes(writer->reader.db) : 0;
	if (r < 0 || n_devices == 0)
		return r < 0 ? r : -SIS_ERR_CONFLICT;
	*ret_n_devices = n_devices;
	return 0;
}

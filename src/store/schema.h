/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The database's tables, one version a row of this list: the statements that bring a database from the version before to this one.
 * A version that was released is never edited; a change is a new row at the end. */
#pragma once

static const char *const SCHEMA[] = {
	/* 1 */
	"CREATE TABLE users(user_id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, state INT NOT NULL, created INT NOT NULL, password TEXT,"
	" quota INT, used INT NOT NULL DEFAULT 0) STRICT;"
	"CREATE TABLE devices(device_id INTEGER PRIMARY KEY, user_id INT NOT NULL REFERENCES users, name TEXT NOT NULL, state INT NOT NULL,"
	" enrolled INT NOT NULL, revoked INT NOT NULL DEFAULT 0, reason INT NOT NULL DEFAULT 0, key_statement TEXT, UNIQUE(user_id, name)) STRICT;"
	"CREATE TABLE certificates(certificate_row INTEGER PRIMARY KEY, fingerprint BLOB NOT NULL UNIQUE, device_id INT NOT NULL REFERENCES devices,"
	" serial BLOB NOT NULL, der BLOB NOT NULL, not_before INT NOT NULL, not_after INT NOT NULL) STRICT;"
	"CREATE INDEX certificates_by_device ON certificates(device_id);"
	"CREATE TABLE invites(invite_id INTEGER PRIMARY KEY, user_id INT NOT NULL REFERENCES users, device TEXT, code_hash BLOB NOT NULL UNIQUE,"
	" created INT NOT NULL, expires INT NOT NULL, used INT NOT NULL DEFAULT 0) STRICT;"
	"CREATE TABLE items(item_row INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, user_id INT NOT NULL REFERENCES users,"
	" device_id INT NOT NULL REFERENCES devices, received INT NOT NULL, statement TEXT NOT NULL, statement_hash BLOB NOT NULL, bytes INT NOT NULL,"
	" object_offset INT NOT NULL, object_size INT NOT NULL, object_root BLOB NOT NULL,"
	" manifest_offset INT NOT NULL, manifest_size INT NOT NULL, manifest_root BLOB NOT NULL,"
	" thumbnail_offset INT NOT NULL, thumbnail_size INT NOT NULL, thumbnail_root BLOB NOT NULL) STRICT;"
	"CREATE TABLE grants(item_row INT NOT NULL REFERENCES items ON DELETE CASCADE, user_id INT NOT NULL REFERENCES users, device TEXT NOT NULL,"
	" text TEXT NOT NULL, PRIMARY KEY(item_row, user_id, device)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE inbox(user_id INT NOT NULL REFERENCES users, sequence INT NOT NULL, item_row INT NOT NULL REFERENCES items ON DELETE CASCADE,"
	" PRIMARY KEY(user_id, sequence)) STRICT, WITHOUT ROWID;"
	"CREATE INDEX inbox_by_item ON inbox(item_row, user_id);"
	"CREATE TABLE uploads(upload_id TEXT PRIMARY KEY, user_id INT NOT NULL REFERENCES users, device_id INT NOT NULL REFERENCES devices,"
	" length INT, created INT NOT NULL, item TEXT) STRICT, WITHOUT ROWID;"
	"CREATE TABLE audit(sequence INTEGER PRIMARY KEY, time INT NOT NULL, event TEXT NOT NULL, role TEXT, user TEXT, device TEXT, item TEXT, peer TEXT,"
	" text TEXT NOT NULL) STRICT;"
	"CREATE TABLE meta(name TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;",
	/* 2: what ends by itself, who may share on, events other than new items, devices that vouch for each other, what foreign uploaders tell */
	"ALTER TABLE items ADD COLUMN expires INT;"
	"CREATE INDEX items_by_expiry ON items(expires) WHERE expires IS NOT NULL;"
	"ALTER TABLE grants ADD COLUMN expires INT;"
	"ALTER TABLE grants ADD COLUMN may_share INT NOT NULL DEFAULT 0;"
	"UPDATE grants SET expires=unixepoch(substr(text, instr(text, char(10)||'expires ')+9, 20)) WHERE instr(text, char(10)||'expires never'||char(10))=0;"
	"UPDATE grants SET may_share=1 WHERE instr(text, char(10)||'rights read,share'||char(10))>0;"
	"CREATE INDEX grants_by_expiry ON grants(expires) WHERE expires IS NOT NULL;"
	"UPDATE items SET expires=(SELECT max(expires) FROM grants g WHERE g.item_row=items.item_row)"
	" WHERE NOT EXISTS (SELECT 1 FROM grants g WHERE g.item_row=items.item_row AND g.expires IS NULL);"
	"CREATE TABLE events(user_id INT NOT NULL REFERENCES users, sequence INT NOT NULL, kind INT NOT NULL, time INT NOT NULL, item BLOB, user TEXT, device TEXT,"
	" what TEXT, PRIMARY KEY(user_id, sequence)) STRICT, WITHOUT ROWID;"
	"CREATE INDEX events_by_time ON events(time);"
	"CREATE TABLE endorsements(device_id INT NOT NULL REFERENCES devices, endorser_id INT NOT NULL REFERENCES devices, text TEXT NOT NULL,"
	" PRIMARY KEY(device_id, endorser_id)) STRICT, WITHOUT ROWID;"
	"ALTER TABLE uploads ADD COLUMN metadata TEXT;"
	"ALTER TABLE uploads ADD COLUMN digest BLOB;",
	/* 3: the audit trail is a chain; audit_chain_begin gives the lines that are there their hashes, in the same transaction */
	"ALTER TABLE audit ADD COLUMN hash BLOB;",
};
#define SCHEMA_AUDIT_CHAIN 3             /* the version from which on there is one */
#define SCHEMA_VERSION ((int)(sizeof(SCHEMA) / sizeof(SCHEMA[0])))

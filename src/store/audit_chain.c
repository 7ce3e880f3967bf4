/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The audit trail as a chain: each line carries SHA-256 over the hash of the line before it and over itself, so nobody edits, removes, inserts or moves
 * a line unseen, nor cuts off the end unseen by who has noted a head (number and hash of the last line; the journal gets it, AUDIT_HEAD). There is no
 * key in it: who writes the whole chain anew is found by a noted head alone. What audit_lifetime removes goes from the beginning; the number and
 * hash of the last line that went are the anchor, from which the rest is verified. Head and anchor are "NUMBER:HEX" in meta. */
#include "store/audit_chain.h"
#include "store/db.h"
#include "store/writer.h"

#include "base/error.h"
#include "base/text.h"
#include "base/util.h"
#include "crypto/hash.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHAIN_CONTEXT "sis/1 audit line"        /* with its NUL */
#define CHAIN_TEXTS 7

static void chain_add_number(struct hash *hash, uint64_t number, int bytes)
{
	uint8_t octets[8];
	for (int i = 0; i < bytes; i++)
		octets[i] = (uint8_t)(number >> (8 * (bytes - 1 - i)));
	hash_add(hash, octets, (size_t)bytes);
}

/* Absent: 0x00. Else 0x01, the length in four bytes, and the text. */
static void chain_add_text(struct hash *hash, const struct span *text)
{
	chain_add_number(hash, text->data != NULL, 1);
	if (text->data == NULL)
		return;
	chain_add_number(hash, text->size, 4);
	hash_add(hash, text->data, text->size);
}

static int chain_reckon(const uint8_t before[DIGEST_BYTES], uint64_t number, int64_t time, const struct span text[CHAIN_TEXTS], uint8_t ret[DIGEST_BYTES])
{
	CLEANUP_HASH struct hash *hash = hash_new(HASH_SHA256);
	if (hash == NULL)
		return -SIS_ERR_NO_MEMORY;
	hash_add(hash, before, DIGEST_BYTES);
	hash_add(hash, CHAIN_CONTEXT, sizeof(CHAIN_CONTEXT));
	chain_add_number(hash, number, 8);
	chain_add_number(hash, (uint64_t)time, 8);
	for (int i = 0; i < CHAIN_TEXTS; i++)
		chain_add_text(hash, &text[i]);
	hash_end(hash, ret);
	return 0;
}

/* ------------------------------------------------ head and anchor ------------------------------------------------ */

int store_audit_head_parse(struct span text, struct store_audit_head *ret_head)
{
	char copy[STORE_AUDIT_HEAD_TEXT + 1];
	struct store_audit_head head;
	if (!span_to_string(text, copy, sizeof(copy)))
		return -SIS_ERR_BAD_FORMAT;
	size_t digits = strspn(copy, "0123456789");
	if (digits == 0 || digits > 18 || copy[digits] != ':' || hex_decode(span_from_string(copy + digits + 1), head.hash, DIGEST_BYTES) < 0)
		return -SIS_ERR_BAD_FORMAT;
	head.number = strtoull(copy, NULL, 10);
	*ret_head = head;
	return 0;
}

void store_audit_head_print(const struct store_audit_head *head, char ret_text[STORE_AUDIT_HEAD_TEXT + 1])
{
	char hex[2 * DIGEST_BYTES + 1];
	hex_encode(head->hash, DIGEST_BYTES, hex);
	snprintf(ret_text, STORE_AUDIT_HEAD_TEXT + 1, "%" PRIu64 ":%s", head->number, hex);
}

static int chain_get(struct store_reader *reader, const char *name, struct store_audit_head *ret_head)
{
	static const char sql[] = "SELECT value FROM meta WHERE name=?";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = db_bind(reader, &row, sql, "t", name);
	if (r < 0 || (r = db_step(row)) < 0)
		return r;
	*ret_head = (struct store_audit_head){ 0 };
	return r == 0 ? 0 : store_audit_head_parse(db_column_span(row, 0), ret_head);
}

static int chain_set(struct store_reader *reader, const char *name, const struct store_audit_head *head)
{
	static const char sql[] = "INSERT INTO meta(name, value) VALUES(?1, ?2) ON CONFLICT(name) DO UPDATE SET value=?2";
	char text[STORE_AUDIT_HEAD_TEXT + 1];
	store_audit_head_print(head, text);
	return db_run(reader, sql, "tt", name, text);
}

int store_get_audit_head(struct store_reader *reader, struct store_audit_head *ret_head)
{
	return chain_get(reader, "audit_head", ret_head);
}

/* ------------------------------------------------ writing ------------------------------------------------ */

static struct span chain_text(const char *text)
{
	return text != NULL && text[0] != '\0' ? span_from_string(text) : (struct span){ 0 };
}

int store_add_audit(struct store_writer *writer, const struct store_audit *audit)
{
	static const char sql[] =
		"INSERT INTO audit(sequence, time, event, role, user, device, item, peer, text, hash) VALUES(?, ?, ?, nullif(?, ''), nullif(?, ''), nullif(?, ''),"
		" nullif(?, ''), nullif(?, ''), ?, ?)";
	const char *text = audit->text != NULL ? audit->text : "";
	const struct span texts[CHAIN_TEXTS] = {
		span_from_string(audit->event), chain_text(audit->role), chain_text(audit->user), chain_text(audit->device), chain_text(audit->item),
		chain_text(audit->peer), span_from_string(text),
	};
	struct store_audit_head head;
	int r = chain_get(&writer->reader, "audit_head", &head);
	if (r == 0)
		r = chain_reckon(head.hash, ++head.number, audit->time, texts, head.hash);
	if (r == 0)
		r = db_run(&writer->reader, sql, "iitttttttb", (int64_t)head.number, audit->time, audit->event, audit->role, audit->user, audit->device,
		           audit->item, audit->peer, text, ((struct span){ head.hash, DIGEST_BYTES }));
	return r < 0 ? r : chain_set(&writer->reader, "audit_head", &head);
}

#define CHAIN_COLUMNS "sequence, time, event, role, user, device, item, peer, text, hash"

static int chain_reckon_row(sqlite3_stmt *row, const uint8_t before[DIGEST_BYTES], uint8_t ret[DIGEST_BYTES])
{
	struct span texts[CHAIN_TEXTS];
	for (int i = 0; i < CHAIN_TEXTS; i++)
		texts[i] = sqlite3_column_type(row, 2 + i) == SQLITE_NULL ? (struct span){ 0 }
		           : sqlite3_column_bytes(row, 2 + i) == 0 ? span_from_string("") : db_column_span(row, 2 + i);
	return chain_reckon(before, (uint64_t)sqlite3_column_int64(row, 0), sqlite3_column_int64(row, 1), texts, ret);
}

int audit_chain_begin(struct store_reader *reader)
{
	static const char sql[] = "SELECT " CHAIN_COLUMNS " FROM audit ORDER BY sequence";
	static const char set[] = "UPDATE audit SET hash=? WHERE sequence=?";
	struct store_audit_head head = { 0 };
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = db_bind(reader, &row, sql, "");
	while (r == 0 && (r = db_step(row)) > 0) {
		head.number = (uint64_t)sqlite3_column_int64(row, 0);
		r = chain_reckon_row(row, head.hash, head.hash);
		if (r == 0)
			r = db_run(reader, set, "bi", ((struct span){ head.hash, DIGEST_BYTES }), (int64_t)head.number);
	}
	return r < 0 ? r : chain_set(reader, "audit_head", &head);
}

int store_trim_audit(struct store_writer *writer, int64_t before, unsigned limit, unsigned *ret_n)
{
	static const char find[] = "SELECT sequence, hash FROM audit WHERE sequence<coalesce((SELECT sequence FROM audit WHERE time>=?1 ORDER BY sequence LIMIT 1), " DB_NEVER ")"
	                           " AND sequence<=?2 ORDER BY sequence DESC LIMIT 1";
	static const char sql[] = "DELETE FROM audit WHERE sequence<=?";
	struct store_audit_head anchor;
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = chain_get(&writer->reader, "audit_anchor", &anchor);
	*ret_n = 0;
	uint64_t first = anchor.number;
	if (r == 0)
		r = db_bind(&writer->reader, &row, find, "ii", before, (int64_t)(anchor.number + limit));
	if (r < 0 || (r = db_step(row)) <= 0)
		return r;
	anchor.number = (uint64_t)sqlite3_column_int64(row, 0);
	r = db_column_fixed(row, 1, anchor.hash, DIGEST_BYTES);
	db_resetp(&row);
	if (r == 0)
		r = db_run(&writer->reader, sql, "i", (int64_t)anchor.number);
	if (r == 0)
		r = chain_set(&writer->reader, "audit_anchor", &anchor);
	if (r == 0)
		*ret_n = (unsigned)(anchor.number - first);
	return r;
}

int store_audit_head_is_missing(struct store_reader *reader, bool *ret_missing)
{
	struct store_audit_head head = { 0 };
	uint64_t last = 0;
	int r = chain_get(reader, "audit_head", &head);
	int counted = store_last_audit(reader, &last);
	if (counted < 0 || (r < 0 && r != -SIS_ERR_BAD_FORMAT))
		return counted < 0 ? counted : r;
	*ret_missing = r == -SIS_ERR_BAD_FORMAT || (head.number == 0 && last > 0);
	return 0;
}

int store_mend_audit_head(struct store_writer *writer)
{
	static const char sql[] = "SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1";
	struct store_audit_head head;
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = audit_chain_get_anchor(&writer->reader, &head);         /* when there are no lines */
	if (r == 0)
		r = db_bind(&writer->reader, &row, sql, "");
	if (r < 0 || (r = db_step(row)) < 0)
		return r;
	if (r > 0) {
		head.number = (uint64_t)sqlite3_column_int64(row, 0);
		r = db_column_fixed(row, 1, head.hash, DIGEST_BYTES);
	}
	db_resetp(&row);
	return r < 0 ? r : chain_set(&writer->reader, "audit_head", &head);
}

/* ------------------------------------------------ verifying: see audit_verify.c ------------------------------------------------ */

int audit_chain_get_anchor(struct store_reader *reader, struct store_audit_head *ret_anchor)
{
	return chain_get(reader, "audit_anchor", ret_anchor);
}

int audit_chain_walk(struct store_reader *reader, const struct store_audit_head *anchor, int (*fn)(const struct audit_link *link, void *arg), void *arg)
{
	static const char sql[] = "SELECT " CHAIN_COLUMNS " FROM audit ORDER BY sequence";
	struct audit_link link = { .before = *anchor, .stored = *anchor };
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = db_bind(reader, &row, sql, "");
	while (r == 0 && (r = db_step(row)) > 0) {
		link.before = link.stored;
		link.stored.number = (uint64_t)sqlite3_column_int64(row, 0);
		link.has_hash = db_column_fixed(row, 9, link.stored.hash, DIGEST_BYTES) == 0;
		r = chain_reckon_row(row, link.before.hash, link.reckoned);
		if (r == 0)
			r = fn(&link, arg);
	}
	return r;
}

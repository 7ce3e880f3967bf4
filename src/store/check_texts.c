/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * `sisctl check --full`: the signed texts. The statement is its owner's, of this item and of these parts, and stands in the object as in the database; each
 * grant belongs to it, is for the device that the row names, and is signed by whom it names. */
#include "store/check.h"

#include "base/error.h"
#include "base/util.h"
#include "format/item.h"

#include <stdlib.h>
#include <string.h>

struct texts {
	struct check *check;
	const struct check_row *row;
	const struct store_problem *about;
	char id[ITEM_ID_TEXT + 1];
	struct statement statement;
	uint8_t hash[DIGEST_BYTES];             /* of its text */
	bool no_signer;                         /* its certificate is lost */
};

/* ------------------------------------------------ the statement ------------------------------------------------ */

static bool texts_parts_match(const struct texts *texts)
{
	for (int i = 0; i < 3; i++) {
		if (texts->statement.part[i].size != texts->row->part[i].size ||
		    (texts->row->part[i].size > 0 && memcmp(texts->statement.part[i].root, texts->row->part[i].root, DIGEST_BYTES) != 0))
			return false;
	}
	return true;
}

static const char *texts_signature_fault(struct texts *texts, struct span text, int64_t device_id)
{
	static const char sql[] = "SELECT device_id FROM certificates JOIN devices USING(device_id) WHERE fingerprint=?";
	struct public_key key;
	DB_STATEMENT sqlite3_stmt *row = NULL;
	texts->no_signer = db_bind(texts->check->reader, &row, sql, "b", ((struct span){ texts->statement.device, DIGEST_BYTES })) < 0 || db_step(row) <= 0;
	if (texts->no_signer)
		return "was signed with a certificate, or by a device, that the database does not have";
	if (sqlite3_column_int64(row, 0) != device_id)
		return "was signed by another device than the one it came from";
	if (texts->check->options->find_key(texts->check->reader, texts->statement.device, &key) < 0)
		return "was signed with a certificate that cannot be read";
	return statement_verify(text, &texts->statement, &key) < 0 ? "has a signature that does not hold" : NULL;
}

/* NULL: none. */
static const char *texts_statement_fault(struct texts *texts, sqlite3_stmt *row)
{
	struct span text = db_column_span(row, 0);
	uint8_t hash[DIGEST_BYTES];
	const char *why = NULL;
	digest_sha256(text.data, text.size, texts->hash);
	if (db_column_fixed(row, 1, hash, DIGEST_BYTES) < 0 || memcmp(hash, texts->hash, DIGEST_BYTES) != 0)
		return "is not the one that was uploaded: its digest is another";
	if (statement_parse(text, &texts->statement, &why) < 0)
		return "cannot be read";
	if (memcmp(texts->statement.item, texts->row->id, ITEM_ID_BYTES) != 0)
		return "is of another item";
	if (!span_equals(db_column_span(row, 2), texts->statement.owner))
		return "names another owner";
	if (!texts_parts_match(texts))
		return "is of other contents than the database says";
	return texts_signature_fault(texts, text, sqlite3_column_int64(row, 3));
}

/* The statement's copy in the object, which readers who fetch the whole bundle get. */
bool check_bundle_begins(int fd, uint64_t bytes, const uint8_t statement_hash[DIGEST_BYTES])
{
	uint8_t start[BUNDLE_HEAD_MAX_BYTES], hash[DIGEST_BYTES];
	struct bundle_head head;
	size_t size = bytes < sizeof(start) ? (size_t)bytes : sizeof(start);
	if (fd_pread_all(fd, start, size, 0) < 0 || bundle_head_parse((struct span){ start, size }, &head, NULL) < 0 ||
	    head.statement_size > STATEMENT_MAX_BYTES || bundle_size(&head) != bytes)
		return false;
	CLEANUP_FREE uint8_t *text = malloc(STATEMENT_MAX_BYTES);
	if (text == NULL || fd_pread_all(fd, text, head.statement_size, head.head_size) < 0)
		return false;
	digest_sha256(text, head.statement_size, hash);
	return memcmp(hash, statement_hash, DIGEST_BYTES) == 0;
}

/* ------------------------------------------------ grants ------------------------------------------------ */

static const char *texts_grant_fault(const struct texts *texts, sqlite3_stmt *row)
{
	struct span text = db_column_span(row, 0);
	struct public_key key;
	struct grant grant;
	if (grant_parse(text, &grant, NULL) < 0)
		return "cannot be read";
	if (grant_belongs(&grant, &texts->statement, texts->hash) < 0)
		return "is of another item";
	if (!span_equals(db_column_span(row, 1), grant.recipient) || !span_equals(db_column_span(row, 2), grant.device))
		return "is for another device";
	if (sqlite3_column_int64(row, 3) != grant.expires || (sqlite3_column_int(row, 4) != 0) != grant.may_share)
		return "has another end, or other rights, than the database says";
	if (texts->check->options->find_key(texts->check->reader, grant.granter_device, &key) < 0)
		return "was signed with a certificate that the database does not have";
	return grant_verify(text, &grant, &key) < 0 ? "has a signature that does not hold" : NULL;
}

static int texts_check_grants(const struct texts *texts)
{
	static const char sql[] = "SELECT g.text, u.name, g.device, coalesce(g.expires, 0), g.may_share FROM grants g JOIN users u USING(user_id) WHERE g.item_row=?";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = db_bind(texts->check->reader, &row, sql, "i", texts->row->item_row);
	while (r == 0 && !check_ends(texts->check) && (r = db_step(row)) > 0) {
		const char *fault = texts_grant_fault(texts, row);
		char user[NAME_MAX_TEXT + 1], device[NAME_MAX_TEXT + 1];
		r = 0;
		if (fault == NULL)
			continue;
		db_column_name(row, 1, user);
		db_column_name(row, 2, device);
		check_tell(texts->check, PROBLEM_GRANT, texts->about, "item %s: the grant for %s/%s %s", texts->id, user, device, fault);
	}
	return r;
}

/* ------------------------------------------------ all of them ------------------------------------------------ */

void check_texts(struct check *check, const struct check_row *item, const struct store_problem *about, int fd)
{
	static const char sql[] = "SELECT i.statement, i.statement_hash, u.name, i.device_id FROM items i JOIN users u USING(user_id) WHERE i.item_row=?";
	CLEANUP_FREE struct texts *texts = calloc(1, sizeof(*texts));
	DB_STATEMENT sqlite3_stmt *row = NULL;
	if (texts == NULL || check->options->find_key == NULL)
		return;
	*texts = (struct texts){ .check = check, .row = item, .about = about };
	item_id_encode(item->id, texts->id);
	int r = db_bind(check->reader, &row, sql, "i", item->item_row);
	if (r < 0 || (r = db_step(row)) <= 0) {
		(void)check_failed(check, r, "a statement");    /* gone meanwhile */
		return;
	}
	const char *fault = texts_statement_fault(texts, row);
	if (fault != NULL)
		check_tell(check, texts->no_signer ? PROBLEM_SIGNER : PROBLEM_STATEMENT, about, "item %s: its statement %s", texts->id, fault);
	else if (!check_bundle_begins(fd, item->bytes, texts->hash))
		check_tell(check, PROBLEM_OBJECT_DAMAGED, about, "item %s: the head of its object was altered on the disk", texts->id);
	else
		(void)check_failed(check, texts_check_grants(texts), "a grant");
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Whether an upload may begin or go on. */
#include "ledger/uploads.h"

#include "base/error.h"
#include "crypto/hash.h"

static uint64_t uploads_reserved(const struct upload *upload)
{
	if (upload->finished != 0)
		return 0;
	if (upload->row.length != STORE_LENGTH_UNKNOWN)
		return upload->row.length;
	/* While somebody writes it, nobody knows how far: as far as any item may go. */
	return upload->writer != 0 && upload->written < ledger.conf.max_item_bytes ? ledger.conf.max_item_bytes : upload->written;
}

uint64_t uploads_reserved_by(int64_t user_id)
{
	uint64_t reserved = 0;
	UPLOADS_EACH(upload) {
		if (upload->row.user_id == user_id)
			reserved += uploads_reserved(upload);
	}
	return reserved;
}

/* Whether an upload may begin (self NULL) or go on, beside the user's others. */
int uploads_check_limits(const struct store_caller *caller, const struct upload *self, uint64_t length, const char **ret_detail)
{
	if (length != STORE_LENGTH_UNKNOWN && length > ledger.conf.max_item_bytes)
		return -SIS_ERR_TOO_LARGE;
	/* What is left is for deleting and revoking. */
	uint64_t free_bytes;
	if (transact_is_short_of_room(&free_bytes)) {
		*ret_detail = "The server's disk is nearly full: its administrator has to make room.";
		return -SIS_ERR_NO_SPACE;
	}
	unsigned n_unfinished = 0;
	uint64_t reserved = 0;
	UPLOADS_EACH(upload) {
		if (upload->row.user_id == caller->user_id && upload->finished == 0 && upload != self) {
			n_unfinished++;
			reserved += uploads_reserved(upload);
		}
	}
	if (n_unfinished >= ledger.conf.uploads_per_user) {
		limits_hit(LIMIT_UPLOADS_PER_USER);
		*ret_detail = "there are too many unfinished uploads: finish or cancel some";
		return -SIS_ERR_TOO_MANY;
	}
	if (self == NULL && !limits_take_upload(caller->user_id)) {
		*ret_detail = "too many uploads were begun in a short time: go on more slowly";
		return -SIS_ERR_TOO_MANY;
	}
	uint64_t used, quota;
	int r = store_get_quota(ledger.view, caller->user_id, ledger.conf.quota_bytes, &used, &quota);
	if (r < 0)
		return r;
	uint64_t wanted = length != STORE_LENGTH_UNKNOWN ? length : 0;
	return quota != 0 && (used > quota || reserved > quota - used || wanted > quota - used - reserved) ? -SIS_ERR_QUOTA : 0;
}

/* The worker's words, which go to the database and from there into answers of other workers. */
int uploads_check_facts(const struct message_upload_create *message)
{
	if (message->metadata.size > STORE_METADATA_TEXT || message->digest.size > STORE_UPLOAD_DIGEST_MAX)
		return -SIS_ERR_TOO_LARGE;
	for (size_t i = 0; i < message->metadata.size; i++)
		if (message->metadata.data[i] < 0x20 || message->metadata.data[i] > 0x7e)
			return -SIS_ERR_BAD_FORMAT;
	return message->digest.size == 0 || message->digest.size == hash_bytes(HASH_SHA256) || message->digest.size == hash_bytes(HASH_SHA512) ?
		0 : -SIS_ERR_BAD_FORMAT;
}

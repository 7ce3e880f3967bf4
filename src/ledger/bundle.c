/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Is the uploaded file what it says it is? Runs in a pool thread. The head, the statement and the grants are read into memory once and only that copy
 * is believed; the parts' roots are reckoned over the file itself, which nobody can write to any more (store_close_incoming). */
#include "ledger/ledger.h"

#include "base/error.h"
#include "base/util.h"
#include "crypto/hash.h"
#include "format/item.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int bundle_fail(struct bundle *bundle, int error, const char *why)
{
	snprintf(bundle->detail, sizeof(bundle->detail), "%s", why != NULL ? why : "");
	return error;
}

static int bundle_read_head(struct bundle *bundle, int fd, struct bundle_head *ret_head)
{
	uint8_t start[BUNDLE_HEAD_MAX_BYTES];
	const char *why = NULL;
	struct stat stat;
	if (fstat(fd, &stat) < 0)
		return -SIS_ERR_IO;
	if ((uint64_t)stat.st_size != bundle->length)
		return bundle_fail(bundle, -SIS_ERR_MISMATCH, "the upload is not as long as was said");
	size_t size = bundle->length < sizeof(start) ? (size_t)bundle->length : sizeof(start);
	int r = fd_pread_all(fd, start, size, 0);
	if (r == 0)
		r = bundle_head_parse((struct span){ start, size }, ret_head, &why);
	if (r == -SIS_ERR_AGAIN)
		return bundle_fail(bundle, -SIS_ERR_BAD_FORMAT, "the bundle ends within its head");
	if (r < 0)
		return bundle_fail(bundle, r, why);
	if (bundle_size(ret_head) != bundle->length)
		return bundle_fail(bundle, -SIS_ERR_BAD_FORMAT, "the bundle is not as long as its head says");
	if (ret_head->statement_size > STATEMENT_MAX_BYTES || ret_head->n_grants > GRANTS_MAX ||
	    ret_head->grants_size > (uint64_t)GRANTS_MAX * GRANT_MAX_BYTES)
		return bundle_fail(bundle, -SIS_ERR_TOO_LARGE, "the statement or the grants are too large");
	return 0;
}

/* The one copy of the texts that is believed. */
static int bundle_read_texts(struct bundle *bundle, int fd, const struct bundle_head *head, struct span *ret_grants)
{
	size_t statement_size = (size_t)head->statement_size, grants_size = (size_t)head->grants_size;
	bundle->text = malloc(statement_size + grants_size + 1);
	bundle->statement = malloc(sizeof(*bundle->statement));
	bundle->grants = calloc(head->n_grants > 0 ? head->n_grants : 1, sizeof(*bundle->grants));
	if (bundle->text == NULL || bundle->statement == NULL || bundle->grants == NULL)
		return -SIS_ERR_NO_MEMORY;
	int r = fd_pread_all(fd, bundle->text, statement_size + grants_size, head->head_size);
	if (r < 0)
		return r;
	bundle->item.statement = (struct span){ bundle->text, statement_size };
	*ret_grants = (struct span){ bundle->text + statement_size, grants_size };
	return 0;
}

static int bundle_check_statement(struct bundle *bundle, const struct bundle_head *head)
{
	struct statement *statement = bundle->statement;
	struct public_key key;
	const char *why = NULL;
	int r = statement_parse(bundle->item.statement, statement, &why);
	if (r < 0)
		return bundle_fail(bundle, r, why);
	if (strcmp(statement->owner, bundle->caller.user) != 0)
		return bundle_fail(bundle, -SIS_ERR_MISMATCH, "the statement names another owner than the user who sends it");
	r = signers_find(&bundle->signers, statement->device, &key);
	if (r == -SIS_ERR_MISMATCH)
		return bundle_fail(bundle, r, "the statement names another device than the one that sends it");
	if (r == 0)
		r = statement_verify(bundle->item.statement, statement, &key);
	if (r < 0)
		return bundle_fail(bundle, r, "the statement's signature does not hold");
	r = bundle_head_matches(head, statement);
	return r < 0 ? bundle_fail(bundle, r, "the bundle's head and the statement give the parts different sizes") : 0;
}

struct bundle_grants { struct bundle *bundle; unsigned n; };

/* That the grant is the sender's own word is for its recipient to verify, who knows the sender by pins: a signature checked here would protect nobody,
 * and a bundle may hold a thousand. */
static int bundle_check_grant(struct span text, void *arg)
{
	struct bundle_grants *grants = arg;
	struct bundle *bundle = grants->bundle;
	struct grant grant;
	const char *why = NULL;
	int r = grant_parse(text, &grant, &why);
	if (r < 0)
		return bundle_fail(bundle, r, why);
	if (grant_belongs(&grant, bundle->statement, bundle->item.statement_hash) < 0 || !statement_has_audience(bundle->statement, grant.recipient))
		return bundle_fail(bundle, -SIS_ERR_BAD_GRANT, "a grant does not belong to the item or its audience");
	if (strcmp(grant.granter, bundle->caller.user) != 0 || memcmp(grant.granter_device, bundle->statement->device, DIGEST_BYTES) != 0)
		return bundle_fail(bundle, -SIS_ERR_BAD_GRANT, "a grant is made by another user or device than the one that sends it");
	struct store_new_grant *to = &bundle->grants[grants->n++];
	memcpy(to->recipient, grant.recipient, sizeof(to->recipient));
	memcpy(to->device, grant.device, sizeof(to->device));
	to->text = text;
	to->expires = grant.expires;
	to->may_share = grant.may_share;
	return 0;
}

/* So that bundle_check_grant never writes beyond the room that the head announced. */
static int bundle_count_grant(struct span text, void *arg)
{
	return 0;
}

static int bundle_check_grants(struct bundle *bundle, const struct bundle_head *head, struct span text)
{
	struct bundle_grants grants = { bundle, 0 };
	unsigned n = 0;
	int r = grants_for_each(text, bundle_count_grant, NULL, &n);
	if (r < 0 || n != head->n_grants)
		return bundle_fail(bundle, -SIS_ERR_BAD_FORMAT, "the grants are not as many as the bundle's head says");
	r = grants_for_each(text, bundle_check_grant, &grants, &n);
	bundle->item.grant = bundle->grants;
	bundle->item.n_grants = grants.n;
	return r;
}

static int bundle_check_parts(struct bundle *bundle, const struct bundle_head *head, int fd)
{
	for (int part = SEAL_OBJECT; part <= SEAL_THUMBNAIL; part++) {
		struct store_part *to = &bundle->item.part[part];
		*to = (struct store_part){ .offset = bundle_part_offset(head, (enum seal_part)part), .size = head->part_size[part] };
		memcpy(to->root, bundle->statement->part[part].root, DIGEST_BYTES);
		if (to->size == 0)
			continue;
		uint8_t root[DIGEST_BYTES];
		int r = (bundle->one_thread ? store_part_root : roots_of_part)(fd, to->offset, to->size, root);
		if (r < 0)
			return r;
		if (memcmp(root, to->root, DIGEST_BYTES) != 0)
			return bundle_fail(bundle, -SIS_ERR_BAD_ROOT, "the data does not match the statement: it was damaged on its way, send it again");
	}
	return 0;
}

static void bundle_fill_item(struct bundle *bundle)
{
	struct store_new_item *item = &bundle->item;
	memcpy(item->id, bundle->statement->item, ITEM_ID_BYTES);
	item->user_id = bundle->caller.user_id;
	item->device_id = bundle->caller.device_id;
	item->bytes = bundle->length;
	item->n_audience = bundle->statement->n_audience;
	item->audience = bundle->statement->audience;
}

int bundle_verify(struct bundle *bundle, int fd)
{
	struct bundle_head head;
	struct span grants;
	int r = bundle_read_head(bundle, fd, &head);
	if (r == 0)
		r = bundle_read_texts(bundle, fd, &head, &grants);
	if (r < 0)
		return r;
	digest_sha256(bundle->item.statement.data, bundle->item.statement.size, bundle->item.statement_hash);
	r = bundle_check_statement(bundle, &head);
	if (r == 0)
		r = bundle_check_grants(bundle, &head, grants);
	if (r == 0)
		r = bundle_check_parts(bundle, &head, fd);
	if (r == 0)
		bundle_fill_item(bundle);
	return r;
}

int bundle_verify_digest(struct bundle *bundle, int fd, const uint8_t *wanted, size_t size)
{
	enum { PIECE = 256 * 1024 };
	uint64_t left = bundle->length;
	CLEANUP_HASH struct hash *hash = hash_new(size == hash_bytes(HASH_SHA512) ? HASH_SHA512 : HASH_SHA256);
	CLEANUP_FREE uint8_t *piece = malloc(PIECE);
	uint8_t digest[HASH_BYTES_MAX];
	int r = hash == NULL || piece == NULL ? -SIS_ERR_NO_MEMORY : 0;
	while (r == 0 && left > 0) {
		size_t n = left < PIECE ? (size_t)left : PIECE;
		r = fd_pread_all(fd, piece, n, bundle->length - left);
		if (r == 0)
			hash_add(hash, piece, n);
		left -= n;
	}
	if (r < 0)
		return r;
	hash_end(hash, digest);
	if (memcmp(digest, wanted, size) == 0)
		return 0;
	return bundle_fail(bundle, -SIS_ERR_MISMATCH, "the upload as a whole does not match the Repr-Digest that was given for it");
}

void bundle_release(struct bundle *bundle)
{
	free(bundle->text);
	free(bundle->statement);
	free(bundle->grants);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The decision to accept an item, in the one order that sis-item(5) gives. */
#include "format/reader.h"

#include "base/error.h"

#include <string.h>

static int refuse(int error, const char **ret_why, const char *why)
{
	if (ret_why)
		*ret_why = why;
	return error;
}

void item_opened_wipe(struct item_opened *opened)
{
	secret_wipe(opened, sizeof(*opened));
}

static bool signer_is(const struct item_signer *signer, const char *user, const uint8_t fingerprint[DIGEST_BYTES])
{
	return !strcmp(signer->user, user) && !memcmp(signer->fingerprint, fingerprint, DIGEST_BYTES);
}

int item_check_statement(struct span text, const struct item_signer *owner, struct statement *ret_statement, const char **ret_why)
{
	struct statement statement;
	int r = statement_parse(text, &statement, ret_why);

	if (r < 0)
		return r;
	if (!signer_is(owner, statement.owner, statement.device))
		return refuse(-SIS_ERR_MISMATCH, ret_why, "the statement's owner or device is not the certificate's");
	r = statement_verify(text, &statement, &owner->key);
	if (r < 0)
		return refuse(r, ret_why, "the statement's signature does not hold");
	*ret_statement = statement;
	return 0;
}

static int check_grant(const struct item_check *check, struct item_opened *opened, const char **ret_why)
{
	const struct grant *grant = &opened->grant;
	int r;

	if (!signer_is(check->granter, grant->granter, grant->granter_device))
		return refuse(-SIS_ERR_MISMATCH, ret_why, "the grant's granter or device is not the certificate's");
	r = grant_verify(check->grant_text, grant, &check->granter->key);
	if (r < 0)
		return refuse(r, ret_why, "the grant's signature does not hold");
	r = grant_belongs(grant, &opened->statement, opened->statement_hash);
	if (r < 0)
		return refuse(r, ret_why, "the grant is for another item");
	if (strcmp(grant->recipient, check->user) || strcmp(grant->device, check->device))
		return refuse(-SIS_ERR_BAD_GRANT, ret_why, "the grant is for another user or device");
	if (grant->expires && check->now >= grant->expires)
		return refuse(-SIS_ERR_EXPIRED, ret_why, "the time for which it was shared is over: ask whoever shared it to share it again");
	return 0;
}

static int open_keys(const struct item_check *check, struct item_opened *opened, const char **ret_why)
{
	int r = grant_unwrap(check->grant_text, &opened->grant, check->private_key, &opened->file_key);

	if (r < 0)
		return refuse(r, ret_why, "the grant does not open with this device's key");
	seal_derive_keys(&opened->file_key, opened->statement.item, &opened->keys);
	/* Without this, one item could open to different pictures for different people (invisible salamanders). */
	if (constant_time_compare(opened->keys.commitment, opened->statement.commitment, sizeof(opened->keys.commitment)))
		return refuse(-SIS_ERR_BAD_COMMITMENT, ret_why, "the grant's key is not the one that the statement commits to");
	return 0;
}

int item_check(const struct item_check *check, struct item_opened *ret_opened, const char **ret_why)
{
	__attribute__((cleanup(item_opened_wipe))) struct item_opened opened;
	int r = item_check_statement(check->statement_text, check->owner, &opened.statement, ret_why);

	if (r == 0)
		r = grant_parse(check->grant_text, &opened.grant, ret_why);
	if (r < 0)
		return r;
	digest_sha256(check->statement_text.data, check->statement_text.size, opened.statement_hash);
	r = check_grant(check, &opened, ret_why);
	if (r == 0)
		r = open_keys(check, &opened, ret_why);
	if (r == 0)
		*ret_opened = opened;
	return r;
}

struct grant_search {
	const char *user, *device;
	const char **ret_why;
	struct span found;
};

static int match_grant(struct span grant_text, void *arg)
{
	struct grant_search *search = arg;
	struct grant grant;
	int r = grant_parse(grant_text, &grant, search->ret_why);

	if (r == 0 && !search->found.size && !strcmp(grant.recipient, search->user) && !strcmp(grant.device, search->device))
		search->found = grant_text;
	return r;
}

int grants_find(struct span text, unsigned n_grants, const char *user, const char *device, struct span *ret_grant_text, const char **ret_why)
{
	struct grant_search search = { .user = user, .device = device, .ret_why = ret_why };
	unsigned n_found = 0;
	int r = grants_for_each(text, match_grant, &search, &n_found);

	if (r < 0)
		return r;
	if (n_found != n_grants)
		return refuse(-SIS_ERR_BAD_FORMAT, ret_why, "the bundle's head names another number of grants");
	if (!search.found.size)
		return refuse(-SIS_ERR_BAD_GRANT, ret_why, "none of the item's grants is for this device");
	*ret_grant_text = search.found;
	return 0;
}

int item_check_sizes(const struct statement *statement, const struct manifest *manifest)
{
	const uint64_t sealed_size = seal_sealed_size(seal_padded_size(manifest->size));

	return statement->part[SEAL_OBJECT].size == sealed_size ? 0 : -SIS_ERR_MISMATCH;
}

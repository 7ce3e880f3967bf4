/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Are these grants what their sender may send at all: for this item, for this user, now, and in the word of the device that sends them? The worker
 * that passes them on is not believed. */
#include "ledger/ledger.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

int signers_find(const struct signers *signers, const uint8_t fingerprint[STORE_FINGERPRINT_BYTES], struct public_key *ret_key)
{
	for (unsigned i = 0; i < signers->n; i++) {
		if (memcmp(signers->one[i].fingerprint, fingerprint, STORE_FINGERPRINT_BYTES) == 0) {
			*ret_key = signers->one[i].key;
			return 0;
		}
	}
	return -SIS_ERR_MISMATCH;
}

static int share_refuse(struct share_check *check, int error, const char *why)
{
	check->why = why;
	return error;
}

static bool share_has_device(const struct share_check *check, const char *device)
{
	for (unsigned i = 0; i < check->n; i++) {
		if (strcmp(check->grant[i].device, device) == 0)
			return true;
	}
	return false;
}

static int share_check_facts(struct share_check *check, const struct grant *grant)
{
	if (grant_belongs(grant, check->statement, check->statement_hash) < 0)
		return share_refuse(check, -SIS_ERR_BAD_GRANT, "a grant does not belong to the item, or gives more than its granter can");
	if (strcmp(grant->recipient, check->recipient) != 0)
		return share_refuse(check, -SIS_ERR_BAD_GRANT, "a grant is for another user than the one of the request");
	if (strcmp(grant->granter, check->granter) != 0)
		return share_refuse(check, -SIS_ERR_BAD_GRANT, "a grant is made by another user than the one that sends it");
	/* A grant that was taken back is not to come again years later by whoever kept it (SECURITY.md: a compromised worker). */
	if (llabs(grant->time - check->now) > SHARE_CLOCK_SECONDS)
		return share_refuse(check, -SIS_ERR_BAD_GRANT, "a grant was not made just now: is the clock of the device that made it right?");
	if (share_has_device(check, grant->device))
		return share_refuse(check, -SIS_ERR_BAD_GRANT, "two grants are for the same device");
	return 0;
}

static int share_check_one(struct span text, void *arg)
{
	struct share_check *check = arg;
	struct grant grant;
	struct public_key key;
	if (check->n == SHARE_GRANTS_MAX)
		return share_refuse(check, -SIS_ERR_TOO_LARGE, "more than 64 grants at once");
	int r = grant_parse(text, &grant, &check->why);
	if (r == 0)
		r = share_check_facts(check, &grant);
	if (r < 0)
		return r;
	if (signers_find(check->signers, grant.granter_device, &key) < 0)
		return share_refuse(check, -SIS_ERR_BAD_GRANT, "a grant is made by another device than the one that sends it");
	if (grant_verify(text, &grant, &key) < 0)
		return share_refuse(check, -SIS_ERR_BAD_SIGNATURE, "the signature of a grant does not hold");
	struct store_new_grant *to = &check->grant[check->n++];
	*to = (struct store_new_grant){ .text = text, .expires = grant.expires, .may_share = grant.may_share };
	memcpy(to->recipient, grant.recipient, sizeof(to->recipient));
	memcpy(to->device, grant.device, sizeof(to->device));
	return 0;
}

int share_check(struct share_check *check, struct span text)
{
	unsigned n = 0;
	check->n = 0;
	check->why = NULL;
	int r = grants_for_each(text, share_check_one, check, &n);
	if (r == 0 && check->n == 0)
		return share_refuse(check, -SIS_ERR_BAD_FORMAT, "there is no grant");
	if (r < 0 && check->why == NULL)
		check->why = "these are not grants";
	return r;
}

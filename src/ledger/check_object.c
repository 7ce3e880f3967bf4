/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Is an object that no row names the upload of somebody who is still known? It is verified as strictly as at its upload, and what is taken of its grants are those
 * for its owner's own live devices: others may have been taken back since. */
#include "ledger/check.h"

#include "base/error.h"
#include "base/util.h"
#include "format/item.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int object_fail(char ret_why[STORE_WHY_TEXT], int error, const char *why)
{
	snprintf(ret_why, STORE_WHY_TEXT, "%s", why);
	return error;
}

/* Who signed, as the database knows him: the signature is verified with that certificate and no other. */
static int object_find_owner(struct store_reader *reader, int fd, struct bundle *bundle, char ret_why[STORE_WHY_TEXT])
{
	struct store_object_owner owner;
	enum store_state state;
	int r = store_read_object_owner(fd, &owner);
	if (r < 0)
		return object_fail(ret_why, r, "its beginning is damaged");
	memcpy(bundle->signers.one[0].fingerprint, owner.fingerprint, STORE_FINGERPRINT_BYTES);
	bundle->signers.n = 1;
	r = store_find_signer(reader, owner.fingerprint, &bundle->caller, &state);
	if (r == 0)
		r = store_find_certificate(reader, owner.fingerprint, callers_read_key, &bundle->signers.one[0].key);
	if (r < 0)
		return object_fail(ret_why, r, "the database does not have the certificate that it is signed with");
	if (strcmp(bundle->caller.user, owner.user) != 0)
		return object_fail(ret_why, -SIS_ERR_MISMATCH, "it is signed by a device of somebody else than the owner that it names");
	return state == STORE_REVOKED ? object_fail(ret_why, -SIS_ERR_REVOKED, "its owner was revoked") : 0;
}

static int object_verify(int fd, const uint8_t id[ITEM_ID_BYTES], struct bundle *bundle, char ret_why[STORE_WHY_TEXT])
{
	struct stat stat;
	int64_t now = time_now();
	if (fstat(fd, &stat) < 0)
		return -SIS_ERR_IO;
	bundle->length = (uint64_t)stat.st_size;
	bundle->one_thread = true;
	int r = bundle_verify(bundle, fd);
	if (r == -SIS_ERR_BAD_ROOT)
		return object_fail(ret_why, r, "its bytes are not those that its owner signed");
	if (r < 0)
		return object_fail(ret_why, r, bundle->detail[0] != '\0' ? bundle->detail : error_text(r));
	if (memcmp(bundle->item.id, id, ITEM_ID_BYTES) != 0)
		return object_fail(ret_why, -SIS_ERR_MISMATCH, "it is the object of another item, under a wrong name");
	bundle->item.received = stat.st_mtime < now ? stat.st_mtime : now;
	return 0;
}

static bool object_is_own(struct store_reader *reader, const struct bundle *bundle, const struct store_new_grant *grant)
{
	return strcmp(grant->recipient, bundle->caller.user) == 0 && (grant->expires == 0 || grant->expires > time_now()) &&
	       store_has_live_device(reader, bundle->caller.user_id, grant->device);
}

static void object_keep_own_grants(struct store_reader *reader, struct bundle *bundle)
{
	unsigned n = 0;
	for (unsigned i = 0; i < bundle->item.n_grants; i++) {
		if (object_is_own(reader, bundle, &bundle->grants[i]))
			bundle->grants[n++] = bundle->grants[i];
	}
	bundle->item.n_grants = n;
}

int check_verify_object(struct store_reader *reader, const struct store_problem *problem, int fd, struct bundle *bundle, char ret_why[STORE_WHY_TEXT])
{
	int r = object_find_owner(reader, fd, bundle, ret_why);
	if (r == 0)
		r = object_verify(fd, problem->item, bundle, ret_why);
	if (r < 0)
		return r;
	object_keep_own_grants(reader, bundle);
	return bundle->item.n_grants > 0 ? 0 : object_fail(ret_why, 1, "none of its owner's devices that are left was given it");
}

int check_read_object(struct store_reader *reader, int fd, struct store_problem *about, char ret_why[STORE_WHY_TEXT])
{
	struct bundle *bundle = calloc(1, sizeof(*bundle));
	if (bundle == NULL)
		return object_fail(ret_why, -SIS_ERR_NO_MEMORY, error_text(SIS_ERR_NO_MEMORY));
	int r = check_verify_object(reader, about, fd, bundle, ret_why);
	about->received = bundle->item.received;
	memcpy(about->statement_hash, bundle->item.statement_hash, DIGEST_BYTES);
	for (unsigned i = 0, n = 0; r >= 0 && i < bundle->item.n_audience; i++) {
		if (strcmp(bundle->item.audience[i], bundle->caller.user) != 0)
			store_problem_add_reader(about, n++, bundle->item.audience[i]);
	}
	bundle_release(bundle);
	free(bundle);
	return r;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The body of PUT /v1/items/ID/grants/USER as the ledger checks it, behind the statement of the item: whatever is accepted is 1 to 64 grants of this item,
 * all for this user, each device once. The granter is alice of tests/python/sis_vectors.py. */
#include "ledger/ledger.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

#define NOW INT64_C(1795262400)
static const char fingerprint[] = "b94ec2279acc54f51c443cdc0d4cd0da0374ee52ed36d2cc7e53701e947636f4", public_key[] = "705fea31c33db3f339b3ccc828768528f9de42936b6cd92bad09476ea27bd707";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_accepted(const struct share_check *check)
{
	if (check->n == 0 || check->n > SHARE_GRANTS_MAX)
		abort();
	for (unsigned i = 0; i < check->n; i++) {
		if (strcmp(check->grant[i].recipient, check->recipient) != 0)
			abort();
		for (unsigned j = 0; j < i; j++)
			if (strcmp(check->grant[i].device, check->grant[j].device) == 0)
				abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct statement statement;
	static struct share_check check;
	static struct signers signers = { .n = 1 };
	static const char start[] = "\nsis-grant/";
	const uint8_t *grants = memmem(data, size, start, sizeof(start) - 1);
	uint8_t hash[DIGEST_BYTES];
	size_t statement_size = grants != NULL ? (size_t)(grants - data) + 1 : size;
	(void)hex_decode(span_from_string(fingerprint), signers.one[0].fingerprint, DIGEST_BYTES);
	signers.one[0].key.algorithm = KEY_ED25519;
	(void)hex_decode(span_from_string(public_key), signers.one[0].key.bytes, 32);
	/* A statement that does not parse never gets here: the grants are then checked against none. */
	memset(&statement, 0, sizeof(statement));
	(void)statement_parse((struct span){ data, statement_size }, &statement, NULL);
	digest_sha256(data, statement_size, hash);
	check = (struct share_check){ .statement = &statement, .statement_hash = hash, .signers = &signers, .granter = "alice", .recipient = "bob", .now = NOW };
	int r = share_check(&check, (struct span){ data + statement_size, size - statement_size });
	if (r < 0 && check.why == NULL)
		abort();
	if (r == 0)
		check_accepted(&check);
	return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The endorsement: a device says of another device of the same user that it is theirs. A certificate alone says only that the server's authority
 * thinks so. It binds keys, not certificates, so that it outlives a renewal. */
#include "format/lines.h"

#include "base/error.h"

#include <string.h>

#define CONTEXT "sis/1 endorsement signature"

static bool keys_equal(const struct public_key *a, const struct public_key *b)
{
	return a->algorithm == b->algorithm && memcmp(a->bytes, b->bytes, public_key_size(a->algorithm)) == 0;
}

static int parse(struct span text, struct endorsement *endorsement, const char **ret_why)
{
	struct lines lines = lines_open(text, ENDORSEMENT_MAX_BYTES);

	lines_version(&lines, "sis-endorsement");
	lines_name(&lines, "user", endorsement->user);
	lines_name(&lines, "device", endorsement->device);
	lines_public_key(&lines, "key", &endorsement->key);
	lines_public_key(&lines, "endorser", &endorsement->endorser);
	lines_time(&lines, "time", &endorsement->time);
	lines_signature(&lines, &endorsement->signature);
	if (!lines.error && keys_equal(&endorsement->key, &endorsement->endorser))
		lines_fail(&lines, -SIS_ERR_BAD_FORMAT, "a device vouches for itself");
	if (!lines.error && endorsement->signature.algorithm != endorsement->endorser.algorithm)
		lines_fail(&lines, -SIS_ERR_BAD_FORMAT, "the signature is not of the endorser's algorithm");
	return lines_close(&lines, ret_why);
}

int endorsement_parse(struct span text, struct endorsement *ret_endorsement, const char **ret_why)
{
	struct endorsement endorsement;
	int r = parse(text, &endorsement, ret_why);

	if (r == 0)
		*ret_endorsement = endorsement;
	return r;
}

int endorsement_write(const struct endorsement *endorsement, const struct signing_key *key, char *ret_text, size_t *ret_size)
{
	uint8_t buffer[ENDORSEMENT_MAX_BYTES];
	struct builder builder = builder_from(buffer, sizeof(buffer));
	struct endorsement check;
	int r;

	builder_printf(&builder, "sis-endorsement/1\nuser %s\ndevice %s\n", endorsement->user, endorsement->device);
	put_public_key(&builder, "key", &endorsement->key);
	put_public_key(&builder, "endorser", &key->public_key);
	put_time(&builder, "time", endorsement->time);
	put_signature(&builder, CONTEXT, key);
	/* What a reader would refuse is never signed and sent. */
	r = builder.failed ? -SIS_ERR_BAD_FORMAT : parse((struct span){ builder.data, builder.size }, &check, NULL);
	return r < 0 ? r : put_done(&builder, ret_text, ret_size);
}

int endorsement_verify(struct span text, const struct endorsement *endorsement)
{
	return text_verify(text, CONTEXT, &endorsement->signature, &endorsement->endorser);
}

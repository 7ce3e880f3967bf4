/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The grant: the file key for one device of one recipient. */
#include "format/lines.h"

#include "base/error.h"
#include "crypto/hpke.h"

#include <string.h>

#define CONTEXT "sis/1 grant signature"
#define HPKE_INFO "sis/1 grant"
#define LINES_AFTER_AAD 3                       /* encapsulation, wrapped, signature */

static void get_expires(struct lines *lines, int64_t *ret_seconds)
{
	struct lines before = *lines;
	struct span value = lines_value(lines, "expires");

	if (lines->error)
		return;
	if (span_equals(value, "never")) {
		*ret_seconds = 0;
		return;
	}
	*lines = before;
	lines_time(lines, "expires", ret_seconds);
	/* The epoch itself would read as never. */
	if (!lines->error && *ret_seconds <= 0)
		lines_fail(lines, -SIS_ERR_BAD_FORMAT, "a grant's expiry lies in 1970 or before");
}

static void get_rights(struct lines *lines, bool *ret_may_share)
{
	struct span value = lines_value(lines, "rights");

	if (lines->error)
		return;
	*ret_may_share = span_equals(value, "read,share");
	if (!*ret_may_share && !span_equals(value, "read"))
		lines_fail(lines, -SIS_ERR_BAD_FORMAT, "the rights are neither \"read\" nor \"read,share\"");
}

int grant_parse(struct span text, struct grant *ret_grant, const char **ret_why)
{
	struct lines lines = lines_open(text, GRANT_MAX_BYTES);
	struct grant grant;
	int r;

	lines_version(&lines, "sis-grant");
	lines_item(&lines, "item", grant.item);
	lines_hex(&lines, "statement", grant.statement);
	lines_name(&lines, "recipient", grant.recipient);
	lines_name(&lines, "device", grant.device);
	lines_base64(&lines, "key", grant.key, sizeof(grant.key));
	lines_name(&lines, "granter", grant.granter);
	lines_hex(&lines, "granter-device", grant.granter_device);
	lines_time(&lines, "time", &grant.time);
	get_expires(&lines, &grant.expires);
	get_rights(&lines, &grant.may_share);
	lines_suite(&lines);
	lines_base64(&lines, "encapsulation", grant.encapsulation, sizeof(grant.encapsulation));
	lines_base64(&lines, "wrapped", grant.wrapped, sizeof(grant.wrapped));
	lines_signature(&lines, &grant.signature);
	r = lines_close(&lines, ret_why);
	if (r == 0)
		*ret_grant = grant;
	return r;
}

/* The lines that the wrap is bound to. */
static void put_bound_lines(struct builder *builder, const struct grant *grant)
{
	builder_printf(builder, "sis-grant/1\n");
	put_item(builder, grant->item);
	put_hex(builder, "statement", grant->statement);
	builder_printf(builder, "recipient %s\ndevice %s\n", grant->recipient, grant->device);
	put_base64(builder, "key", grant->key, sizeof(grant->key));
	builder_printf(builder, "granter %s\n", grant->granter);
	put_hex(builder, "granter-device", grant->granter_device);
	put_time(builder, "time", grant->time);
	if (grant->expires)
		put_time(builder, "expires", grant->expires);
	else
		builder_printf(builder, "expires never\n");
	builder_printf(builder, "rights %s\nsuite sis-1\n", grant->may_share ? "read,share" : "read");
}

int grant_write(const struct grant *grant, const struct signing_key *key, char *ret_text, size_t *ret_size)
{
	uint8_t buffer[GRANT_MAX_BYTES];
	struct builder builder = builder_from(buffer, sizeof(buffer));
	struct grant check;
	int r;

	put_bound_lines(&builder, grant);
	put_base64(&builder, "encapsulation", grant->encapsulation, sizeof(grant->encapsulation));
	put_base64(&builder, "wrapped", grant->wrapped, sizeof(grant->wrapped));
	put_signature(&builder, CONTEXT, key);
	/* What a reader would refuse is never signed and sent. */
	r = builder.failed ? -SIS_ERR_BAD_FORMAT : grant_parse((struct span){ builder.data, builder.size }, &check, NULL);
	return r < 0 ? r : put_done(&builder, ret_text, ret_size);
}

int grant_verify(struct span text, const struct grant *grant, const struct public_key *key)
{
	return text_verify(text, CONTEXT, &grant->signature, key);
}

int grant_wrap(struct grant *grant, const struct secret32 *file_key)
{
	uint8_t buffer[GRANT_MAX_BYTES];
	struct builder builder = builder_from(buffer, sizeof(buffer));
	const struct span plain = { file_key->bytes, sizeof(file_key->bytes) };

	put_bound_lines(&builder, grant);
	if (builder.failed)
		return -SIS_ERR_BAD_FORMAT;
	return hpke_seal(grant->key, span_from_string(HPKE_INFO), (struct span){ builder.data, builder.size }, plain, grant->encapsulation,
	                 grant->wrapped);
}

int grant_unwrap(struct span text, const struct grant *grant, const struct secret32 *private_key, struct secret32 *ret_file_key)
{
	SECRET struct secret32 file_key;
	uint8_t own_key[HPKE_KEY_BYTES];
	int r;

	hpke_public_key(private_key, own_key);
	if (memcmp(own_key, grant->key, sizeof(own_key)))
		return -SIS_ERR_BAD_GRANT;
	r = hpke_open_as(private_key, own_key, grant->encapsulation, span_from_string(HPKE_INFO), text_before_last(text, LINES_AFTER_AAD),
	              (struct span){ grant->wrapped, sizeof(grant->wrapped) }, file_key.bytes);
	if (r == 0)
		*ret_file_key = file_key;
	return r;
}

int grant_belongs(const struct grant *grant, const struct statement *statement, const uint8_t statement_hash[DIGEST_BYTES])
{
	if (memcmp(grant->item, statement->item, ITEM_ID_BYTES) || memcmp(grant->statement, statement_hash, DIGEST_BYTES))
		return -SIS_ERR_BAD_GRANT;
	/* Whether the granter was let share is the server's to enforce; that nobody but the owner makes further sharers is for everybody to see. */
	if (grant->may_share && strcmp(grant->granter, statement->owner) && strcmp(grant->granter, grant->recipient))
		return -SIS_ERR_BAD_GRANT;
	return 0;
}

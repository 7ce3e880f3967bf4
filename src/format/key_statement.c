/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The key statement: a device's encryption key, signed with its certificate's key so that the CA alone cannot swap it. */
#include "format/lines.h"

#include "base/error.h"

#define CONTEXT "sis/1 key signature"

int key_statement_parse(struct span text, struct key_statement *ret_statement, const char **ret_why)
{
	struct lines lines = lines_open(text, KEY_STATEMENT_MAX_BYTES);
	struct key_statement statement;
	int r;

	lines_version(&lines, "sis-key");
	lines_name(&lines, "user", statement.user);
	lines_name(&lines, "device", statement.device);
	lines_hex(&lines, "certificate", statement.certificate);
	lines_base64(&lines, "key", statement.key, sizeof(statement.key));
	lines_time(&lines, "time", &statement.time);
	lines_signature(&lines, &statement.signature);
	r = lines_close(&lines, ret_why);
	if (r == 0)
		*ret_statement = statement;
	return r;
}

int key_statement_write(const struct key_statement *statement, const struct signing_key *key, char *ret_text, size_t *ret_size)
{
	uint8_t buffer[KEY_STATEMENT_MAX_BYTES];
	struct builder builder = builder_from(buffer, sizeof(buffer));
	struct key_statement check;
	int r;

	builder_printf(&builder, "sis-key/1\nuser %s\ndevice %s\n", statement->user, statement->device);
	put_hex(&builder, "certificate", statement->certificate);
	put_base64(&builder, "key", statement->key, sizeof(statement->key));
	put_time(&builder, "time", statement->time);
	put_signature(&builder, CONTEXT, key);
	/* What a reader would refuse is never signed and sent. */
	r = builder.failed ? -SIS_ERR_BAD_FORMAT : key_statement_parse((struct span){ builder.data, builder.size }, &check, NULL);
	return r < 0 ? r : put_done(&builder, ret_text, ret_size);
}

int key_statement_verify(struct span text, const struct key_statement *statement, const struct public_key *key)
{
	return text_verify(text, CONTEXT, &statement->signature, key);
}

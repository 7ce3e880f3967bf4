/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The statement: who shares which sealed bytes with whom. */
#include "format/lines.h"

#include "base/error.h"
#include "base/util.h"

#include <string.h>

#define CONTEXT "sis/1 statement signature"

static const char *const kind_names[] = { [ITEM_IMAGE] = "image", [ITEM_MESSAGE] = "message", [ITEM_FILE] = "file" };

/* The parts in the order of their lines. */
static const struct { enum seal_part part; const char *keyword; } part_lines[] = {
	{ SEAL_MANIFEST, "manifest" }, { SEAL_THUMBNAIL, "thumbnail" }, { SEAL_OBJECT, "object" },
};

const char *item_kind_name(enum item_kind kind)
{
	return (unsigned)kind < ARRAY_SIZE(kind_names) ? kind_names[kind] : "unknown";
}

static void get_kind(struct lines *lines, enum item_kind *ret_kind)
{
	struct span value = lines_value(lines, "kind");

	for (size_t i = 0; i < ARRAY_SIZE(kind_names); i++)
		if (!lines->error && span_equals(value, kind_names[i])) {
			*ret_kind = (enum item_kind)i;
			return;
		}
	lines_fail(lines, -SIS_ERR_BAD_FORMAT, "the kind is none of image, message and file");
}

/* "SIZE ROOT": an absent part has size 0 and the root of a tree without leaves. */
static void get_part(struct lines *lines, const char *keyword, enum seal_part part, struct part_digest *ret_digest)
{
	struct span value = lines_value(lines, keyword), size;
	uint8_t empty_root[DIGEST_BYTES];

	if (lines->error)
		return;
	if (!span_take_word(&value, ' ', &size) || !span_to_u64(size, UINT64_MAX, &ret_digest->size) ||
	    hex_decode(value, ret_digest->root, DIGEST_BYTES) < 0) {
		lines_fail(lines, -SIS_ERR_BAD_FORMAT, "a part line is not a size and a root");
		return;
	}
	if (!sealed_size_is_possible(ret_digest->size, part)) {
		lines_fail(lines, -SIS_ERR_BAD_FORMAT, "no such part can have the size that is named");
		return;
	}
	digest_sha256("", 0, empty_root);
	if (!ret_digest->size && memcmp(ret_digest->root, empty_root, DIGEST_BYTES))
		lines_fail(lines, -SIS_ERR_BAD_FORMAT, "an absent part has a root");
}

bool statement_has_audience(const struct statement *statement, const char *name)
{
	for (unsigned i = 0; i < statement->n_audience; i++)
		if (!strcmp(statement->audience[i], name))
			return true;
	return false;
}

static void get_audience(struct lines *lines, struct statement *statement)
{
	lines_names(lines, lines_value(lines, "audience"), statement->audience, &statement->n_audience,
	            "the audience is not 1 to 256 valid names, sorted and each once");
	if (!lines->error && !statement_has_audience(statement, statement->owner))
		lines_fail(lines, -SIS_ERR_BAD_FORMAT, "the owner is not in the audience");
}

static int parse(struct span text, struct statement *statement, const char **ret_why)
{
	struct lines lines = lines_open(text, STATEMENT_MAX_BYTES);

	lines_version(&lines, "sis-statement");
	lines_item(&lines, "item", statement->item);
	get_kind(&lines, &statement->kind);
	lines_name(&lines, "owner", statement->owner);
	lines_hex(&lines, "device", statement->device);
	lines_time(&lines, "time", &statement->time);
	lines_suite(&lines);
	for (size_t i = 0; i < ARRAY_SIZE(part_lines); i++)
		get_part(&lines, part_lines[i].keyword, part_lines[i].part, &statement->part[part_lines[i].part]);
	lines_hex(&lines, "commitment", statement->commitment);
	lines_number(&lines, "sequence", UINT64_MAX, &statement->sequence);
	lines_hex(&lines, "previous", statement->previous);
	get_audience(&lines, statement);
	lines_signature(&lines, &statement->signature);
	return lines_close(&lines, ret_why);
}

int statement_parse(struct span text, struct statement *ret_statement, const char **ret_why)
{
	struct statement statement;
	int r = parse(text, &statement, ret_why);

	if (r == 0)
		*ret_statement = statement;
	return r;
}

static void put_parts(struct builder *builder, const struct statement *statement)
{
	for (size_t i = 0; i < ARRAY_SIZE(part_lines); i++) {
		const struct part_digest *digest = &statement->part[part_lines[i].part];
		char root[2 * DIGEST_BYTES + 1];

		hex_encode(digest->root, DIGEST_BYTES, root);
		builder_printf(builder, "%s %llu %s\n", part_lines[i].keyword, (unsigned long long)digest->size, root);
	}
}

int statement_write(const struct statement *statement, const struct signing_key *key, char *ret_text, size_t *ret_size)
{
	uint8_t buffer[STATEMENT_MAX_BYTES];
	struct builder builder = builder_from(buffer, sizeof(buffer));
	struct statement check;
	int r;

	builder_printf(&builder, "sis-statement/1\n");
	put_item(&builder, statement->item);
	builder_printf(&builder, "kind %s\nowner %s\n", item_kind_name(statement->kind), statement->owner);
	put_hex(&builder, "device", statement->device);
	put_time(&builder, "time", statement->time);
	builder_printf(&builder, "suite sis-1\n");
	put_parts(&builder, statement);
	put_hex(&builder, "commitment", statement->commitment);
	builder_printf(&builder, "sequence %llu\n", (unsigned long long)statement->sequence);
	put_hex(&builder, "previous", statement->previous);
	put_names(&builder, "audience", statement->audience, statement->n_audience);
	put_signature(&builder, CONTEXT, key);
	/* What a reader would refuse is never signed and sent. */
	r = builder.failed ? -SIS_ERR_BAD_FORMAT : parse((struct span){ builder.data, builder.size }, &check, NULL);
	return r < 0 ? r : put_done(&builder, ret_text, ret_size);
}

int statement_verify(struct span text, const struct statement *statement, const struct public_key *key)
{
	return text_verify(text, CONTEXT, &statement->signature, key);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The bundle's head and the division of its grants. */
#include "format/lines.h"

#include "base/error.h"
#include "base/util.h"

#include <string.h>

#define MAGIC "sis-bundle/"
#define GRANT_START "sis-grant/"

/* The parts in the order of their bytes in a bundle. */
static const enum seal_part part_order[] = { SEAL_MANIFEST, SEAL_THUMBNAIL, SEAL_OBJECT };
static const char *const part_keywords[] = { [SEAL_OBJECT] = "object", [SEAL_MANIFEST] = "manifest", [SEAL_THUMBNAIL] = "thumbnail" };

/* Size of the head with its empty line; 0 when that line is not there (yet). */
static size_t find_head_end(struct span start)
{
	const size_t size = start.size < BUNDLE_HEAD_MAX_BYTES ? start.size : BUNDLE_HEAD_MAX_BYTES;
	const uint8_t *end = size ? memmem(start.data, size, "\n\n", 2) : NULL;

	return end ? (size_t)(end - start.data) + 2 : 0;
}

/* Garbage is told from an unfinished head by its first bytes, so that nobody waits for the rest of it. */
static int judge_unfinished(struct span start, const char **ret_why)
{
	const size_t size = start.size < strlen(MAGIC) ? start.size : strlen(MAGIC);
	const char *why = NULL;
	int r = -SIS_ERR_AGAIN;

	if (size && memcmp(start.data, MAGIC, size)) {
		r = -SIS_ERR_BAD_FORMAT;
		why = "it does not start like a bundle";
	} else if (start.size >= BUNDLE_HEAD_MAX_BYTES) {
		r = -SIS_ERR_TOO_LARGE;
		why = "the bundle's head does not end";
	}
	if (why && ret_why)
		*ret_why = why;
	return r;
}

static void get_grants(struct lines *lines, struct bundle_head *head)
{
	struct span value = lines_value(lines, "grants"), count;
	uint64_t n_grants;

	if (lines->error)
		return;
	if (!span_take_word(&value, ' ', &count) || !span_to_u64(count, UINT64_MAX, &n_grants) ||
	    !span_to_u64(value, UINT64_MAX, &head->grants_size)) {
		lines_fail(lines, -SIS_ERR_BAD_FORMAT, "the grants line is not a count and a size");
		return;
	}
	if (n_grants > GRANTS_MAX || head->grants_size > n_grants * GRANT_MAX_BYTES)
		lines_fail(lines, -SIS_ERR_TOO_LARGE, "the bundle has more grants than are allowed");
	else if (!n_grants != !head->grants_size)
		lines_fail(lines, -SIS_ERR_BAD_FORMAT, "the grants' count and size disagree");
	head->n_grants = (unsigned)n_grants;
}

static void get_part_size(struct lines *lines, enum seal_part part, uint64_t *ret_size)
{
	lines_number(lines, part_keywords[part], UINT64_MAX, ret_size);
	if (!lines->error && !sealed_size_is_possible(*ret_size, part))
		lines_fail(lines, -SIS_ERR_BAD_FORMAT, "no such part can have the size that is named");
}

int bundle_head_parse(struct span start, struct bundle_head *ret_head, const char **ret_why)
{
	struct bundle_head head = { .head_size = find_head_end(start) };
	struct lines lines;
	int r;

	if (!head.head_size)
		return judge_unfinished(start, ret_why);
	lines = lines_open((struct span){ start.data, head.head_size - 1 }, BUNDLE_HEAD_MAX_BYTES);
	lines_version(&lines, "sis-bundle");
	lines_number(&lines, "statement", UINT64_MAX, &head.statement_size);
	if (!lines.error && head.statement_size > STATEMENT_MAX_BYTES)
		lines_fail(&lines, -SIS_ERR_TOO_LARGE, "the bundle's statement is longer than is allowed");
	if (!lines.error && !head.statement_size)
		lines_fail(&lines, -SIS_ERR_BAD_FORMAT, "the bundle has no statement");
	get_grants(&lines, &head);
	for (size_t i = 0; i < ARRAY_SIZE(part_order); i++)
		get_part_size(&lines, part_order[i], &head.part_size[part_order[i]]);
	r = lines_close(&lines, ret_why);
	if (r == 0)
		*ret_head = head;
	return r;
}

int bundle_head_write(struct bundle_head *head, char *ret_text, size_t capacity, size_t *ret_size)
{
	char buffer[BUNDLE_HEAD_MAX_BYTES];
	struct builder builder = builder_from(buffer, sizeof(buffer));
	struct bundle_head check;
	int r;

	builder_printf(&builder, "sis-bundle/1\nstatement %llu\ngrants %u %llu\n", (unsigned long long)head->statement_size, head->n_grants,
	               (unsigned long long)head->grants_size);
	for (size_t i = 0; i < ARRAY_SIZE(part_order); i++)
		builder_printf(&builder, "%s %llu\n", part_keywords[part_order[i]], (unsigned long long)head->part_size[part_order[i]]);
	builder_printf(&builder, "\n");
	if (builder.failed || builder.size >= capacity)
		return -SIS_ERR_TOO_LARGE;
	r = bundle_head_parse((struct span){ builder.data, builder.size }, &check, NULL);
	if (r < 0)
		return r;
	head->head_size = builder.size;
	return put_done(&builder, ret_text, ret_size);
}

int bundle_head_matches(const struct bundle_head *head, const struct statement *statement)
{
	for (size_t i = 0; i < ARRAY_SIZE(part_order); i++)
		if (head->part_size[part_order[i]] != statement->part[part_order[i]].size)
			return -SIS_ERR_MISMATCH;
	return 0;
}

uint64_t bundle_part_offset(const struct bundle_head *head, enum seal_part part)
{
	uint64_t offset = head->head_size + head->statement_size + head->grants_size;

	for (size_t i = 0; i < ARRAY_SIZE(part_order) && part_order[i] != part; i++)
		offset += head->part_size[part_order[i]];
	return offset;
}

uint64_t bundle_size(const struct bundle_head *head)
{
	return bundle_part_offset(head, SEAL_OBJECT) + head->part_size[SEAL_OBJECT];
}

/* One grant's text ends with its signature line: the line after is another grant's first. */
static size_t find_grant_end(struct span text)
{
	const uint8_t *next = text.size > 1 ? memmem(text.data + 1, text.size - 1, "\n" GRANT_START, strlen(GRANT_START) + 1) : NULL;

	return next ? (size_t)(next - text.data) + 1 : text.size;
}

int grants_for_each(struct span text, int (*fn)(struct span grant_text, void *arg), void *arg, unsigned *ret_n_grants)
{
	unsigned n_grants = 0;

	while (text.size) {
		struct span grant = { text.data, find_grant_end(text) };
		int r;

		if (grant.size > GRANT_MAX_BYTES || grant.data[grant.size - 1] != '\n' || grant.size < strlen(GRANT_START) ||
		    memcmp(grant.data, GRANT_START, strlen(GRANT_START)) || ++n_grants > GRANTS_MAX)
			return -SIS_ERR_BAD_FORMAT;
		r = fn(grant, arg);
		if (r)
			return r;
		text = (struct span){ text.data + grant.size, text.size - grant.size };
	}
	if (ret_n_grants)
		*ret_n_grants = n_grants;
	return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * `sisctl audit verify`: which lines of the audit trail were edited, removed, inserted or moved. */
#include "store/audit_chain.h"
#include "store/db.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct audit_check {
	const struct store_audit_head *known;
	void (*problem)(const char *sentence, void *arg);
	void *arg;
	uint64_t odd_first, odd_last;           /* a run of lines that do not follow; 0: none is open */
	bool known_found;
	struct store_audit_verdict verdict;
};

static void __attribute__((format(printf, 2, 3))) audit_tell(struct audit_check *check, const char *format, ...)
{
	char sentence[320];
	va_list args;
	va_start(args, format);
	vsnprintf(sentence, sizeof(sentence), format, args);
	va_end(args);
	check->verdict.n_problems++;
	check->problem(sentence, check->arg);
}

static void audit_tell_range(struct audit_check *check, uint64_t first, uint64_t last, const char *one, const char *many)
{
	if (first == last)
		audit_tell(check, "line %" PRIu64 " %s", first, one);
	else
		audit_tell(check, "lines %" PRIu64 " to %" PRIu64 " %s", first, last, many);
}

static void audit_end_run(struct audit_check *check)
{
	if (check->odd_first == 0)
		return;
	audit_tell_range(check, check->odd_first, check->odd_last, "was edited or inserted, or is not where it was written, or the line before it was replaced",
	                 "were edited, inserted or moved, or lines before them were");
	check->odd_first = 0;
}

static void audit_compare_known(struct audit_check *check, const struct store_audit_head *line)
{
	if (check->known == NULL || check->known->number != line->number)
		return;
	check->known_found = true;
	if (memcmp(check->known->hash, line->hash, DIGEST_BYTES) != 0)
		audit_tell(check, "line %" PRIu64 " has another hash than was noted: the trail up to it was written anew", line->number);
}

static int audit_check_link(const struct audit_link *link, void *arg)
{
	struct audit_check *check = arg;
	uint64_t number = link->stored.number, expected = link->before.number + 1;
	check->verdict.n_lines++;
	if (number > expected) {
		audit_end_run(check);
		audit_tell_range(check, expected, number - 1, "is missing", "are missing");
	}
	/* What follows on a gap cannot be judged, but for having a hash at all; what follows on an edited line is, by the hash that this one had. */
	bool fits = link->has_hash && (number > expected || memcmp(link->reckoned, link->stored.hash, DIGEST_BYTES) == 0);
	if (number < expected)
		fits = false;
	if (fits)
		audit_end_run(check);
	else if (check->odd_first == 0)
		check->odd_first = number;
	check->odd_last = number;
	audit_compare_known(check, &link->stored);
	check->verdict.last = link->stored;
	return 0;
}

static void audit_check_end(struct audit_check *check, const struct store_audit_head *head)
{
	const struct store_audit_head *last = &check->verdict.last;
	audit_end_run(check);
	if (last->number < head->number)
		audit_tell_range(check, last->number + 1, head->number, "is missing, at the end", "are missing, at the end");
	else if (last->number > head->number)
		audit_tell_range(check, head->number + 1, last->number, "was added behind the end", "were added behind the end");
	else if (memcmp(last->hash, head->hash, DIGEST_BYTES) != 0)
		audit_tell(check, "line %" PRIu64 ", the last one, was replaced: the database remembers another hash of it", last->number);
}

static void audit_check_known(struct audit_check *check)
{
	const struct store_audit_head *known = check->known;
	if (known == NULL || check->known_found)
		return;
	if (known->number > check->verdict.last.number)
		audit_tell(check, "the trail ends with line %" PRIu64 ", and line %" PRIu64 " was noted before: its end was cut off, or an older state was put back",
		           check->verdict.last.number, known->number);
	else if (known->number < check->verdict.anchor.number)
		audit_tell(check, "line %" PRIu64 " is no longer kept (audit_lifetime), so what was noted of it cannot be compared: note a newer head", known->number);
}

static int audit_verify_inside(struct store_reader *reader, struct audit_check *check)
{
	struct store_audit_head head;
	bool missing = false;
	int r = audit_chain_get_anchor(reader, &check->verdict.anchor);
	if (r == 0)
		r = store_audit_head_is_missing(reader, &missing);
	if (r == 0 && !missing)
		r = store_get_audit_head(reader, &head);
	if (r < 0)
		return r;
	check->verdict.last = check->verdict.anchor;
	audit_compare_known(check, &check->verdict.anchor);
	r = audit_chain_walk(reader, &check->verdict.anchor, audit_check_link, check);
	if (r < 0)
		return r;
	if (missing)
		audit_end_run(check);
	else
		audit_check_end(check, &head);
	audit_check_known(check);
	return 0;
}

int store_verify_audit(struct store_reader *reader, const struct store_audit_head *known, void (*problem)(const char *sentence, void *arg), void *arg,
                       struct store_audit_verdict *ret_verdict)
{
	struct audit_check check = { .known = known, .problem = problem, .arg = arg };
	int r = db_exec(reader, "BEGIN");       /* one state of the database, while lines are added */
	if (r == 0)
		r = audit_verify_inside(reader, &check);
	(void)db_exec(reader, "COMMIT");
	if (r == 0)
		*ret_verdict = check.verdict;
	return r;
}

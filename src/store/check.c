/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * `sisctl check`: is everything there that the database promises, and is it what it was? It runs beside the ledger's work, so it looks twice before it
 * tells. What it finds is told one by one, each with what repair.c would do about it. */
#include "store/check.h"

#include "base/error.h"
#include "base/util.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { TOLD, MENDED, READ, ASKED, LOST };

static const struct { const char *name; int mending; const char *mend; } problems[] = {
#define PROBLEM(name, mending, mend) { #name, mending, mend },
#include "store/problem.def"
#undef PROBLEM
};

const char *store_problem_name(enum store_problem_kind kind)
{
	return problems[kind].name;
}

const char *store_problem_mend(enum store_problem_kind kind)
{
	return problems[kind].mend;
}

bool store_problem_is_mended(enum store_problem_kind kind)
{
	return problems[kind].mending == MENDED || store_problem_is_read_back(kind);
}

bool store_problem_is_read_back(enum store_problem_kind kind)
{
	return problems[kind].mending == READ || problems[kind].mending == ASKED;
}

bool store_problem_is_asked(enum store_problem_kind kind)
{
	return problems[kind].mending == ASKED;
}

bool store_problem_is_lost(enum store_problem_kind kind)
{
	return problems[kind].mending == LOST;
}

bool check_ends(struct check *check)
{
	const struct store_check_options *options = check->options;
	if (check->stopped == 0 && options->ends != NULL && options->ends(options->arg))
		check->stopped = -SIS_ERR_INTERRUPTED;
	return check->stopped != 0;
}

/* Names out of a damaged database may be anything. */
static void check_make_harmless(char *text, size_t capacity)
{
	char copy[sizeof(((struct store_problem *)NULL)->sentence)];
	snprintf(copy, sizeof(copy), "%s", text);
	text_for_terminal(span_from_string(copy), text, capacity);
}

void check_tell(struct check *check, enum store_problem_kind kind, const struct store_problem *about, const char *format, ...)
{
	struct store_problem problem = about != NULL ? *about : (struct store_problem){ 0 };
	char sentence[sizeof(problem.sentence)];        /* a stranger's file may have any name */
	va_list args;
	va_start(args, format);
	vsnprintf(sentence, sizeof(sentence), format, args);
	va_end(args);
	text_for_terminal(span_from_string(sentence), problem.sentence, sizeof(problem.sentence));
	check_make_harmless(problem.user, sizeof(problem.user));
	check_make_harmless(problem.readers, sizeof(problem.readers));
	problem.kind = kind;
	check->damaged |= kind == PROBLEM_DATABASE;
	check->result.n_problems++;
	check->options->problem(&problem, check->options->arg);
}

int check_failed(struct check *check, int error, const char *what)
{
	if (error == -SIS_ERR_NO_MEMORY || check_ends(check))
		return check->stopped != 0 ? check->stopped : error;
	/* What cannot be read of a damaged database follows from that. */
	if (error < 0 && !(error == -SIS_ERR_DAMAGED && check->damaged))
		check_tell(check, error == -SIS_ERR_DAMAGED ? PROBLEM_DATABASE : PROBLEM_UNREADABLE, NULL, "%s: %s", what, error_text(error));
	return 0;
}

static int check_audit(struct check *check);

int store_check(struct store_reader *reader, const struct store_check_options *options, struct store_check_result *ret_result)
{
	static const struct { int (*run)(struct check *check); const char *what; } steps[] = {
		{ check_database, "the database" }, { check_audit, "the audit trail" }, { check_rows, "the database's rows" },
		{ check_items, "the items" }, { check_files, "the files of the store" },
	};
	struct check check = { .reader = reader, .options = options };
	int r = 0;
	for (size_t i = 0; i < ARRAY_SIZE(steps) && r == 0; i++)
		r = check_failed(&check, steps[i].run(&check), steps[i].what);
	check_ids_release(&check.deleted);
	check_ids_release(&check.granted);
	if (r == 0)
		*ret_result = check.result;
	return r;
}

/* ------------------------------------------------ the audit trail ------------------------------------------------ */

static void check_tell_audit(const char *sentence, void *arg)
{
	check_tell(arg, PROBLEM_AUDIT, NULL, "audit trail: %s", sentence);
}

/* A head that is not there, before lines that all follow on each other, is no sign of who altered something, but it keeps any line from being added. */
static int check_audit(struct check *check)
{
	struct store_audit_verdict verdict;
	bool missing = false;
	int r = store_audit_head_is_missing(check->reader, &missing);
	if (r == 0 && missing)
		check_tell(check, PROBLEM_AUDIT_HEAD, NULL, "the audit trail has lines and its head, which names the last of them, is gone: no line can be added");
	return r < 0 ? r : store_verify_audit(check->reader, NULL, check_tell_audit, check, &verdict);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a check has found and mended: the reply, and the log. */
#include "ledger/check.h"
#include "ledger/ledger.h"

#include "base/error.h"
#include "base/util.h"

#include <string.h>

static json_t *check_readers(const struct store_problem *problem)
{
	json_t *readers = json_array();
	const char *at = problem->readers;
	for (size_t n; readers != NULL && (n = strcspn(at, ",")) > 0; at += n + (at[n] == ',')) {
		if (json_array_append_new(readers, json_stringn(at, n)) < 0)
			break;
	}
	return readers;
}

static json_t *check_print_problem(const struct check_problem *found)
{
	const struct store_problem *problem = &found->problem;
	char item[ITEM_ID_TEXT + 1] = "", received[TIME_TEXT + 1] = "";
	if (problem->has_item)
		item_id_encode(problem->item, item);
	if (problem->received != 0)
		(void)time_encode(problem->received, received);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:I, s:s, s:b, s:b, s:b, s:b, s:s, s:s}", "kind", store_problem_name(problem->kind), "sentence", problem->sentence,
	                 "item", item, "user", problem->user, "received", received, "readers", check_readers(problem), "more_readers",
	                 (json_int_t)problem->n_more_readers, "mend", store_problem_mend(problem->kind), "mendable", store_problem_is_mended(problem->kind),
	                 "mended", found->mended, "given_up", found->mended && store_problem_is_lost(problem->kind) && !found->put_back,
	                 "read_back", found->read_back, "deed", found->deed != NULL ? found->deed : "", "error", found->error < 0 ? error_text(found->error) : "");
}

json_t *check_print(const struct check_job *job)
{
	json_t *problems = json_array();
	for (unsigned i = 0; problems != NULL && i < job->n_problems; i++)
		json_array_append_new(problems, check_print_problem(&job->problem[i]));
	return json_pack("{s:o, s:s, s:I, s:I, s:I, s:I, s:b}", "problems", problems, "state_dir", ledger.state_dir, "more", (json_int_t)job->n_untold, "items", (json_int_t)job->result.n_items,
	                 "bytes", (json_int_t)job->result.bytes, "mended", (json_int_t)job->n_mended, "done", true);
}

json_t *check_print_progress(const struct check_job *job)
{
	return json_pack("{s:[], s:s, s:I, s:I, s:I, s:I, s:b}", "problems", "state_dir", ledger.state_dir, "more", (json_int_t)0, "items",
	                 (json_int_t)atomic_load(&job->n_items), "bytes", (json_int_t)atomic_load(&job->bytes), "all", (json_int_t)atomic_load(&job->n_all),
	                 "done", false);
}

/* What is left, for whoever looks at the log; a trail that was altered by its own name. */
void check_log_left(const struct check_job *job, void (*log)(const struct log_args *args))
{
	const struct store_problem *first = NULL, *audit = NULL;
	unsigned n = job->n_untold;
	for (unsigned i = 0; i < job->n_problems; i++) {
		const struct store_problem *problem = &job->problem[i].problem;
		bool is_audit = problem->kind == PROBLEM_AUDIT;
		if (job->problem[i].mended)
			continue;
		n++;
		first = first == NULL ? problem : first;
		audit = audit == NULL && is_audit ? problem : audit;
	}
	if (audit != NULL)
		log(&LOG(AUDIT_BROKEN, .reason = audit->sentence));
	if (first != NULL)
		log(&LOG(DAMAGE_FOUND, .peer = job->by, .count = n, .reason = first->sentence));
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * `sisctl check --repair`: what is to be done about each thing that was found, in their order; who writes (the transaction thread, or who is alone) does it. */
#include "ledger/check.h"
#include "ledger/ledger.h"

#include "base/error.h"
#include "base/util.h"

#include <stdlib.h>

/* Grants of an item that could not be read back this time (a full disk), or that was not even told because there are too many, are not yet to go. */
static bool check_waits(const struct check_job *job, const struct check_problem *found)
{
	bool waits = job->n_untold > 0;
	for (unsigned i = 0; i < job->n_problems && !waits && found->problem.kind == PROBLEM_REFERENCE; i++)
		waits = job->problem[i].problem.kind == PROBLEM_ITEM_ROW && !job->problem[i].mended;
	return found->problem.kind == PROBLEM_REFERENCE && waits;
}

static void check_mend(struct check_job *job, struct check_problem *found, struct store_mending *mending, check_mend_fn *mend)
{
	bool lost = store_problem_is_lost(found->problem.kind);
	if (check_waits(job, found) || (!store_problem_is_mended(found->problem.kind) && !(lost && (mending->staged || mending->remove_lost))))
		return;
	found->error = mend(job, &found->problem, mending);
	found->mended = found->error == 0;
	found->put_back = found->mended && mending->staged;
	found->read_back = found->mended && mending->item != NULL && job->deed != NULL;
	found->deed = found->mended ? job->deed : NULL;
	job->n_mended += found->mended;
}

/* What was read when it was looked at is read again: nothing was kept of it. */
static void check_mend_object(struct check_job *job, struct store_reader *reader, struct check_problem *found, check_mend_fn *mend)
{
	struct store_mending mending = { .item = NULL };
	struct bundle *bundle = calloc(1, sizeof(*bundle));
	char why[STORE_WHY_TEXT];
	CLEANUP_FD int fd = -1;
	int r = bundle == NULL ? -SIS_ERR_NO_MEMORY : 0;
	if (r == 0 && (job->recover_items || !store_problem_is_asked(found->problem.kind)) && store_open_orphan(reader, &found->problem, &fd) == 0) {
		r = check_verify_object(reader, &found->problem, fd, bundle, why);
		mending.item = r >= 0 ? &bundle->item : NULL;
	}
	if (r == -SIS_ERR_NO_MEMORY)
		found->error = r;
	else
		check_mend(job, found, &mending, mend);
	if (bundle != NULL)
		bundle_release(bundle);
	free(bundle);
}

void check_mend_all(struct check_job *job, struct store_reader *reader, struct store_writer *writer, check_mend_fn *mend)
{
	for (unsigned i = 0; i < job->n_problems && !check_job_ends(job); i++) {
		struct check_problem *found = &job->problem[i];
		struct store_mending mending = { .remove_lost = job->remove_lost };
		if (store_problem_is_read_back(found->problem.kind)) {
			check_mend_object(job, reader, found, mend);
			continue;
		}
		if (store_problem_is_lost(found->problem.kind))
			mending.staged = store_verify_staged(writer, reader, found->problem.item) == 0;
		check_mend(job, found, &mending, mend);
	}
}

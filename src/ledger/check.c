/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * `sisctl check`, in a pool thread with a connection of its own, beside everything else: first all is looked at, then what was found is mended, one
 * change each, in the order of problem.def. Who asked may go away at any time: it ends, and nothing is half done. */
#include "ledger/check.h"
#include "ledger/ledger.h"

#include "base/error.h"
#include "base/util.h"
#include "pki/pki.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define CHECK_PROBLEMS_MAX 10000        /* told and mended at once; more are only counted */

struct check_change {
	struct change change;
	struct check_job *job;
	const struct store_problem *problem;
	struct store_mending mending;
	struct store_mended mended;
	bool done;
};

static struct check_job *running;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t mended = PTHREAD_COND_INITIALIZER;

/* ------------------------------------------------ looking ------------------------------------------------ */

void check_take(const struct store_problem *problem, void *arg)
{
	struct check_job *job = arg;
	if (job->n_problems == job->capacity && job->capacity < CHECK_PROBLEMS_MAX) {
		unsigned capacity = job->capacity == 0 ? 16 : 2 * job->capacity < CHECK_PROBLEMS_MAX ? 2 * job->capacity : CHECK_PROBLEMS_MAX;
		struct check_problem *grown = realloc(job->problem, capacity * sizeof(*grown));
		job->problem = grown != NULL ? grown : job->problem;
		job->capacity = grown != NULL ? capacity : job->capacity;
	}
	if (job->n_problems < job->capacity)
		job->problem[job->n_problems++] = (struct check_problem){ .problem = *problem };
	else
		job->n_untold++;
}

static void check_note_progress(const struct store_check_result *result, void *arg)
{
	struct check_job *job = arg;
	atomic_store(&job->n_items, result->n_items);
	atomic_store(&job->bytes, result->bytes);
}

bool check_job_ends(void *arg)
{
	struct check_job *job = arg;
	return atomic_load(&job->ends) || (job->alone && check_alone_ends(job));
}

static int check_find_key(struct store_reader *reader, const uint8_t fingerprint[STORE_FINGERPRINT_BYTES], struct public_key *ret_key)
{
	return store_find_certificate(reader, fingerprint, callers_read_key, ret_key);
}

static int check_by_kind(const void *a, const void *b)
{
	const struct check_problem *one = a, *other = b;
	if (one->problem.kind != other->problem.kind)
		return one->problem.kind < other->problem.kind ? -1 : 1;
	/* What is read back comes into lists in the order in which it first came. */
	return (one->problem.received > other->problem.received) - (one->problem.received < other->problem.received);
}

int check_look(struct check_job *job, struct store_reader *reader, bool alone)
{
	const struct store_check_options options = {
		.full = job->full, .alone = alone, .problem = check_take, .progress = check_note_progress, .ends = check_job_ends,
		.is_kept = alone ? NULL : backup_keeps, .find_key = check_find_key, .read_object = check_read_object, .recover_items = job->recover_items, .arg = job,
	};
	struct store_totals totals;
	if (store_count(reader, &totals) == 0)
		atomic_store(&job->n_all, totals.n_items);
	int r = store_check(reader, &options, &job->result);
	if (job->n_problems > 1)
		qsort(job->problem, job->n_problems, sizeof(*job->problem), check_by_kind);
	return r;
}

/* ------------------------------------------------ mending ------------------------------------------------ */

static struct log_args check_describe_mend(const struct check_job *job, const struct store_problem *problem, const char *deed, const char *item)
{
	const char *user = problem->user[0] != '\0' ? problem->user : NULL;
	if (store_problem_is_lost(problem->kind) && !job->staged)
		return LOG(ITEM_LOST, .item = item, .user = user, .peer = job->by, .reason = problem->sentence);
	if (job->read_back)
		return LOG(ITEM_READ_BACK, .item = item, .user = user, .peer = job->by, .detail = deed);
	return LOG(REPAIRED, .item = problem->has_item ? item : NULL, .user = user, .peer = job->by, .reason = problem->sentence, .detail = deed);
}

int check_mend_one(struct store_writer *writer, struct check_job *job, const struct store_problem *problem, const struct store_mending *mending,
                   struct store_mended *ret_mended)
{
	char item[ITEM_ID_TEXT + 1];
	item_id_encode(problem->item, item);
	job->staged = mending->staged;
	job->read_back = mending->item != NULL;
	job->deed = NULL;
	int r = store_mend(writer, problem, mending, ret_mended);
	if (r < 0 || ret_mended->deed == NULL)
		return r;
	job->deed = ret_mended->deed;
	struct log_args args = check_describe_mend(job, problem, ret_mended->deed, item);
	return audit_write(writer, &args);
}

void check_log_mend(struct check_job *job, const struct store_problem *problem, const struct store_mended *mended_now)
{
	char item[ITEM_ID_TEXT + 1];
	item_id_encode(problem->item, item);
	struct log_args args = check_describe_mend(job, problem, mended_now->deed, item);
	if (mended_now->deed != NULL)
		log_event(&args);
}

static int check_change_run(struct store_writer *writer, struct change *change)
{
	struct check_change *mend = (struct check_change *)change;
	if (mend->problem->kind == PROBLEM_ORPHAN && backup_keeps(mend->problem->item))
		return -SIS_ERR_BUSY;
	return check_mend_one(writer, mend->job, mend->problem, &mend->mending, &mend->mended);
}

static void check_change_done(struct completion *completion)
{
	struct check_change *mend = (struct check_change *)completion;
	if (mend->change.result == 0) {
		check_log_mend(mend->job, mend->problem, &mend->mended);
		publish(mend->mended.sequence, &mend->mended.told);
		if (mend->mending.item != NULL)
			expiry_note(time_now());        /* whatever its grants say */
		logs_wake();
	}
	pthread_mutex_lock(&lock);
	mend->done = true;
	pthread_cond_broadcast(&mended);
	pthread_mutex_unlock(&lock);
}

/* The transaction thread writes; we wait for it. */
static int check_mend_online(struct check_job *job, const struct store_problem *problem, const struct store_mending *mending)
{
	struct check_change *mend = calloc(1, sizeof(*mend));
	if (mend == NULL)
		return -SIS_ERR_NO_MEMORY;
	*mend = (struct check_change){ .change = { .completion.done = check_change_done, .run = check_change_run }, .job = job, .problem = problem, .mending = *mending };
	transact_submit(&mend->change);
	pthread_mutex_lock(&lock);
	while (!mend->done)
		pthread_cond_wait(&mended, &lock);
	pthread_mutex_unlock(&lock);
	int r = mend->change.result;
	free(mend);
	return r;
}

static void check_work(struct job *work)
{
	struct check_job *job = (struct check_job *)work;
	struct store_reader *reader;
	job->error = store_reader_open(ledger.state_dir, &reader);
	if (job->error < 0)
		return;
	job->error = check_look(job, reader, false);
	if (job->error == 0 && job->repair)
		check_mend_all(job, reader, ledger.writer, check_mend_online);
	store_reader_close(reader);
}

void check_free(struct check_job *job)
{
	if (job == NULL)
		return;
	free(job->problem);
	free(job);
}

/* ------------------------------------------------ the call ------------------------------------------------ */

static void check_done(struct completion *completion)
{
	struct check_job *job = (struct check_job *)completion;
	struct control_call *call = job->call;
	running = NULL;
	if (job->error == 0)
		check_log_left(job, audit_event);
	if (call != NULL)
		call->on_gone = call->on_drained = NULL;
	if (call != NULL && job->error == 0)
		control_reply(call, check_print(job), false);
	else if (call != NULL)
		control_fail_error(call, job->error, job->error == -SIS_ERR_INTERRUPTED ? "sisd is stopping" : NULL);
	check_free(job);
}

static void check_on_gone(struct control_call *call)
{
	running->call = NULL;
	atomic_store(&running->ends, true);
	control_end(call);
}

void check_stop(void)
{
	if (running != NULL)
		atomic_store(&running->ends, true);
}

/* How far it is, once a second, to who asked for more than the end. */
void check_tick(void)
{
	struct check_job *job = running;
	if (job == NULL || job->call == NULL || !job->call->text.more || !control_is_drained(job->call))
		return;
	control_reply(job->call, check_print_progress(job), true);
}

void check_start(struct control_call *call)
{
	if (running != NULL) {
		control_fail_error(call, -SIS_ERR_BUSY, "another check is running: wait for its end");
		return;
	}
	struct check_job *job = calloc(1, sizeof(*job));
	if (job == NULL) {
		control_fail_error(call, -SIS_ERR_NO_MEMORY, NULL);
		return;
	}
	job->job = (struct job){ .completion.done = check_done, .work = check_work };
	job->full = json_member_bool(call->text.parameters, "full", false);
	job->repair = json_member_bool(call->text.parameters, "repair", false);
	job->remove_lost = json_member_bool(call->text.parameters, "remove_lost", false);
	job->recover_items = json_member_bool(call->text.parameters, "recover_items", false);
	memcpy(job->by, call->by, sizeof(job->by));
	job->call = call;
	call->on_gone = check_on_gone;
	running = job;
	pool_submit(&job->job);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * `sisctl check`, in a pool thread with a connection of its own, beside everything else. */
#include "ledger/ledger.h"

#include "base/error.h"

#include <stdlib.h>

#define CHECK_PROBLEMS_MAX 1000         /* told; more are only counted */

struct check_job {
	struct job job;
	bool full;
	int error;
	json_t *problems;
	struct store_check_result result;
	check_done_fn *fn;
	void *arg;
};

static bool running;

static void check_add_problem(const char *sentence, void *arg)
{
	json_t *problems = arg;
	if (json_array_size(problems) < CHECK_PROBLEMS_MAX)
		json_array_append_new(problems, json_string(sentence));
	else if (json_array_size(problems) == CHECK_PROBLEMS_MAX)
		json_array_append_new(problems, json_string("there are more problems than are listed here"));
}

static void check_work(struct job *job)
{
	struct check_job *check = (struct check_job *)job;
	struct store_reader *reader;
	check->error = store_reader_open(ledger.state_dir, &reader);
	if (check->error < 0)
		return;
	check->error = store_check(reader, check->full, check_add_problem, check->problems, &check->result);
	store_reader_close(reader);
}

static void check_done(struct completion *completion)
{
	struct check_job *check = (struct check_job *)completion;
	running = false;
	check->fn(check->error, check->problems, &check->result, check->arg);
	free(check);
}

int check_start(bool full, check_done_fn *fn, void *arg)
{
	if (running)
		return -SIS_ERR_BUSY;
	struct check_job *check = calloc(1, sizeof(*check));
	json_t *problems = json_array();
	if (check == NULL || problems == NULL) {
		free(check);
		json_decref(problems);
		return -SIS_ERR_NO_MEMORY;
	}
	*check = (struct check_job){ .job = { .completion.done = check_done, .work = check_work }, .full = full, .problems = problems, .fn = fn, .arg = arg };
	running = true;
	pool_submit(&check->job);
	return 0;
}

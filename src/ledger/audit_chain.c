/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The chain of the audit trail: its head goes to the log, which is somebody else's, so that who has both finds a trail that was cut off or written anew;
 * its beginning goes after audit_lifetime; and verifying it, in a pool thread with a connection of its own. */
#include "ledger/ledger.h"

#include "base/error.h"
#include "base/util.h"

#include <stdlib.h>

#define HEAD_EVERY_S (24 * 60 * 60)
#define TRIM_EVERY_S 60
#define TRIM_BATCH 4096                 /* lines in one transaction: uploads wait no longer than that */
#define PROBLEMS_MAX 300                /* told; more are only counted. They have to fit a message */

void audit_head_log(struct store_reader *reader)
{
	struct store_audit_head head;
	char text[STORE_AUDIT_HEAD_TEXT + 1];
	if (store_get_audit_head(reader, &head) < 0)
		return;
	store_audit_head_print(&head, text);
	log_event(&LOG(AUDIT_HEAD, .detail = text, .count = (int64_t)head.number));
}

/* ------------------------------------------------ the beginning ------------------------------------------------ */

struct trim { struct change change; int64_t before; unsigned n; };

static uint64_t trim_due_ns;
static bool trimming;

static int trim_run(struct store_writer *writer, struct change *change)
{
	struct trim *trim = (struct trim *)change;
	return store_trim_audit(writer, trim->before, TRIM_BATCH, &trim->n);
}

static void trim_done(struct completion *completion)
{
	struct trim *trim = (struct trim *)completion;
	trimming = false;
	if (trim->change.result < 0)
		audit_store_failed(trim->change.result, "old lines of the audit trail are not removed");
	else if (trim->n > 0)
		trim_due_ns = 0;        /* there may be more */
	free(trim);
}

static void trim_start(uint64_t now_ns)
{
	struct trim *trim = calloc(1, sizeof(*trim));
	if (trim == NULL)
		return;
	trimming = true;
	trim_due_ns = now_ns + TRIM_EVERY_S * UINT64_C(1000000000);
	trim->before = time_now() - (int64_t)ledger.conf.audit_lifetime_s;
	trim->change.run = trim_run;
	trim->change.completion.done = trim_done;
	transact_submit(&trim->change);
}

void audit_chain_tick(void)
{
	static uint64_t head_due_ns;
	uint64_t now = time_monotonic_ns();
	if (!ledger.ready || ledger.stopping)
		return;
	if (now >= head_due_ns) {       /* for the first time at the start */
		head_due_ns = now + HEAD_EVERY_S * UINT64_C(1000000000);
		audit_head_log(ledger.view);
	}
	if (ledger.conf.audit_lifetime_s != 0 && !clock_is_doubtful() && !trimming && now >= trim_due_ns)
		trim_start(now);
}

/* ------------------------------------------------ verifying ------------------------------------------------ */

struct verify_job {
	struct job job;
	bool has_known;
	struct store_audit_head known;
	int error;
	json_t *problems;
	struct store_audit_verdict verdict;
	audit_verified_fn *fn;
	void *arg;
};

static bool verifying;

static void verify_add_problem(const char *sentence, void *arg)
{
	json_t *problems = arg;
	if (json_array_size(problems) < PROBLEMS_MAX)
		json_array_append_new(problems, json_string(sentence));
	else if (json_array_size(problems) == PROBLEMS_MAX)
		json_array_append_new(problems, json_string("there are more problems than are listed here"));
}

static void verify_work(struct job *job)
{
	struct verify_job *verify = (struct verify_job *)job;
	struct store_reader *reader;
	verify->error = store_reader_open(ledger.state_dir, &reader);
	if (verify->error < 0)
		return;
	verify->error = store_verify_audit(reader, verify->has_known ? &verify->known : NULL, verify_add_problem, verify->problems, &verify->verdict);
	bool missing = false;
	if (verify->error == 0 && store_audit_head_is_missing(reader, &missing) == 0 && missing)
		verify_add_problem("the head, which names the last line, is gone: no line can be added; sisctl check --repair sets it to the last line", verify->problems);
	store_reader_close(reader);
}

static void verify_done(struct completion *completion)
{
	struct verify_job *verify = (struct verify_job *)completion;
	verifying = false;
	if (verify->error == 0 && json_array_size(verify->problems) > 0)
		log_event(&LOG(AUDIT_BROKEN, .reason = json_string_value(json_array_get(verify->problems, 0))));
	verify->fn(verify->error, verify->problems, &verify->verdict, verify->arg);
	free(verify);
}

int audit_verify_start(const struct store_audit_head *known, audit_verified_fn *fn, void *arg)
{
	if (verifying)
		return -SIS_ERR_BUSY;
	struct verify_job *verify = calloc(1, sizeof(*verify));
	json_t *problems = json_array();
	if (verify == NULL || problems == NULL) {
		free(verify);
		json_decref(problems);
		return -SIS_ERR_NO_MEMORY;
	}
	*verify = (struct verify_job){ .job = { .completion.done = verify_done, .work = verify_work }, .has_known = known != NULL, .problems = problems,
	                               .fn = fn, .arg = arg };
	if (known != NULL)
		verify->known = *known;
	verifying = true;
	pool_submit(&verify->job);
	return 0;
}

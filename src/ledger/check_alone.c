/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * `sisctl check --offline`: the ledger as the only role, for a store that sisd cannot start with, or is not to. It has its own user id and sandbox as ever, looks,
 * mends, writes one reply, as the control socket would, and ends. A damaged database is saved first, as far as it can be read. */
#include "ledger/check.h"

#include "base/error.h"
#include "base/util.h"
#include "ipc/role.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define PROGRESS_NS 1000000000u
#define SAVED "the rows that could be read are in a new database, and the damaged one is kept in lost/"

static struct { struct store_writer *writer; int fd; uint64_t told_ns; } alone = { .fd = -1 };

/* ------------------------------------------------ answers ------------------------------------------------ */

static int alone_answer(json_t *message)
{
	CLEANUP_FREE char *text = message != NULL ? json_print(message) : NULL;
	int r = text != NULL ? fd_write_all(alone.fd, text, strlen(text) + 1) : -SIS_ERR_NO_MEMORY;
	json_decref(message);
	return r;
}

static int alone_fail(int error, const char *detail)
{
	(void)alone_answer(json_pack("{s:s, s:{s:s, s:s}}", "error", CONTROL_INTERFACE ".Failed", "parameters", "error", error_name(error), "detail", detail));
	return error_exit_status(error);
}

/* The master is told to stop, or is gone; nobody reads the answer any more. And on the way, how far it is. */
bool check_alone_ends(struct check_job *job)
{
	struct pollfd fds[2] = { { .fd = ROLE_MASTER_FD, .events = POLLIN }, { .fd = alone.fd } };
	uint64_t now = time_monotonic_ns();
	if (poll(fds, 2, 0) > 0 && (fds[0].revents != 0 || (fds[1].revents & (POLLERR | POLLHUP)) != 0))
		return true;
	if (now - alone.told_ns >= PROGRESS_NS) {
		alone.told_ns = now;
		(void)alone_answer(json_pack("{s:o, s:b}", "parameters", check_print_progress(job), "continues", true));
	}
	return false;
}

/* ------------------------------------------------ the store ------------------------------------------------ */

static int alone_mend(struct check_job *job, const struct store_problem *problem, const struct store_mending *mending)
{
	struct store_mended mended = { 0 };
	int r = store_begin(alone.writer);
	if (r == 0)
		r = check_mend_one(alone.writer, job, problem, mending, &mended);
	if (r == 0)
		r = store_commit(alone.writer);
	else
		store_rollback(alone.writer);
	if (r == 0)
		check_log_mend(job, problem, &mended);
	return r;
}

static void alone_add(struct check_job *job, const char *sentence, bool mended)
{
	struct store_problem problem = { .kind = PROBLEM_DATABASE };
	text_for_terminal(span_from_string(sentence), problem.sentence, sizeof(problem.sentence));
	check_take(&problem, job);
	if (job->n_problems > 0 && mended) {
		job->problem[job->n_problems - 1].mended = true;
		job->problem[job->n_problems - 1].deed = SAVED;
		job->n_mended++;
	}
}

static void alone_salvaged(const char *sentence, void *arg)
{
	alone_add(arg, sentence, true);
	log_event(&LOG(REPAIRED, .peer = ((struct check_job *)arg)->by, .reason = sentence, .detail = SAVED));
}

/* 0, also when it is too damaged to be opened: that is what was found then. */
static int alone_look(struct check_job *job, struct store_reader **ret_reader)
{
	char why[512];
	int r = store_writer_open(ledger.state_dir, &alone.writer, why, sizeof(why));
	if (r == -SIS_ERR_DAMAGED) {
		alone_add(job, why, false);
		return 0;
	}
	/* Changes nothing, but makes the index of the write-ahead log, which readers need and may not make. */
	if (r == 0)
		r = store_begin(alone.writer);
	if (r == 0)
		r = store_commit(alone.writer);
	if (r == 0)
		r = store_reader_open(ledger.state_dir, ret_reader);
	return r < 0 ? r : check_look(job, *ret_reader, true);
}

static void alone_close(struct store_reader **reader)
{
	store_reader_close(*reader);
	store_writer_close(alone.writer);
	*reader = NULL;
	alone.writer = NULL;
}

static bool alone_is_damaged(const struct check_job *job)
{
	for (unsigned i = 0; i < job->n_problems; i++) {
		if (job->problem[i].problem.kind == PROBLEM_DATABASE)
			return true;
	}
	return false;
}

/* What was found before in a damaged database is looked for again in the new one. */
static int alone_salvage(struct check_job *job, struct store_reader **reader)
{
	alone_close(reader);
	job->n_problems = 0;
	int r = store_salvage(ledger.state_dir, alone_salvaged, job);
	if (r == -SIS_ERR_DAMAGED || r == -SIS_ERR_NO_INPUT) {
		alone_add(job, "not even the beginning of the database can be read, and nothing was changed: only a backup helps, sis-backup(7)", false);
		if (job->n_problems > 0)
			job->problem[0].error = r;
		return 0;
	}
	if (r == 0 && job->n_problems == 0)
		alone_salvaged("the database was damaged: all rows were saved, in a new one", job);
	return r < 0 ? r : alone_look(job, reader);
}

static int alone_work(struct check_job *job)
{
	struct store_reader *reader = NULL;
	int r = alone_look(job, &reader);
	if (r == 0 && job->repair && alone_is_damaged(job))
		r = alone_salvage(job, &reader);
	if (r == 0 && job->repair && reader != NULL)
		check_mend_all(job, reader, alone.writer, alone_mend);
	alone_close(&reader);
	return r;
}

int check_alone(const struct message_check_store *message, int fd)
{
	struct check_job *job = calloc(1, sizeof(*job));
	alone.fd = fd;
	alone.told_ns = time_monotonic_ns();
	if (job == NULL)
		return alone_fail(-SIS_ERR_NO_MEMORY, error_text(SIS_ERR_NO_MEMORY));
	job->full = message->full != 0;
	job->repair = message->repair != 0;
	job->remove_lost = message->remove_lost != 0;
	job->recover_items = message->recover_items != 0;
	job->alone = true;
	snprintf(job->by, sizeof(job->by), "sisctl check --offline");
	int r = alone_work(job);
	if (r == 0) {
		check_log_left(job, log_event);
		r = alone_answer(json_pack("{s:o}", "parameters", check_print(job)));
	} else {
		r = alone_fail(r, r == -SIS_ERR_UNKNOWN_SUITE ? "the database was made by a newer sis: install that one" : error_text(r));
	}
	check_free(job);
	return r < 0 ? EX_IOERR : r;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A check of the store under way: beside the daemon (check.c), or alone (check_alone.c). */
#pragma once

#include "ledger/control.h"
#include "ledger/ledger.h"

#include <stdatomic.h>

struct check_problem {
	struct store_problem problem;
	bool mended, put_back, read_back;
	const char *deed;                       /* what was done, in words */
	int error;
};

struct check_job {
	struct job job;                         /* first */
	struct control_call *call;              /* NULL: who asked is gone */
	char by[64];
	bool full, repair, remove_lost, recover_items, alone;
	bool staged, read_back;                 /* of the mend that is being done */
	const char *deed;
	atomic_bool ends;
	atomic_ulong n_items, n_all, bytes;     /* how far it is */
	int error;
	struct check_problem *problem;
	unsigned n_problems, capacity, n_untold, n_mended;
	struct store_check_result result;
};

typedef int check_mend_fn(struct check_job *job, const struct store_problem *problem, const struct store_mending *mending);

int  check_look(struct check_job *job, struct store_reader *reader, bool alone);
void check_mend_all(struct check_job *job, struct store_reader *reader, struct store_writer *writer, check_mend_fn *mend);
/* In a transaction: the mend and its line in the audit trail; logged when the transaction is durable. */
int  check_mend_one(struct store_writer *writer, struct check_job *job, const struct store_problem *problem, const struct store_mending *mending,
                    struct store_mended *ret_mended);
void check_log_mend(struct check_job *job, const struct store_problem *problem, const struct store_mended *mended);
void check_log_left(const struct check_job *job, void (*log)(const struct log_args *args));
void check_take(const struct store_problem *problem, void *arg);       /* arg: the job */
/* check_object.c: 0; 1: none of its owner's devices can open it; negative: it is nothing to read back. why: in words. The item in the bundle, released by the
 * caller, has no grants but its owner's. */
int  check_verify_object(struct store_reader *reader, const struct store_problem *problem, int fd, struct bundle *bundle, char ret_why[STORE_WHY_TEXT]);
int  check_read_object(struct store_reader *reader, int fd, struct store_problem *about, char ret_why[STORE_WHY_TEXT]);
bool check_alone_ends(struct check_job *job);           /* check_alone.c */
json_t *check_print_progress(const struct check_job *job);
json_t *check_print(const struct check_job *job);       /* the reply */
bool check_job_ends(void *job);
void check_free(struct check_job *job);

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A check of the store under way: beside the daemon (check.c), or alone (check_alone.c). */
#pragma once

#include "ledger/control.h"
#include "ledger/ledger.h"

#include <stdatomic.h>

struct check_problem { struct store_problem problem; bool mended, put_back; int error; };

struct check_job {
	struct job job;                         /* first */
	struct control_call *call;              /* NULL: who asked is gone */
	char by[64];
	bool full, repair, remove_lost, alone;
	bool staged;                            /* of the mend that is being done */
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
bool check_alone_ends(struct check_job *job);           /* check_alone.c */
json_t *check_print_progress(const struct check_job *job);
json_t *check_print(const struct check_job *job);       /* the reply */
void check_free(struct check_job *job);

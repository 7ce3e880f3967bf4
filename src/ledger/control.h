/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A call on the control socket while it is being answered. It outlives its connection when whoever called goes away in the middle. */
#pragma once

#include "ledger/control_call.h"

struct control_connection;

struct control_call {
	struct control_connection *connection;  /* NULL when it is gone */
	struct control_call_text text;
	char by[64];                            /* who calls, for the log: "root", "uid 1000" */
	/* For calls with many replies: called when everything sent was taken; the call is alive until its last reply. */
	void (*on_drained)(struct control_call *call);
	void (*on_gone)(struct control_call *call);     /* the connection is gone; ends the call with control_end() */
	void *state;                            /* the handler's */
};

const char *control_string(const struct control_call *call, const char *name);          /* "" when absent */
/* Each takes parameters (NULL: {}), and ends and frees the call unless continues. */
void control_reply(struct control_call *call, json_t *parameters, bool continues);
void control_fail(struct control_call *call, const char *error, json_t *parameters);
/* Chooses among the interface's errors. */
void control_fail_error(struct control_call *call, int error, const char *detail);
void control_end(struct control_call *call);            /* without a reply */
bool control_is_drained(const struct control_call *call);

/* control_connection.c: takes the descriptor when it returns 0; by: who calls, for the log. */
int control_connection_start(int fd, const char *by);
unsigned control_connection_count(void);

/* control_methods.c */
void control_dispatch(struct control_call *call);
int methods_set_time(json_t *object, const char *name, int64_t seconds);                /* null for 0; -1 on no memory */
void methods_fail(struct control_call *call, int error, const char *detail);            /* chooses among the interface's errors */
void methods_reply_list(struct control_call *call, int error, const char *name, json_t *list);
/* operate.c, operate_lists.c */
void operate_set_quota(struct control_call *call);
void operate_remove_item(struct control_call *call);
void operate_revoke_invites(struct control_call *call);
void operate_disable_user(struct control_call *call);
void operate_enable_user(struct control_call *call);
void operate_disconnect(struct control_call *call);
void operate_list_quotas(struct control_call *call);
void operate_list_items(struct control_call *call);
void operate_list_invites(struct control_call *call);

/* logs.c, status.c, backup.c, check.c */
void check_start(struct control_call *call);
void clock_accept(struct control_call *call);
void authority_list(struct control_call *call);
void authority_roll_over(struct control_call *call);
void backup_start(struct control_call *call);
void backup_end(struct control_call *call);
void logs_start(struct control_call *call);
void status_start(struct control_call *call);
/* What the master knows of the roles, and the ledger's own figures; borrowed by fn, NULL with an error (negative). Loop thread. */
typedef void status_fn(int error, json_t *status, void *arg);
int status_collect(status_fn *fn, void *arg);           /* 0, or NO_MEMORY: then fn is not called */

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the commands of sisctl share. A command is one file with one function; commands.c has the table. */
#pragma once

#include "sisctl/output.h"
#include "sisctl/varlink.h"

#include <stdbool.h>

#define SISCTL_DEFAULT_SOCKET "/run/sis/control.sock"
#define SISCTL_DEFAULT_UNIT "sisd.service"
#define INSTANCE_MAX 64

struct sisctl {
	const char *socket;
	const char *named_by;                   /* the option that has named the server, or NULL */
	bool json, default_socket;              /* nobody has named a daemon whose unit is not known */
	char instance_socket[INSTANCE_MAX + 32], unit[INSTANCE_MAX + 32];       /* of --instance */
	struct varlink *varlink;                /* connected by sisctl_call() */
};

/* value: what the option takes, as the help calls it and completion knows it ("USER", "DIR"); NULL: nothing */
struct command_option { char letter; const char *name, *value, *help; };

struct command {
	const char *name, *arguments, *help;
	int min_arguments, max_arguments;
	const struct command_option *options;   /* ended by a row without name; NULL for none */
	/* values: by row of options: the value, or "" for an option without one, or NULL when it was not given. Returns an exit status. */
	int (*run)(struct sisctl *sisctl, char **arguments, const char *const *values);
};
#define COMMAND_OPTIONS_MAX 12

int command_add(struct sisctl *sisctl, char **arguments, const char *const *values);
int command_invite(struct sisctl *sisctl, char **arguments, const char *const *values);
int command_list(struct sisctl *sisctl, char **arguments, const char *const *values);
int command_revoke(struct sisctl *sisctl, char **arguments, const char *const *values);
int command_certs(struct sisctl *sisctl, char **arguments, const char *const *values);
int command_logs(struct sisctl *sisctl, char **arguments, const char *const *values);
int command_status(struct sisctl *sisctl, char **arguments, const char *const *values);
int command_audit(struct sisctl *sisctl, char **arguments, const char *const *values);
int command_check(struct sisctl *sisctl, char **arguments, const char *const *values);
int command_top(struct sisctl *sisctl, char **arguments, const char *const *values);
int command_metrics(struct sisctl *sisctl, char **arguments, const char *const *values);
int command_quota(struct sisctl *sisctl, char **arguments, const char *const *values);
int command_items(struct sisctl *sisctl, char **arguments, const char *const *values);
int command_rm(struct sisctl *sisctl, char **arguments, const char *const *values);
int command_invites(struct sisctl *sisctl, char **arguments, const char *const *values);
int command_user(struct sisctl *sisctl, char **arguments, const char *const *values);
int command_disconnect(struct sisctl *sisctl, char **arguments, const char *const *values);
int command_backup(struct sisctl *sisctl, char **arguments, const char *const *values);
int command_clock(struct sisctl *sisctl, char **arguments, const char *const *values);
int command_ca(struct sisctl *sisctl, char **arguments, const char *const *values);
int command_restore(struct sisctl *sisctl, char **arguments, const char *const *values);

/* commands.c */
extern const struct command sisctl_commands[];
extern const size_t sisctl_n_commands;
const struct command *commands_find(const char *name);          /* NULL: there is none */

/* help.c. All commands; one with its options. Lines of 80 columns. */
void help_print_all(FILE *file);
void help_print_command(const struct command *command);

/* instance.c. False: that is no name of an instance. */
bool sisctl_take_instance(struct sisctl *sisctl, const char *name);
void sisctl_each_instance(void (*found)(const char *name, const char *typed), const char *typed);

/* complete.c: the words after "sisctl", the last one being the one to complete; prints candidates with a tab and a description, or ":files". */
void complete_line(struct sisctl *sisctl, const struct command *commands, size_t n_commands, char **words, int n);

/* call.c. Connects when that has not been done, sends one call of io.sis.control (method without the interface's name). Takes over parameters.
 * Returns 0, or the exit status after having told the user why. */
int sisctl_send(struct sisctl *sisctl, const char *method, json_t *parameters, bool more);
/* Receives one reply: 0, or the exit status after having told the user what the daemon refused and why. */
int sisctl_receive(struct sisctl *sisctl, struct varlink_reply *ret_reply);
/* The same, but for one refusal, which the caller has an answer to: then *ret_expected is set. ret_expected NULL: none is. */
int sisctl_receive_unless(struct sisctl *sisctl, const char *expected, struct varlink_reply *ret_reply, bool *ret_expected);
/* Both, for the calls with one reply. */
int sisctl_call(struct sisctl *sisctl, const char *method, json_t *parameters, struct varlink_reply *ret_reply);

/* {name: value} for each pair until a NULL name; pairs without a value are left out. Aborts on no memory. */
json_t *parameters_new(const char *name, const char *value, ...) __attribute__((sentinel));

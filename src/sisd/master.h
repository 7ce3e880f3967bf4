/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The master's state, and what its files offer each other. The master never parses a byte from the network: it opens what must be opened,
 * starts the roles, hands each its slice, watches them, and writes the log. */
#pragma once

#include "base/error.h"
#include "base/json.h"
#include "base/limit.h"
#include "base/log.h"
#include "base/loop.h"
#include "conf/conf.h"
#include "ipc/channel.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#define MASTER_WORKERS_MAX 64           /* of the option workers */
#define MASTER_PLACES (2 * MASTER_WORKERS_MAX)          /* for those, and for as many that are retiring */
#define EVENTS_PER_ROUND 100000         /* that a role may log in a round of the watchdog, 10 s: more would fill the disk for a compromised one */
#define SAID_MAX 768                     /* of a line that a role writes to standard error */
#define ADDRESS_TEXT 64                 /* "[2001:db8::1]:7443" */

struct master_options {                 /* the command line */
	const char *conf_path;
	bool conf_path_given;           /* only then must the file exist */
	const char *libexec_dir;
	const char *ready_file;         /* NULL: none */
	bool log_to_stderr;
	bool full, repair, remove_lost, recover_items; /* with --check-store */
};

/* Whom a role becomes; both UINT32_MAX when sisd was not started as root. */
struct user { uid_t uid; gid_t gid; };

struct users {
	bool separate;                  /* started as root */
	struct user signer, ledger, worker;
	gid_t control_group;
};

struct listeners {
	int fd[CONF_LIST_MAX];
	char address[CONF_LIST_MAX][ADDRESS_TEXT];      /* as bound: port 0 is resolved */
	uint16_t first_port;
	unsigned n;
	int control_fd;
	bool control_is_ours;           /* made here, so removed here */
	int metrics_fd;                 /* on loopback; -1: none */
	char metrics_address[ADDRESS_TEXT];
};

enum process_state { PROCESS_ABSENT, PROCESS_STARTING, PROCESS_READY, PROCESS_RETIRING, PROCESS_STOPPING };      /* retiring: it serves to the end who is there */

struct process {                        /* a role's place; the process in it may change */
	struct master *master;
	enum role role;
	unsigned index;                 /* of a worker's place */
	bool wanted;                    /* a worker that is replaced when it ends; else the place is empty, or who is there is on its way out */
	enum process_state state;
	pid_t pid;                      /* 0: none */
	int status_fd;                  /* its /proc/PID/status (measure.c); -1: none */
	struct channel *channel;        /* NULL: none, or broken */
	bool exited;                    /* waited for, but its last words may still be in the channel */
	int wait_status;
	bool broke_protocol;
	const char *end_reason;         /* static: why the master ended it; NULL otherwise */
	struct loop_source *timer;      /* respawn when absent, kill when it should be gone */
	unsigned backoff_ms, restarts, early_deaths;
	int64_t since;
	uint64_t started_ns;
	bool heard;                     /* since the last round of the watchdog */
	unsigned silent_rounds;
	unsigned n_events;              /* logged in this round */
	char sandbox[256], route[128], peer[128];
	int said_fd;                    /* where it writes to standard error; -1: nobody is there */
	struct loop_source *said_source;
	char said[SAID_MAX];            /* of a line that has not ended */
	size_t said_size;
	uint32_t connections, watchers, penalised;
};

enum master_phase { MASTER_STARTING, MASTER_RUNNING, MASTER_STOPPING_WORKERS, MASTER_STOPPING_LEDGER, MASTER_STOPPING_SIGNER };

struct master {
	struct master_options options;
	struct conf *conf;
	struct users users;
	struct listeners listeners;
	struct loop *loop;
	int lock_fd, keys_fd;
	char sandbox[256];
	int64_t started;
	enum master_phase phase;
	bool started_once;
	struct process signer, ledger, workers[MASTER_PLACES];
	unsigned n_workers;             /* wanted now, in any places */
	struct loop_source *stop_timer, *watchdog_timer, *notify_timer;
	uint64_t watchdog_due_ns, watchdog_interval_us; /* systemd's interval: 0 without one */
	unsigned watchdog_round_ms;
	char silence[64];               /* "it did not answer for 30 seconds" */
	bool stop_killed;               /* in this phase of stopping, who did not stop was killed */
	bool reload_wanted;             /* SIGHUP came before the start was over */
	bool alone;                     /* no daemon: one role for --check or --check-store, whose end is ours */
	bool identity_checked;          /* the signer has answered --check: */
	int identity_status;
	int exit_status;
	uint64_t refusals[SIS_ERR_END]; /* by error, as the workers have told since the start */
	uint64_t limits[LIMIT_END];     /* how often each held somebody back, likewise */
	int64_t server_not_after, external_not_after;   /* 0: not told yet; there is none */
	uint64_t n_events[EVENT_END], n_left_out;       /* raised since the start, by event; lines that LIMIT_HIT only counted */
};

/* One sentence on standard error, for what ends the start. Held, it is only kept, for the log: a reload must not end anything. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
void complain_as_is(const char *text);
void complain_hold(bool hold);
const char *complain_held(void);

/* master.c: each returns a sysexits status. */
int master_run(const struct master_options *options);
int master_check(const struct master_options *options);        /* check.c */
int master_check_store(const struct master_options *options);  /* store_check.c */
struct master *master_new(const struct master_options *options);
void master_close(struct master *master);
bool master_is_stopping(const struct master *master);
void master_role_ready(struct process *process);

/* configuration.c */
int load_or_tell(const struct master_options *options, struct conf **ret_conf);
int master_load_conf(const struct master_options *options, struct conf **ret_conf, char **ret_problems);
unsigned master_count_workers(const struct conf *conf);
bool state_dir_is_default(const struct conf *conf);
char *conf_lines_join(const struct conf_list *list);            /* one entry a line; malloc'd */

/* check.c: what the signer says of tls_certificate and tls_key */
void check_identity_heard(struct master *master, uint32_t status, const char *detail);

/* users.c */
int users_resolve(const struct conf *conf, struct users *ret_users);

/* state.c: makes the tree, takes the lock; *ret_keys_fd is the open keys directory. */
int state_open(const struct conf *conf, const struct users *users, int *ret_lock_fd, int *ret_keys_fd);
int state_check(const struct conf *conf, const struct users *users);    /* the same, but makes and takes nothing */

/* owner.c. Between begin and end, files are made and opened as that user; errno is kept. The signal goes out as the role's user. */
void owner_begin(struct user owner);
void owner_end(void);
int owner_signal(const struct process *process, int signal_number);

/* listen.c, control.c */
int listen_open(const struct conf *conf, struct listeners *listeners);
unsigned listen_inherited_fds(void);    /* how many descriptors systemd passed */
void listen_close(struct listeners *listeners);
int control_open(const char *path, const struct users *users, int *ret_fd);
int listen_check(const struct conf *conf);      /* listen_check.c; of both only what is wrong whoever runs now */
int control_check(const char *path);
/* By errno: a sentence and its status; whether it is an address of IPv6 on a host without that. */
int complain_listen(const char *option, const char *text);
bool listen_may_leave_out(const struct sockaddr_storage *address, const char *text);

/* spawn.c: forks and executes the role and opens its channel. */
int spawn_role(struct process *process);
int spawn_check_programs(const char *libexec_dir);

/* external.c. Both -1 when tls_certificate is not given; returns a sysexits status. Elsewhere: they are credentials, which only the service has. */
int external_tls_open(const struct conf *conf, int ret_fds[2]);
bool external_tls_is_elsewhere(const struct conf *conf);

/* said.c: what a role writes to standard error becomes lines of the log. ret_fds: ours, and what becomes the role's. begin takes fd. */
int said_open(int ret_fds[2]);
int said_begin(struct process *process, int fd);
void said_end(struct process *process);

/* slices.c */
void slice_start_signer_and_ledger(struct master *master);
void slice_start_worker(struct process *worker);
void slice_configure(struct process *process);  /* CONFIG_* */
void slice_tell_worker_gone(struct process *worker);

/* hear.c: what the roles say. */
void hear_packet(struct channel *channel, struct channel_packet *packet, void *arg);
void hear_broken(struct channel *channel, int error, const char *reason, void *arg);

/* backoff.c: before a start after others that did not last. false: it was told to end instead. forget: the next start does not wait. */
bool backoff_wait(struct master *master);
void backoff_started(struct master *master);
void backoff_forget(void);

/* supervise.c */
void supervise_start(struct process *process);
int supervise_begin(struct master *master);     /* SIGCHLD and the watchdog */
void supervise_check_ended(struct process *process);
void supervise_kill(struct process *process, int signal_number, const char *reason);
void supervise_retire(struct process *worker);
bool process_is_alive(const struct process *process);
const char *process_name(const struct process *process);        /* "worker" */

/* stop.c */
void stop_begin(struct master *master, const char *reason, int exit_status);
void stop_advance(struct master *master);

/* measure.c: what the kernel says of a process; -1 for what it does not say */
struct measure { int64_t uid, gid, capabilities, no_new_privileges, seccomp, threads, memory_kib; bool confined; };
void measure_offer(int channel_fd);             /* in the child */
int measure_take(int channel_fd);               /* in the master: the descriptor of its /proc/PID/status, or -1 */
bool measure_waits_for_disk(int status_fd);
bool measure_process(int status_fd, const struct process *process, struct measure *ret_measure);
void measure_add(json_t *row, const struct measure *measure);

/* status.c: adds what a role says, which may be anything, and stops at what a number in JSON can hold. */
void status_count(uint64_t *sum, uint64_t more);

/* reload.c, notify.c, status.c, journal.c */
void reload_configuration(struct master *master);
void notify_begin(struct master *master);
void notify_ready(struct master *master, const char *trouble);  /* trouble: more words for its status */
void notify_failed(const char *why);
void notify_reloading(void);
void notify_stopping(void);
void notify_extend_start(uint64_t microseconds);
void notify_delayed(unsigned n_starts, unsigned seconds);
char *status_print(const struct master *master);                /* JSON, malloc'd; NULL on no memory */
uint64_t limits_max_connections(const struct conf *conf);       /* limits.c: in force, with the descriptors that there are */
json_t *penalised_json(const struct master *master);            /* limits.c */
json_t *limits_json(const struct master *master);                /* limits.c */
void journal_begin(struct master *master);
void journal_log(struct master *master, enum role sender, const struct log_args *args);
void journal_tell_lost(struct master *master);          /* LOG_LOST, when there is something to tell and who takes it */

/* datagram.c. Neither ever waits longer than patience_ms; send returns an errno, or 0. */
int datagram_connect(const char *name, int *ret_fd);
int datagram_send(int fd, const char *data, size_t size, int patience_ms);

/* journal_send.c: false when it was not taken; never waits for more than a moment */
bool journal_send(const char *fields, size_t size);     /* NAME=value lines, each with its line feed */
bool stderr_send(const char *line, size_t size);

/* Usage: MASTER_LOG(master, STARTED, .detail = "...") */
#define MASTER_LOG(master_, name_, ...) journal_log((master_), ROLE_MASTER, &LOG(name_, __VA_ARGS__))

/* for (...) over every place, the signer's and ledger's first */
struct process *master_process(struct master *master, unsigned n);      /* NULL beyond the last */
#define MASTER_FOR_EACH(master_, process_) \
	for (unsigned n_##process_ = 0; ((process_) = master_process((master_), n_##process_)); n_##process_++)

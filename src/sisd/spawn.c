/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Fork and execute: a role starts from a fresh image, with its channel as descriptor 3, a pipe to us as standard error for libc's last words (said.c), and
 * nothing of the master's. */
#include "sisd/master.h"
#include "base/error.h"
#include "base/util.h"
#include "ipc/role.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define ENVIRONMENT_MAX 8
#define WORKER_OOM_MORE 500

static const char *role_program(enum role role)
{
	return role == ROLE_SIGNER ? "sisd-signer" : role == ROLE_LEDGER ? "sisd-ledger" : "sisd-worker";
}

/* Nothing of who started the master reaches a role, except what a sanitizer build is told. */
static void environment_fill(char *environment[ENVIRONMENT_MAX])
{
	unsigned n = 0;

	environment[n++] = xstrdup("PATH=/usr/sbin:/usr/bin:/sbin:/bin");
	environment[n++] = xstrdup("LANG=C.UTF-8");
#ifdef SIS_SANITIZERS
	static const char *const names[] = { "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS" };

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		const char *value = getenv(names[i]);

		if (value)
			environment[n++] = xasprintf("%s=%s", names[i], value);
	}
#endif
	environment[n] = NULL;
}

static void signals_reset(void)
{
	static const struct sigaction by_default = { .sa_handler = SIG_DFL }, ignore = { .sa_handler = SIG_IGN };
	sigset_t none;

	for (int signal_number = 1; signal_number < NSIG; signal_number++)
		sigaction(signal_number, &by_default, NULL);
	sigaction(SIGPIPE, &ignore, NULL);              /* survives execve: a closed socket is an error, not an end */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* When memory ends, a worker goes first: it is the one that strangers make grow, and the one that is replaced without anybody noticing. */
static void offer_to_oom_killer(void)
{
	CLEANUP_FD int fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
	char text[16] = "";
	int score;

	if (fd < 0 || read(fd, text, sizeof text - 1) <= 0)
		return;
	score = atoi(text) + WORKER_OOM_MORE;
	(void)!dprintf(fd, "%d", score < 1000 ? score : 1000);
}

/* In the child. The terminal's Ctrl-C is for the master alone, which stops the roles in order: hence the session of its own. */
__attribute__((noreturn))
static void child_execute(enum role role, const char *path, int channel_fd, int said_fd, char *environment[])
{
	char *argv[] = { xstrdup(role_program(role)), NULL };
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	setsid();
	measure_offer(channel_fd);
	if (role == ROLE_WORKER)
		offer_to_oom_killer();
	signals_reset();
	if (channel_fd == ROLE_MASTER_FD)
		fcntl(channel_fd, F_SETFD, 0);
	else if (dup2(channel_fd, ROLE_MASTER_FD) < 0)
		_exit(EX_OSERR);
	if (null_fd < 0 || dup2(null_fd, STDIN_FILENO) < 0 || dup2(null_fd, STDOUT_FILENO) < 0)
		_exit(EX_OSERR);
#ifndef SIS_SANITIZERS          /* whose reports are long, and looked for as they are */
	if (dup2(said_fd, STDERR_FILENO) < 0)
		_exit(EX_OSERR);
#endif
	if (close_range(ROLE_MASTER_FD + 1, ~0U, 0) < 0)
		_exit(EX_OSERR);
	execve(path, argv, environment);
	complain_hold(false);
	complain("%s: cannot be executed: %s", path, strerror(errno));
	_exit(errno == ENOENT ? EX_UNAVAILABLE : EX_OSERR);
}

int spawn_check_programs(const char *libexec_dir)
{
	static const enum role roles[] = { ROLE_SIGNER, ROLE_LEDGER, ROLE_WORKER };

	for (unsigned i = 0; i < ARRAY_SIZE(roles); i++) {
		CLEANUP_FREE char *path = xasprintf("%s/%s", libexec_dir, role_program(roles[i]));

		if (access(path, X_OK) < 0) {
			complain("%s: cannot be executed: %s: give the directory of the roles' programs with -L", path, strerror(errno));
			return EX_UNAVAILABLE;
		}
	}
	return 0;
}

static void environment_free(char *environment[ENVIRONMENT_MAX])
{
	for (char **at = environment; *at; at++)
		free(*at);
}

int spawn_role(struct process *process)
{
	CLEANUP_FREE char *path = xasprintf("%s/%s", process->master->options.libexec_dir, role_program(process->role));
	char *environment[ENVIRONMENT_MAX];
	CLEANUP_FD int ours = -1, theirs = -1, said = -1, says = -1;
	int fds[2], r;
	pid_t pid;

	r = channel_pair(fds);
	if (r < 0)
		return r;
	ours = fds[0];
	theirs = fds[1];
	r = said_open(fds);
	if (r < 0)
		return r;
	said = fds[0];
	says = fds[1];
	environment_fill(environment);
	pid = fork();
	if (pid == 0)
		child_execute(process->role, path, theirs, says, environment);
	environment_free(environment);
	if (pid < 0)
		return error_from_errno(errno);
	process->pid = pid;
	theirs = fd_close(theirs);              /* so that a child that ends before its word is not waited for */
	process->status_fd = measure_take(ours);
	r = said_begin(process, fd_take(&said));
	if (r < 0)
		return r;
	r = channel_new(process->master->loop, ours, ROLE_MASTER, process->role, hear_packet, hear_broken, process, &process->channel);
	if (r == 0)
		fd_take(&ours);
	return r;
}

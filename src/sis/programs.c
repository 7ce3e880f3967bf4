/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Starting them, a few at a time. */
#include "sis/programs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOK_EVERY_MS 20
#define END_WAIT_MS 10000

void programs_reap(struct programs *programs)
{
	for (unsigned i = 0; i < PROGRAMS_MAX; i++) {
		pid_t pid = programs->pid[i];
		if (pid > 0 && (waitpid(pid, NULL, WNOHANG) == pid || errno == ECHILD))
			programs->pid[i] = 0;
	}
}

static pid_t *free_place(struct programs *programs)
{
	programs_reap(programs);
	for (unsigned i = 0; i < PROGRAMS_MAX; i++) {
		if (programs->pid[i] == 0)
			return &programs->pid[i];
	}
	return NULL;
}

void programs_wait(struct programs *programs)
{
	for (int waited = 0; waited < END_WAIT_MS; waited += LOOK_EVERY_MS) {
		unsigned n = 0;
		programs_reap(programs);
		for (unsigned i = 0; i < PROGRAMS_MAX; i++)
			n += programs->pid[i] > 0;
		if (n == 0)
			return;
		poll(NULL, 0, LOOK_EVERY_MS);
	}
}

/* In the child. What we ignore or catch is no business of the program's. */
static void become_plain(int output, int error)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	dup2(null, STDIN_FILENO);
	dup2(output >= 0 ? output : null, STDOUT_FILENO);
	dup2(error >= 0 ? error : null, STDERR_FILENO);
	close_range(STDERR_FILENO + 1, ~0u, 0);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
}

int programs_run_shell(struct programs *programs, const char *command, const struct fact *facts, size_t n_facts, bool output_to_stderr, struct why *why)
{
	pid_t *place;
	while ((place = free_place(programs)) == NULL) {
		if (atomic_load(&sis_cancelled))
			return -SIS_ERR_INTERRUPTED;
		poll(NULL, 0, LOOK_EVERY_MS);
	}
	pid_t pid = fork();
	if (pid < 0)
		return why_set(why, error_from_errno(errno), "the command cannot be started: %s", strerror(errno));
	if (pid == 0) {
		become_plain(output_to_stderr ? STDERR_FILENO : STDOUT_FILENO, STDERR_FILENO);
		for (size_t i = 0; i < n_facts; i++)
			setenv(facts[i].name, facts[i].value != NULL ? facts[i].value : "", 1);
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	*place = pid;
	return 0;
}

bool programs_start(struct programs *programs, char *const arguments[])
{
	pid_t *place = free_place(programs);
	pid_t pid = place != NULL ? fork() : -1;
	if (pid == 0) {
		become_plain(-1, -1);
		execvp(arguments[0], arguments);
		_exit(127);
	}
	if (pid > 0)
		*place = pid;
	return pid > 0;
}

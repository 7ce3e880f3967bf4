/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sisctl check --offline: runs sisd --check-store, which takes the store's lock and has a ledger look, under its own user id and in its sandbox. sisctl knows no
 * database; it reads the answer, which is that of the control socket. */
#include "sisctl/check.h"

#include "base/error.h"
#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

extern char **environ;

/* The sisd beside us, and the roles beside it when it was not installed. */
static char *own_directory(void)
{
	char *directory = program_directory();
	return directory != NULL ? directory : xstrdup("/usr/sbin");
}

static int start(const char *directory, const struct check_order *order, bool repair, int out_fd, pid_t *ret_pid)
{
	CLEANUP_FREE char *program = xasprintf("%s/sisd", directory), *ledger = xasprintf("%s/sisd-ledger", directory);
	bool beside = access(ledger, X_OK) == 0;
	const struct { const char *word; bool given; } words[] = {
		{ "sisd", true }, { "--check-store", true }, { "-c", order->conf != NULL }, { order->conf, order->conf != NULL }, { "-L", beside },
		{ directory, beside }, { "--full", order->full }, { "--repair", repair }, { "--remove-lost", repair && order->remove_lost },
		{ "--recover-items", order->recover_items },
	};
	char *arguments[ARRAY_SIZE(words) + 1] = { NULL };
	for (size_t i = 0, n = 0; i < ARRAY_SIZE(words); i++) {
		if (words[i].given)
			arguments[n++] = xstrdup(words[i].word);
	}
	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, out_fd, STDOUT_FILENO);
	int error = posix_spawn(ret_pid, program, &actions, NULL, arguments, environ);
	for (size_t i = 0; arguments[i] != NULL; i++)
		free(arguments[i]);
	posix_spawn_file_actions_destroy(&actions);
	return error == 0 ? 0 : output_error(EX_UNAVAILABLE, "%s cannot be run: %s", program, strerror(error));
}

/* Nothing at all came: sisd has said on standard error why, and its status is ours. */
static bool has_answer(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	while (poll(&poll_fd, 1, -1) < 0 && errno == EINTR)
		;
	return (poll_fd.revents & POLLIN) != 0;
}

int check_offline(const struct check_order *order, bool repair, json_t **ret_reply)
{
	CLEANUP_FREE char *directory = own_directory();
	struct sisctl sisctl = { 0 };
	int fds[2], status = 0;
	pid_t pid;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return output_error(EX_OSERR, "a pipe cannot be made: %s", strerror(errno));
	int r = start(directory, order, repair, fds[1], &pid);
	fd_close(fds[1]);
	if (r != 0) {
		fd_close(fds[0]);
		return r;
	}
	bool answered = has_answer(fds[0]);
	sisctl.varlink = varlink_from_fd(fds[0]);
	if (answered)
		r = check_receive(&sisctl, ret_reply);
	varlink_free(sisctl.varlink);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!answered)
		r = WIFEXITED(status) && WEXITSTATUS(status) != 0 ? WEXITSTATUS(status) : EX_SOFTWARE;
	return r;
}

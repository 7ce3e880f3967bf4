/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sisctl logs, from the journal: journalctl(1) finds and prints, as JSON, what the filter wants. It is started with a list of arguments, no shell; each
 * word of the caller's stands behind "SIS_USER=" and the like. _SYSTEMD_UNIT is what journald itself knows of the sender: nobody else can write into
 * this log by calling himself sisd. */
#include "sisctl/logs.h"

#include "base/error.h"
#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#define ARGUMENTS_MAX 20

extern char **environ;

bool journal_is_readable(void)
{
	static const char *const patterns[] = { "/var/log/journal/*/system.journal", "/run/log/journal/*/system.journal" };
	bool readable = false;
	for (size_t i = 0; i < ARRAY_SIZE(patterns) && !readable; i++) {
		glob_t found = { 0 };
		if (glob(patterns[i], GLOB_NOSORT, NULL, &found) == 0)
			for (size_t j = 0; j < found.gl_pathc && !readable; j++)
				readable = access(found.gl_pathv[j], R_OK) == 0;
		globfree(&found);
	}
	return readable;
}

struct arguments { char *word[ARGUMENTS_MAX + 1]; int n; };

static void __attribute__((format(printf, 3, 4))) add(struct arguments *arguments, const char *value, const char *format, ...)
{
	if (value == NULL || value[0] == '\0' || arguments->n == ARGUMENTS_MAX)
		return;
	va_list args;
	va_start(args, format);
	if (vasprintf(&arguments->word[arguments->n++], format, args) < 0)
		abort();
	va_end(args);
}

static void make_arguments(const struct logs_filter *filter, struct arguments *ret)
{
	*ret = (struct arguments){ 0 };
	const char *always = "always";
	add(ret, always, "journalctl");
	add(ret, always, "--output=json");
	add(ret, always, "--all");
	add(ret, always, "--quiet");
	add(ret, always, "--no-pager");
	add(ret, filter->follow ? always : NULL, "--follow");
	add(ret, filter->follow ? always : NULL, "--no-tail");
	add(ret, filter->since, "--since=@%lld", (long long)filter->since_s);
	/* Before that second, as the audit trail's; journalctl's own is inclusive to the microsecond. */
	add(ret, filter->until, "--until=@%lld.999999", (long long)filter->until_s - 1);
	add(ret, always, "_SYSTEMD_UNIT=%s", filter->unit);
	add(ret, filter->user, "SIS_USER=%s", filter->user);
	add(ret, filter->device, "SIS_DEVICE=%s", filter->device);
	add(ret, filter->item, "SIS_ITEM=%s", filter->item);
	add(ret, filter->event, "SIS_EVENT=%s", filter->event);
}

static pid_t start(const struct arguments *arguments, FILE **ret_lines)
{
	int pipe_fds[2];
	pid_t pid = -1;
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t defaults;
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return -1;
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);          /* which we ignore, and it should not */
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], STDOUT_FILENO);
	posix_spawnattr_setsigdefault(&attributes, &defaults);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
	int error = posix_spawnp(&pid, "journalctl", &actions, &attributes, arguments->word, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	close(pipe_fds[1]);
	*ret_lines = error == 0 ? fdopen(pipe_fds[0], "r") : NULL;
	if (*ret_lines == NULL)
		close(pipe_fds[0]);
	return error == 0 && *ret_lines != NULL ? pid : -1;
}

static int print_lines(FILE *lines, bool json, uint64_t *ret_n)
{
	CLEANUP_FREE char *text = NULL;
	size_t capacity = 0;
	ssize_t size;
	int status = EX_OK;
	while (status == EX_OK && (size = getline(&text, &capacity, lines)) > 0) {
		CLEANUP_JSON json_t *entry = journal_entry_from((struct span){ (const uint8_t *)text, (size_t)size });
		if (entry == NULL)
			continue;
		logs_print_entry(entry, json);
		status = output_finish();
		++*ret_n;
	}
	return status;
}

int journal_print(const struct logs_filter *filter, bool json, bool *ret_failed)
{
	struct arguments arguments;
	FILE *lines = NULL;
	uint64_t n = 0;
	int status = EX_OK, ended = 0;
	make_arguments(filter, &arguments);
	pid_t pid = start(&arguments, &lines);
	if (lines != NULL) {
		status = print_lines(lines, json, &n);
		fclose(lines);
	}
	if (pid > 0) {
		if (status != EX_OK)
			kill(pid, SIGTERM);
		while (waitpid(pid, &ended, 0) < 0 && errno == EINTR)
			;
	}
	for (int i = 0; i < arguments.n; i++)
		free(arguments.word[i]);
	*ret_failed = pid <= 0 || (n == 0 && status == EX_OK && (!WIFEXITED(ended) || WEXITSTATUS(ended) != 0));
	return status;
}

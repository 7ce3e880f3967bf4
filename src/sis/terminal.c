/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Asking a person on the terminal, which stays in order whatever happens. */
#include "sis/terminal.h"

#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <strings.h>
#include <termios.h>
#include <unistd.h>

#define SECRET_MAX_TEXT 512

static int read_line(int fd, char *ret_line, size_t capacity)
{
	size_t size = 0;
	for (;;) {
		struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
		char c;
		if (atomic_load(&sis_cancelled))
			return -SIS_ERR_INTERRUPTED;
		if (poll(&poll_fd, 1, 200) <= 0)
			continue;
		ssize_t n = read(fd, &c, 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || c == '\n')
			break;
		if (size + 1 >= capacity)
			return -SIS_ERR_TOO_LARGE;
		ret_line[size++] = c;
	}
	ret_line[size] = '\0';
	return size > 0 ? 0 : -SIS_ERR_USAGE;
}

int terminal_ask_secret(const char *prompt, char **ret_text, struct why *why)
{
	CLEANUP_FD int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	struct termios old, quiet;
	char line[SECRET_MAX_TEXT];
	if (fd < 0 || tcgetattr(fd, &old) < 0)
		return why_set(why, -SIS_ERR_NO_INPUT, "a secret must be asked for, but there is no terminal; run the command from one");
	quiet = old;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(fd, TCSAFLUSH, &quiet);
	int r = fd_write_all(fd, prompt, strlen(prompt));
	if (r == 0)
		r = read_line(fd, line, sizeof(line));
	tcsetattr(fd, TCSAFLUSH, &old);
	fd_write_all(fd, "\n", 1);
	if (r == 0)
		*ret_text = xstrdup(line);
	secret_wipe(line, sizeof(line));
	return r == -SIS_ERR_USAGE ? why_set(why, -SIS_ERR_BAD_LOGIN, "nothing was typed; run the command again") : r;
}

int terminal_ask_new_secret(const char *prompt, char **ret_passphrase, struct why *why)
{
	char *first = NULL, *second = NULL;
	int r = terminal_ask_secret(prompt, &first, why);
	if (r == 0)
		r = terminal_ask_secret("The same again: ", &second, why);
	if (r == 0 && strcmp(first, second) != 0)
		r = why_set(why, -SIS_ERR_BAD_LOGIN, "the two passphrases differ");
	secret_free_text(second);
	if (r == 0) {
		*ret_passphrase = first;
		return 0;
	}
	secret_free_text(first);
	return r;
}

int terminal_ask_yes(const char *question, bool *ret_yes, struct why *why)
{
	CLEANUP_FD int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	char line[64] = "";
	if (fd < 0)
		return why_set(why, -SIS_ERR_NO_INPUT, "a question must be asked, but there is no terminal; run the command from one");
	int r = fd_write_all(fd, question, strlen(question));
	if (r == 0)
		r = read_line(fd, line, sizeof(line));
	if (r < 0 && r != -SIS_ERR_USAGE && r != -SIS_ERR_TOO_LARGE)
		return r;
	*ret_yes = r == 0 && (strcasecmp(line, "y") == 0 || strcasecmp(line, "yes") == 0);
	return 0;
}

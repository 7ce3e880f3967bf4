/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The terminal in raw mode. */
#include "sis/screen.h"

#include "sis/output.h"
#include "sis/wrap.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* Bracketed paste: what is pasted comes between marks. Terminals that do not know it ignore this. */
#define PASTE_ON "\033[?2004h"
#define PASTE_OFF "\r\033[K\033[?2004l"
#define PROMPT_MAX 128

static struct termios before;
static volatile sig_atomic_t is_open, is_raw, has_changed;
static struct line_editor drawn;        /* what is shown, for whichever thread writes a line above it */
static bool is_drawn;
static char drawn_prompt[PROMPT_MAX];
static uint8_t waiting[4096];
static size_t n_waiting, at_waiting;

bool screen_is_terminal(const struct sis *sis)
{
	return !sis->json && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

/* May run in a signal handler. */
static void leave_raw(void)
{
	if (!is_raw)
		return;
	is_raw = 0;
	ssize_t n = write(STDOUT_FILENO, PASTE_OFF, sizeof(PASTE_OFF) - 1);
	(void)n;
	tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
}

static void enter_raw(void)
{
	struct termios raw = before;
	raw.c_iflag &= ~(tcflag_t)(BRKINT | ICRNL | INLCR | IGNCR | ISTRIP | IXON);
	raw.c_lflag &= ~(tcflag_t)(ECHO | ICANON | ISIG | IEXTEN);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
	is_raw = 1;
	fputs(PASTE_ON, stdout);
	fflush(stdout);
}

/* What ends us without asking: the terminal first, then the end as it would have been. */
static void on_fatal(int number)
{
	leave_raw();
	signal(number, SIG_DFL);
	raise(number);
}

static void on_end(int number)
{
	(void)number;
	if (atomic_load(&sis_cancelled)) {
		leave_raw();
		_exit(130);
	}
	atomic_store(&sis_cancelled, true);
}

static void on_change(int number)
{
	if (number == SIGCONT && is_open && !is_raw)
		has_changed = 2;
	else if (has_changed == 0)
		has_changed = 1;
}

static void catch(int number, void (*handler)(int))
{
	struct sigaction action = { .sa_handler = handler };
	sigaction(number, &action, NULL);
}

static void catch_signals(void)
{
	static const int fatal[] = { SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE, SIGQUIT };
	for (size_t i = 0; i < ARRAY_SIZE(fatal); i++)
		catch(fatal[i], on_fatal);
	catch(SIGINT, on_end);
	catch(SIGTERM, on_end);
	catch(SIGHUP, on_end);
	catch(SIGWINCH, on_change);
	catch(SIGCONT, on_change);
}

unsigned screen_columns(void)
{
	struct winsize size;
	if (!is_open)
		return 0;
	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 10 ? size.ws_col : 80;
}

/* Both run with the output lock held, around whatever is written to either output. */
static void hide(void)
{
	fputs("\r\033[K", stdout);
	fflush(stdout);
}

static void show(void)
{
	static char row[16384];
	unsigned column = 0;
	if (!is_drawn || !is_raw)
		return;
	line_render(&drawn, drawn_prompt, screen_columns(), row, sizeof(row), &column);
	printf("\r\033[K%s\r", row);
	if (column > 0)
		printf("\033[%uC", column);
	fflush(stdout);
}

int screen_open(struct why *why)
{
	static bool at_exit;
	if (tcgetattr(STDIN_FILENO, &before) < 0)
		return why_set(why, -SIS_ERR_SYSTEM, "the terminal cannot be used: %s", strerror(errno));
	if (!at_exit)
		atexit(screen_close);
	at_exit = true;
	is_open = 1;
	catch_signals();
	enter_raw();
	output_set_curtain(hide, show);
	return 0;
}

void screen_close(void)
{
	if (!is_open)
		return;
	output_set_curtain(NULL, NULL);
	is_drawn = false;
	leave_raw();
	is_open = 0;
}

void screen_set_prompt(const char *prompt)
{
	unsigned columns = screen_columns();
	size_t size = wrap_fit(span_from_string(prompt), columns / 3 > 4 ? columns / 3 : 4);
	snprintf(drawn_prompt, sizeof(drawn_prompt), "%.*s> ", (int)(size < sizeof(drawn_prompt) - 4 ? size : sizeof(drawn_prompt) - 4), prompt);
}

void screen_print(const char *text)
{
	output_line("%s", text);
	if (!is_open)
		fflush(stdout);
}

static bool fill(void)
{
	ssize_t n = read(STDIN_FILENO, waiting, sizeof(waiting));
	at_waiting = 0;
	n_waiting = n > 0 ? (size_t)n : 0;
	return n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN));
}

enum line_event screen_read(struct line_editor *line, bool reads)
{
	enum line_event seen = LINE_NOTHING;
	if (reads && at_waiting == n_waiting && !fill())
		return LINE_END;
	while (at_waiting < n_waiting) {
		enum line_event event = line_feed(line, waiting[at_waiting++]);
		if (event != LINE_NOTHING && event != LINE_CHANGED)
			return event;
		seen = event == LINE_CHANGED ? LINE_CHANGED : seen;
	}
	at_waiting = n_waiting = 0;
	if (seen == LINE_CHANGED)
		screen_draw(line);
	return LINE_NOTHING;
}

void screen_draw(const struct line_editor *line)
{
	output_lock();
	memcpy(drawn.text, line->text, line->size + 1);
	drawn.size = line->size;
	drawn.cursor = line->cursor;
	is_drawn = is_open;
	if (is_open)
		show();
	output_unlock();
}

void screen_suspend(void)
{
	leave_raw();
	raise(SIGSTOP);
	enter_raw();
}

bool screen_has_changed(void)
{
	int changed = has_changed;
	has_changed = 0;
	if (changed == 2 && is_open)
		enter_raw();
	return changed != 0;
}

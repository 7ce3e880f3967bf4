/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sisctl top: status, again every second, until q or ^C. For a terminal only, which is left as it was found. */
#include "sisctl/sisctl.h"

#include "base/text.h"
#include "base/util.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sysexits.h>
#include <termios.h>
#include <unistd.h>

#define EVERY_MS 1000

static volatile sig_atomic_t ended;

static void on_end(int signal_number)
{
	ended = signal_number;
}

/* One line, cut to the terminal's width; the daemon's words are harmless already. */
static void put_line(int columns, const char *text)
{
	printf("%.*s\033[K\n", columns, text);
}

static void show_figures(const json_t *status, int columns)
{
	static const char *const members[] = {
		"users", "items", "connections", "watchers", "uploads_in_flight", "commits_in_flight", "batches", "changes", "largest_batch",
	};
	char line[160];
	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		char cell[64];
		output_cell(status, &(struct column){ NULL, members[i], CELL_NUMBER }, cell, sizeof(cell));
		snprintf(line, sizeof(line), "%-20s %12s", members[i], cell);
		put_line(columns, line);
	}
	char size[64];
	output_cell(status, &(struct column){ NULL, "bytes", CELL_SIZE }, size, sizeof(size));
	snprintf(line, sizeof(line), "%-20s %12s", "store", size);
	put_line(columns, line);
}

static void show_roles(const json_t *roles, int columns, int room)
{
	static const struct column cells[] = {
		{ NULL, "role", CELL_TEXT }, { NULL, "pid", CELL_NUMBER }, { NULL, "state", CELL_TEXT }, { NULL, "connections", CELL_NUMBER },
		{ NULL, "watchers", CELL_NUMBER }, { NULL, "restarts", CELL_NUMBER },
	};
	char line[512], cell[ARRAY_SIZE(cells)][64];
	for (size_t i = 0; i < json_array_size(roles) && room-- > 0; i++) {
		for (size_t j = 0; j < ARRAY_SIZE(cells); j++)
			output_cell(json_array_get(roles, i), &cells[j], cell[j], sizeof(cell[j]));
		snprintf(line, sizeof(line), "%-10s %8s  %-9s %11s %9s %9s", cell[0], cell[1], cell[2], cell[3], cell[4], cell[5]);
		put_line(columns, line);
	}
}

static int show(struct sisctl *sisctl)
{
	CLEANUP_REPLY struct varlink_reply reply = { 0 };
	struct winsize size = { 0 };
	int r = sisctl_call(sisctl, "Status", json_object(), &reply);
	if (r != 0)
		return r;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col < 20)
		size = (struct winsize){ .ws_col = 80, .ws_row = 24 };
	const json_t *status = json_object_get(reply.parameters, "status");
	fputs("\033[H", stdout);
	put_line(size.ws_col, "sisd, live (q ends)");
	show_figures(status, size.ws_col);
	put_line(size.ws_col, "ROLE            PID  STATE     CONNECTIONS  WATCHERS  RESTARTS");
	show_roles(json_object_get(status, "roles"), size.ws_col, size.ws_row > 16 ? size.ws_row - 14 : 3);
	fputs("\033[J", stdout);
	return output_finish();
}

static bool is_over(void)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	char key = 0;
	if (poll(&input, 1, EVERY_MS) > 0 && read(STDIN_FILENO, &key, 1) <= 0)
		return true;
	return key == 'q' || key == 'Q' || ended != 0;
}

int command_top(struct sisctl *sisctl, char **arguments, const char *const *values)
{
	struct termios before, raw;
	if (sisctl->json || !isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) || tcgetattr(STDIN_FILENO, &before) < 0)
		return output_error(EX_USAGE, "top is for a terminal; `sisctl status` and `sisctl --json status` say the same once");
	const struct sigaction action = { .sa_handler = on_end };
	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
	(void)sigaction(SIGHUP, &action, NULL);
	raw = before;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	(void)tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	fputs("\033[?25l\033[2J", stdout);
	int r;
	do
		r = show(sisctl);
	while (r == 0 && !is_over());
	fputs("\033[?25h", stdout);
	(void)fflush(stdout);
	(void)tcsetattr(STDIN_FILENO, TCSANOW, &before);
	return ended != 0 ? 0 : r;
}

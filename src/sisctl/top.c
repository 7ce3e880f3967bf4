/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sisctl top: status, again every second, until q or ^C. For a terminal only, which is left as it was found: it is shown on the other screen. */
#include "sisctl/sisctl.h"

#include "base/util.h"

#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sysexits.h>
#include <termios.h>
#include <unistd.h>

#define EVERY_MS 1000
#define OTHER_SCREEN "\033[?1049h\033[?25l"
#define SCREEN_BEFORE "\033[?25h\033[?1049l"

static volatile sig_atomic_t ended;

static void on_end(int signal_number)
{
	ended = signal_number;
}

/* Ends the waiting for the next second; an answer that is being received is received on. */
static void on_resize(int signal_number)
{
}

struct screen { int columns, rows; };

/* One line, cut to the terminal's width; the daemon's words are harmless already. Nothing beyond the last row, which would scroll. */
static void put_line(struct screen *screen, const char *text)
{
	if (screen->rows-- > 0)
		printf("\n%.*s\033[K", screen->columns, text);
}

static double member(const json_t *status, const char *name)
{
	return json_number_value(json_object_get(status, name));
}

static double ratio(double a, double b)
{
	return b > 0 ? a / b : 0;
}

static void put_figure(struct screen *screen, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void put_figure(struct screen *screen, const char *name, const char *format, ...)
{
	char value[64], line[160];
	va_list args;
	va_start(args, format);
	vsnprintf(value, sizeof(value), format, args);
	va_end(args);
	snprintf(line, sizeof(line), "%-20s %16s", name, value);
	put_line(screen, line);
}

static void put_size(struct screen *screen, const json_t *status, const char *name, const char *of)
{
	char text[64];
	output_cell(status, &(struct column){ NULL, of, CELL_SIZE }, text, sizeof(text));
	put_figure(screen, name, "%s", text);
}

/* What has grown since the look before, by the second; nothing at the first look. */
static double rate(const json_t *status, const json_t *before, const char *name, double seconds)
{
	double grown = before != NULL ? member(status, name) - member(before, name) : 0;
	return grown > 0 ? ratio(grown, seconds) : 0;
}

static void put_figures(struct screen *screen, const json_t *status, const json_t *before, double seconds)
{
	static const struct { const char *name, *words; } members[] = {
		{ "users", "users" }, { "items", "items" }, { "connections", "connections" }, { "watchers", "watchers" },
		{ "uploads_in_flight", "uploads in flight" }, { "commits_in_flight", "commits in flight" },
	};
	put_size(screen, status, "store", "bytes");
	put_size(screen, status, "disk free", "disk_free_bytes");
	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		put_figure(screen, members[i].words, "%.0f", member(status, members[i].name));
	put_figure(screen, "changes/s", "%.1f", rate(status, before, "changes", seconds));
	put_figure(screen, "commits/s", "%.1f", rate(status, before, "batches", seconds));
	put_figure(screen, "changes per commit", "%.1f, most %.0f", ratio(member(status, "changes"), member(status, "batches")), member(status, "largest_batch"));
}

static void put_roles(struct screen *screen, const json_t *roles)
{
	static const struct column cells[] = {
		{ NULL, "role", CELL_TEXT }, { NULL, "pid", CELL_NUMBER }, { NULL, "state", CELL_TEXT }, { NULL, "connections", CELL_NUMBER },
		{ NULL, "memory_bytes", CELL_SIZE }, { NULL, "confined", CELL_TEXT }, { NULL, "restarts", CELL_NUMBER },
	};
	char line[512], cell[ARRAY_SIZE(cells)][64];
	put_line(screen, "ROLE        PID STATE       CONN     MEMORY HOLDS RESTARTS");
	for (size_t i = 0; i < json_array_size(roles); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(cells); j++)
			output_cell(json_array_get(roles, i), &cells[j], cell[j], sizeof(cell[j]));
		snprintf(line, sizeof(line), "%-7s %7s %-8s %7s %10s %-5s %8s", cell[0], cell[1], cell[2], cell[3], cell[4], cell[5], cell[6]);
		put_line(screen, line);
	}
}

struct look { struct varlink_reply reply; const json_t *status; uint64_t at_ns; };

static int look(struct sisctl *sisctl, struct look *ret)
{
	int r = sisctl_call(sisctl, "Status", json_object(), &ret->reply);
	ret->status = json_object_get(ret->reply.parameters, "status");
	ret->at_ns = time_monotonic_ns();
	return r;
}

static int show(const struct look *now, const struct look *before)
{
	struct winsize size = { 0 };
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0 || size.ws_row == 0)
		size = (struct winsize){ .ws_col = 80, .ws_row = 24 };
	struct screen screen = { size.ws_col, size.ws_row - 1 };
	printf("\033[H%.*s\033[K", screen.columns, "sisd, live (q ends)");
	put_figures(&screen, now->status, before->status, (double)(now->at_ns - before->at_ns) / 1e9);
	put_roles(&screen, json_object_get(now->status, "roles"));
	fputs("\033[J", stdout);
	return output_finish();
}

/* After a second, or at once when the window has another size. */
static bool is_over(void)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	char key = 0;
	if (poll(&input, 1, EVERY_MS) > 0 && read(STDIN_FILENO, &key, 1) <= 0)
		return true;
	return key == 'q' || key == 'Q' || ended != 0;
}

static int run(struct sisctl *sisctl)
{
	struct look looks[2] = { 0 };
	int r;
	for (unsigned i = 0;; i = !i) {
		varlink_reply_clear(&looks[i].reply);
		r = look(sisctl, &looks[i]);
		if (r == 0)
			r = show(&looks[i], &looks[!i]);
		if (r != 0 || is_over())
			break;
	}
	varlink_reply_clear(&looks[0].reply);
	varlink_reply_clear(&looks[1].reply);
	return r;
}

int command_top(struct sisctl *sisctl, char **arguments, const char *const *values)
{
	struct termios before, raw;
	if (sisctl->json || !isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) || tcgetattr(STDIN_FILENO, &before) < 0)
		return output_error(EX_USAGE, "top is for a terminal; `sisctl status` and `sisctl --json status` say the same once");
	CLEANUP_REPLY struct varlink_reply first = { 0 };
	int r = sisctl_call(sisctl, "Status", json_object(), &first);           /* a daemon that is not there is told before anything is changed */
	if (r != 0)
		return r;
	const struct sigaction action = { .sa_handler = on_end }, resize = { .sa_handler = on_resize, .sa_flags = SA_RESTART };
	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
	(void)sigaction(SIGHUP, &action, NULL);
	(void)sigaction(SIGWINCH, &resize, NULL);
	raw = before;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	(void)tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	fputs(OTHER_SCREEN, stdout);
	r = run(sisctl);
	fputs(SCREEN_BEFORE, stdout);
	(void)fflush(stdout);
	(void)tcsetattr(STDIN_FILENO, TCSANOW, &before);
	if (ended != 0 || r == 0)
		return 0;
	return output_error(r, "sisd does not answer any more: `sisctl logs` may say why");     /* what was said before went with the other screen */
}

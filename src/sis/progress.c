/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Progress bars. */
#include "sis/progress.h"

#include "sis/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define ROWS_MAX 8u
#define REDRAW_NS 100000000u
#define SHOW_AFTER_NS 300000000u        /* what is done at once needs no bar */

struct progress {
	struct progress *next;
	char name[120];
	uint64_t done, total, since_ns;
	bool counts;                            /* items, not bytes */
};

static struct progress *rows;
static unsigned n_drawn;
static uint64_t drawn_ns, opened_ns;
static bool enabled;

static unsigned terminal_columns(void)
{
	struct winsize size;
	return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20 ? size.ws_col : 80;
}

/* All three run with the output lock held. */
static void rows_hide(void)
{
	for (; n_drawn > 0; n_drawn--)
		fputs("\033[1A\033[2K", stderr);
	fflush(stderr);
}

static void row_draw(const struct progress *row, unsigned columns)
{
	char done[32], rate[24], bar[64], right[160];
	uint64_t elapsed_ms = (time_monotonic_ns() - row->since_ns) / 1000000 + 1;
	unsigned percent = row->total > 0 ? (unsigned)(row->done / (row->total / 100 + 1)) : 100, width = columns > 100 ? 30 : columns > 60 ? 16 : 0;
	if (row->done >= row->total || percent > 100)
		percent = 100;
	if (row->counts) {
		percent = row->total > 0 ? (unsigned)(row->done * 100 / row->total) : 100;
		snprintf(done, sizeof(done), "%llu of %llu", (unsigned long long)row->done, (unsigned long long)row->total);
		snprintf(rate, sizeof(rate), "%llu", (unsigned long long)(row->done * 1000 / elapsed_ms));
	} else {
		size_format(row->done, done, sizeof(done));
		size_format(row->done * 1000 / elapsed_ms, rate, sizeof(rate));
	}
	memset(bar, ' ', width);
	memset(bar, '#', (size_t)width * percent / 100);
	bar[width] = '\0';
	snprintf(right, sizeof(right), "%s%s%s %3u%% %10s %10s/s", width > 0 ? "[" : "", bar, width > 0 ? "]" : "", percent, done, rate);
	unsigned room = columns > strlen(right) + 2 ? columns - (unsigned)strlen(right) - 2 : 4;
	char name[sizeof(row->name)];
	text_for_terminal(span_from_string(row->name), name, room + 1 < sizeof(name) ? room + 1 : sizeof(name));
	fprintf(stderr, "%-*s %s\n", (int)room, name, right);
}

static void rows_show(void)
{
	unsigned columns = terminal_columns();
	if (time_monotonic_ns() - opened_ns < SHOW_AFTER_NS)
		return;
	for (const struct progress *row = rows; row != NULL && n_drawn < ROWS_MAX; row = row->next) {
		row_draw(row, columns);
		n_drawn++;
	}
	drawn_ns = time_monotonic_ns();
	fflush(stderr);
}

void progress_open(const struct sis *sis)
{
	enabled = !sis->json && !sis->quiet && isatty(STDERR_FILENO);
	opened_ns = time_monotonic_ns();
	if (enabled)
		output_set_curtain(rows_hide, rows_show);
}

void progress_close(void)
{
	if (!enabled)
		return;
	output_lock();
	rows_hide();
	output_unlock();
	output_set_curtain(NULL, NULL);
	enabled = false;
}

struct progress *progress_begin(const char *name, uint64_t total)
{
	if (!enabled)
		return NULL;
	struct progress *row = xcalloc(1, sizeof(*row));
	text_for_terminal(span_from_string(name), row->name, sizeof(row->name));
	row->total = total;
	row->since_ns = time_monotonic_ns();
	output_lock();
	row->next = rows;
	rows = row;
	output_unlock();
	return row;
}

struct progress *progress_begin_count(const char *name, uint64_t total)
{
	struct progress *row = progress_begin(name, total);
	if (row != NULL)
		row->counts = true;
	return row;
}

void progress_move(struct progress *progress, uint64_t done, uint64_t total)
{
	if (progress == NULL)
		return;
	output_lock();
	progress->done = done;
	progress->total = total;
	if (time_monotonic_ns() - drawn_ns > REDRAW_NS) {
		rows_hide();
		rows_show();
	}
	output_unlock();
}

void progress_end(struct progress *progress)
{
	if (progress == NULL)
		return;
	output_lock();
	rows_hide();
	for (struct progress **at = &rows; *at != NULL; at = &(*at)->next) {
		if (*at == progress) {
			*at = progress->next;
			break;
		}
	}
	rows_show();
	output_unlock();
	free(progress);
}

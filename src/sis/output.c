/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Lines for people and for scripts. */
#include "sis/output.h"

#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static void (*curtain_hide)(void), (*curtain_show)(void);

/* What to do about it, where the error alone already tells. */
static const struct { enum sis_error error; const char *hint; } hints[] = {
	{ SIS_ERR_UNAVAILABLE, "check the network and that the server runs, then try again" },
	{ SIS_ERR_TIMEOUT, "try again later" },
	{ SIS_ERR_BUSY, "try again later" },
	{ SIS_ERR_TOO_MANY, "wait a few minutes before the next attempt" },
	{ SIS_ERR_CLOSED, "try again" },
	{ SIS_ERR_REVOKED, "ask the administrator of the server, who can invite you again" },
	{ SIS_ERR_DISABLED, "ask the administrator of the server; everything is kept meanwhile" },
	{ SIS_ERR_BAD_LOGIN, "check it, or ask the administrator for a new invite" },
	{ SIS_ERR_QUOTA, "remove items with \"sis rm\", or ask the administrator for more" },
	{ SIS_ERR_NO_USER, "check the name" },
	{ SIS_ERR_NO_ITEM, "see \"sis list --all\"" },
	{ SIS_ERR_NO_KEY, "ask them to enroll a device" },
	{ SIS_ERR_UNKNOWN_SUITE, "install a newer version of sis" },
	{ SIS_ERR_NO_SPACE, "try again when there is room" },
	{ SIS_ERR_BAD_ROOT, "nothing was kept: do not trust this copy" },
	{ SIS_ERR_BAD_SEAL, "nothing was kept: do not trust this copy" },
	{ SIS_ERR_BAD_SIGNATURE, "nothing was kept: do not trust this copy" },
	{ SIS_ERR_BAD_COMMITMENT, "nothing was kept: do not trust this copy" },
};

static const char *hint_for(int error)
{
	for (size_t i = 0; i < ARRAY_SIZE(hints); i++) {
		if (hints[i].error == (enum sis_error)abs(error))
			return hints[i].hint;
	}
	return NULL;
}

static void harmless(const char *text, char *ret_text, size_t capacity)
{
	text_for_terminal(span_from_string(text), ret_text, capacity);
}

void output_lock(void)
{
	pthread_mutex_lock(&mutex);
}

void output_unlock(void)
{
	pthread_mutex_unlock(&mutex);
}

void output_set_curtain(void (*hide)(void), void (*show)(void))
{
	curtain_hide = hide;
	curtain_show = show;
}

static void line_to(FILE *file, const char *text)
{
	output_lock();
	if (curtain_hide != NULL)
		curtain_hide();
	fputs(text, file);
	fputc('\n', file);
	if (curtain_show != NULL) {
		fflush(file);
		curtain_show();
	}
	output_unlock();
}

static void error_json(const char *subject, int error, const char *detail, const char *hint)
{
	CLEANUP_JSON json_t *json = json_pack("{s:s, s:s*, s:s, s:s*}", "error", error_name(error), "subject", subject, "detail", detail, "hint", hint);
	CLEANUP_FREE char *text = json != NULL ? json_print(json) : NULL;
	line_to(stderr, text != NULL ? text : "{\"error\":\"INTERNAL\"}");
}

void output_error(const struct sis *sis, const char *subject, int error, const struct why *why)
{
	char safe_subject[300] = "", safe_why[640];
	if (subject != NULL)
		harmless(*subject != '\0' ? subject : "\"\"", safe_subject, sizeof(safe_subject));
	harmless(why_text(why, error), safe_why, sizeof(safe_why));
	/* A sentence that already says what to do needs no second advice. */
	const char *hint = strstr(safe_why, "; ") == NULL ? hint_for(error) : NULL;
	if (sis->json) {
		error_json(subject != NULL ? safe_subject : NULL, error, safe_why, hint);
		return;
	}
	CLEANUP_FREE char *line = xasprintf("sis: %s%s%s%s%s%s%s", sis->command != NULL ? sis->command : "", sis->command != NULL ? ": " : "", safe_subject,
	                                    subject != NULL ? ": " : "", safe_why, hint != NULL ? "; " : "", hint != NULL ? hint : "");
	line_to(stderr, line);
}

static bool wants_colour(int fd)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
	return isatty(fd) && (no_color == NULL || *no_color == '\0') && term != NULL && *term != '\0' && strcmp(term, "dumb") != 0;
}

const char *output_style(int fd, enum output_style style)
{
	static const char *const begin[] = { [STYLE_END] = "\033[0m", [STYLE_OK] = "\033[32m", [STYLE_BAD] = "\033[1;31m", [STYLE_WARNING] = "\033[33m",
		[STYLE_ID] = "\033[2m" };
	return wants_colour(fd) ? begin[style] : "";
}

__attribute__((format(printf, 3, 0)))
static void print_harmless(char *ret_text, size_t capacity, const char *format, va_list args)
{
	char text[640];
	vsnprintf(text, sizeof(text), format, args);
	harmless(text, ret_text, capacity);
}

void output_warning(const struct sis *sis, const char *format, ...)
{
	char safe[800];
	va_list args;
	va_start(args, format);
	print_harmless(safe, sizeof(safe), format, args);
	va_end(args);
	if (sis->json) {
		CLEANUP_JSON json_t *json = json_pack("{s:s}", "warning", safe);
		CLEANUP_FREE char *print = json != NULL ? json_print(json) : NULL;
		if (print != NULL)
			line_to(stderr, print);
		return;
	}
	CLEANUP_FREE char *line = xasprintf("%ssis: %s: %s%s", output_style(STDERR_FILENO, STYLE_WARNING), sis->command, safe, output_style(STDERR_FILENO, STYLE_END));
	line_to(stderr, line);
}

void output_note(const struct sis *sis, const char *format, ...)
{
	char safe[800];
	va_list args;
	va_start(args, format);
	print_harmless(safe, sizeof(safe), format, args);
	va_end(args);
	if (!sis->json)
		line_to(stderr, safe);
}

int output_usage(const struct sis *sis, const char *command, const char *format, ...)
{
	char safe[800];
	va_list args;
	va_start(args, format);
	print_harmless(safe, sizeof(safe), format, args);
	va_end(args);
	CLEANUP_FREE char *hint = xasprintf("see \"sis help%s%s\"", command != NULL ? " " : "", command != NULL ? command : "");
	if (sis->json)
		error_json(NULL, -SIS_ERR_USAGE, safe, hint);
	else
		fprintf(stderr, "sis: %s%s%s; %s\n", command != NULL ? command : "", command != NULL ? ": " : "", safe, hint);
	return EX_USAGE;
}

void output_line(const char *format, ...)
{
	va_list args;
	char *text = NULL;
	va_start(args, format);
	int n = vasprintf(&text, format, args);
	va_end(args);
	if (n < 0)
		return;
	line_to(stdout, text);
	free(text);
}

void output_columns(const char *left, const char *right)
{
	int width = 32;
	for (const char *c = left; *c != '\0'; c++)
		width += ((unsigned char)*c & 0xc0) == 0x80;
	/* What is too long for its column has a line of its own. */
	if (strlen(left) > (size_t)width)
		printf("  %s\n  %-32s %s\n", left, "", right);
	else
		printf("  %-*s %s\n", width, left, right);
}

void output_json(json_t *json)
{
	CLEANUP_FREE char *raw = json != NULL ? json_print(json) : NULL;
	/* JSON leaves C1 controls and changes of direction as they are, and the reader may be a terminal. */
	CLEANUP_FREE char *text = raw != NULL ? text_escape_json(raw) : NULL;
	json_decref(json);
	if (text != NULL)
		line_to(stdout, text);
}

int output_status(unsigned n_failed, unsigned n_all, int error)
{
	if (n_failed == 0)
		return 0;
	if (error == -SIS_ERR_INTERRUPTED || atomic_load(&sis_cancelled))
		return 130;
	return n_failed < n_all ? 1 : error_exit_status(error);
}

int output_finish(const struct sis *sis, int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	struct pollfd out = { .fd = STDOUT_FILENO, .events = POLLOUT };
	struct why why = { "standard output cannot be written" };
	/* Whoever reads no further ("sis list | head") has seen enough, and needs no sentence. */
	if (poll(&out, 1, 0) != 1 || (out.revents & POLLERR) == 0)
		output_error(sis, NULL, -SIS_ERR_IO, &why);
	return status != 0 ? status : EX_IOERR;
}

void output_moment(const struct sis *sis, int64_t seconds, char *ret_text, size_t capacity)
{
	char exact[TIME_TEXT + 1] = "";
	if (!sis->json) {
		output_time(seconds, ret_text, capacity);
		return;
	}
	time_encode(seconds, exact);
	snprintf(ret_text, capacity, "%s", exact);
}

void output_time(int64_t seconds, char *ret_text, size_t capacity)
{
	struct tm parts;
	time_t time = (time_t)seconds;
	if (localtime_r(&time, &parts) == NULL || strftime(ret_text, capacity, "%Y-%m-%d %H:%M", &parts) == 0)
		snprintf(ret_text, capacity, "?");
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Sentences, cells and JSON of sisctl. */
#include "sisctl/output.h"

#include "base/text.h"
#include "base/util.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define CELL_MAX 512

int output_error(int exit_status, const char *format, ...)
{
	char words[2048];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(words, sizeof(words), format, arguments);
	va_end(arguments);
	fputs("sisctl: ", stderr);
	output_text(stderr, words);
	fputc('\n', stderr);
	return exit_status;
}

void output_note(const char *format, ...)
{
	va_list arguments;
	if (!isatty(STDERR_FILENO))
		return;
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
}

void output_text(FILE *file, const char *text)
{
	char harmless[4096];
	text_for_terminal(span_from_string(text), harmless, sizeof(harmless));
	fputs(harmless, file);
}

void output_json(const json_t *json)
{
	CLEANUP_FREE char *raw = json_print(json);
	/* JSON leaves C1 controls and changes of direction as they are, and the reader may be root's terminal. */
	CLEANUP_FREE char *text = raw != NULL ? text_escape_json(raw) : NULL;
	if (text == NULL)
		abort();
	puts(text);
}

int output_finish(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	return output_error(EX_IOERR, "standard output could not be written: %m");
}

void output_cell(const json_t *object, const struct column *column, char *ret_text, size_t capacity)
{
	const json_t *value = json_object_get(object, column->member);
	char plain[CELL_MAX] = "-", time[TIME_TEXT + 1];
	if (json_is_string(value) && json_string_length(value) > 0)
		snprintf(plain, sizeof(plain), "%s", json_string_value(value));
	else if (json_is_boolean(value))
		snprintf(plain, sizeof(plain), "%s", json_is_true(value) ? "yes" : "no");
	else if (json_is_integer(value) && column->kind == CELL_SIZE && json_integer_value(value) >= 0)
		size_format((uint64_t)json_integer_value(value), plain, sizeof(plain));
	else if (json_is_integer(value) && column->kind == CELL_TIME && time_encode(json_integer_value(value), time) == 0)
		snprintf(plain, sizeof(plain), "%s", json_integer_value(value) != 0 ? time : "-");
	else if (json_is_real(value))
		snprintf(plain, sizeof(plain), "%.1f", json_real_value(value));
	else if (json_is_integer(value))
		snprintf(plain, sizeof(plain), "%" PRId64, (int64_t)json_integer_value(value));
	text_for_terminal(span_from_string(plain), ret_text, capacity);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Why something failed, and whether somebody gave up waiting. */
#include "sis/sis.h"

#include <stdarg.h>
#include <stdio.h>

atomic_bool sis_cancelled;

int why_set(struct why *why, int error, const char *format, ...)
{
	if (why == NULL)
		return error;
	va_list args;
	va_start(args, format);
	vsnprintf(why->text, sizeof(why->text), format, args);
	va_end(args);
	return error;
}

const char *why_text(const struct why *why, int error)
{
	return why != NULL && why->text[0] != '\0' ? why->text : error_text(error);
}

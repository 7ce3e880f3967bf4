/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Warnings before a certificate ends. Told by the calendar and not by a timer that runs for months: a host sleeps, and its clock is set. */
#include "signer/signer.h"

#include "base/log.h"
#include "base/util.h"

#include <stdio.h>

#define DAY_S 86400
#define HOUR_S 3600

static const int64_t thresholds_s[] = { 30 * DAY_S, 7 * DAY_S, DAY_S, 0 };

/* How many thresholds are passed. */
static unsigned urgency(int64_t left_s)
{
	unsigned n = 0;
	while (n < ARRAY_SIZE(thresholds_s) && left_s <= thresholds_s[n])
		n++;
	return n;
}

static void put_when(struct builder *text, int64_t left_s)
{
	if (left_s <= 0)
		builder_printf(text, "has ended, at ");
	else if (left_s >= 2 * DAY_S)
		builder_printf(text, "ends in %lld days, at ", (long long)(left_s / DAY_S));
	else
		builder_printf(text, "ends in %lld hours, at ", (long long)(left_s / HOUR_S));
}

static void warn(const char *what, int64_t not_after, int64_t left_s, const char *advice)
{
	char end[TIME_TEXT + 1] = "?", detail[256];
	time_encode(not_after, end);
	struct builder text = builder_from(detail, sizeof(detail) - 1);
	builder_printf(&text, "%s ", what);
	put_when(&text, left_s);
	builder_printf(&text, "%s", end);
	detail[text.size] = '\0';
	log_event(&LOG(CERTIFICATE_ENDS, .detail = detail, .count = left_s > 0 ? left_s / DAY_S : 0, .reason = advice));
}

void ending_forget(struct ending *ending)
{
	*ending = (struct ending){ 0 };
}

void ending_look(struct ending *ending, const char *what, int64_t not_after, int64_t now, const char *advice)
{
	if (ending->not_after != not_after)
		*ending = (struct ending){ .not_after = not_after };
	unsigned level = urgency(not_after - now);
	if (level > ending->warned)
		warn(what, not_after, not_after - now, advice);
	/* Also down: a clock that was wrong must not use the warnings up. */
	ending->warned = level;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * When something shall end, as people say it. */
#include "base/moment.h"

#include "base/error.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define MOMENT_MAX INT64_C(253402300799)        /* 9999-12-31T23:59:59Z: what an RFC 3339 time can say */
#define DATE_TEXT 10

/* The last second of the day is the day's: midnight after it, in the time zone of who says it. */
static int moment_parse_date(const char *text, int64_t *ret_seconds)
{
	char whole[TIME_TEXT + 1];
	int64_t utc;
	snprintf(whole, sizeof(whole), "%sT00:00:00Z", text);
	if (time_decode(span_from_string(whole), &utc) < 0)
		return -SIS_ERR_BAD_FORMAT;
	time_t seconds = (time_t)utc;
	struct tm day;
	if (gmtime_r(&seconds, &day) == NULL)
		return -SIS_ERR_BAD_FORMAT;
	day.tm_mday++;
	day.tm_isdst = -1;
	seconds = mktime(&day);
	if (seconds == (time_t)-1)
		return -SIS_ERR_BAD_FORMAT;
	*ret_seconds = (int64_t)seconds;
	return 0;
}

static int moment_parse_any(const char *text, int64_t now, int64_t *ret_seconds)
{
	uint64_t duration;
	if (strlen(text) == DATE_TEXT && text[4] == '-')
		return moment_parse_date(text, ret_seconds);
	if (time_decode(span_from_string(text), ret_seconds) == 0)
		return 0;
	if (duration_parse(text, &duration) < 0)
		return -SIS_ERR_BAD_FORMAT;
	if (duration > (uint64_t)MOMENT_MAX)
		return -SIS_ERR_TOO_LARGE;
	*ret_seconds = now + (int64_t)duration;
	return 0;
}

int moment_parse(const char *text, int64_t now, int64_t *ret_seconds)
{
	int64_t seconds = 0;
	bool never = strcmp(text, "never") == 0;
	int r = never ? 0 : moment_parse_any(text, now, &seconds);
	if (r == 0 && !never && seconds <= now)
		r = -SIS_ERR_EXPIRED;
	if (r == 0 && seconds > MOMENT_MAX)
		r = -SIS_ERR_TOO_LARGE;
	if (r == 0)
		*ret_seconds = seconds;
	return r;
}

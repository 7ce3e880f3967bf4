/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Points in time as people type them. All in UTC, as everything that sisctl prints. */
#include "sisctl/logs.h"

#include "base/util.h"

#include <stdio.h>
#include <string.h>

#define DAY 86400

/* "2026-11-21T11:30:00Z", and what is left out of it: "2026-11-21", "2026-11-21 11:30", "2026-11-21 11:30:15". */
static bool moment_parse(const char *text, int64_t *ret_seconds)
{
	static const char *const endings[] = { "", "Z", ":00Z", "T00:00:00Z" };
	char whole[TIME_TEXT + 1];
	for (size_t i = 0; i < ARRAY_SIZE(endings); i++) {
		if (strlen(text) + strlen(endings[i]) >= sizeof(whole))
			continue;
		snprintf(whole, sizeof(whole), "%s%s", text, endings[i]);
		if (strlen(whole) > 10 && whole[10] == ' ')
			whole[10] = 'T';
		if (time_decode(span_from_string(whole), ret_seconds) == 0)
			return true;
	}
	return false;
}

static bool day_parse(const char *text, int64_t *ret_seconds)
{
	int64_t now = time_now(), midnight = now - now % DAY;
	const struct { const char *word; int64_t seconds; } words[] = { { "now", now }, { "today", midnight }, { "yesterday", midnight - DAY } };
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcmp(text, words[i].word) != 0)
			continue;
		*ret_seconds = words[i].seconds;
		return true;
	}
	return false;
}

/* "1 hour ago", "90 min ago", "2 days ago": the number and the unit's first letter are a duration. */
static bool ago_parse(const char *text, char ret_duration[32])
{
	static const char *const units[] = { "s", "sec", "second", "m", "min", "minute", "h", "hour", "d", "day", "w", "week" };
	char number[16], unit[16], rest[8];
	int end = 0;
	if (sscanf(text, "%15[0-9] %15[a-z] %7[a-z]%n", number, unit, rest, &end) != 3 || text[end] != '\0' || strcmp(rest, "ago") != 0)
		return false;
	size_t size = strlen(unit);
	bool plural = size > 2 && unit[size - 1] == 's';
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (strcmp(unit, units[i]) != 0 && !(plural && strlen(units[i]) == size - 1 && memcmp(unit, units[i], size - 1) == 0))
			continue;
		snprintf(ret_duration, 32, "%s%c", number, units[i][0]);
		return true;
	}
	return false;
}

bool point_parse(const char *text, int64_t *ret_seconds)
{
	char duration[32];
	uint64_t back;
	if (moment_parse(text, ret_seconds) || day_parse(text, ret_seconds))
		return true;
	if (duration_parse(ago_parse(text, duration) ? duration : text, &back) < 0 || back > (uint64_t)time_now())
		return false;
	*ret_seconds = time_now() - (int64_t)back;
	return true;
}

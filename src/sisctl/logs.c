/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sisctl logs: what was kept of who did what, oldest first; -f waits for more. */
#include "sisctl/sisctl.h"

#include "base/text.h"
#include "base/util.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

enum { OPTION_FOLLOW, OPTION_USER, OPTION_SINCE };

static void print_entry(const json_t *entry, bool json)
{
	char time[64], text[2048];
	if (json) {
		output_json(entry);
		return;
	}
	output_cell(entry, &(struct column){ NULL, "time", CELL_TIME }, time, sizeof(time));
	output_cell(entry, &(struct column){ NULL, "text", CELL_TEXT }, text, sizeof(text));
	printf("%s %s\n", time, text);
}

/* A point in time ("2026-11-21T11:30:00Z", "2026-11-21") or a distance back from now ("2h"), as the interface wants it: RFC 3339. */
static bool since_to_time(const char *since, char ret_time[TIME_TEXT + 1])
{
	CLEANUP_FREE char *midnight = xasprintf("%sT00:00:00Z", since);
	int64_t seconds;
	uint64_t back;
	if (time_decode(span_from_string(since), &seconds) < 0 && time_decode(span_from_string(midnight), &seconds) < 0) {
		if (duration_parse(since, &back) < 0 || (int64_t)back > time_now())
			return false;
		seconds = time_now() - (int64_t)back;
	}
	return time_encode(seconds, ret_time) == 0;
}

static int print_entries(struct sisctl *sisctl)
{
	for (;;) {
		CLEANUP_REPLY struct varlink_reply reply = { 0 };
		int r = sisctl_receive(sisctl, &reply);
		if (r != 0)
			return r;
		const json_t *entry = json_object_get(reply.parameters, "entry");
		if (json_is_object(entry))
			print_entry(entry, sisctl->json);
		if (!reply.continues)
			return output_finish();
		/* Whoever reads a followed log wants each line as it comes, and may have gone away. */
		r = output_finish();
		if (r != 0)
			return r;
	}
}

int command_logs(struct sisctl *sisctl, char **arguments, const char *const *values)
{
	char since[TIME_TEXT + 1];
	if (values[OPTION_SINCE] != NULL && !since_to_time(values[OPTION_SINCE], since))
		return output_error(EX_USAGE, "--since %s is no time: write a distance (\"90m\", \"7d\"), a day (\"2026-11-21\") or a time (\"2026-11-21T11:30:00Z\")",
		                    values[OPTION_SINCE]);
	json_t *parameters = parameters_new("user", values[OPTION_USER], "since", values[OPTION_SINCE] != NULL ? since : NULL, NULL);
	if (values[OPTION_FOLLOW] != NULL && json_object_set_new(parameters, "follow", json_true()) < 0)
		abort();
	int r = sisctl_send(sisctl, "Logs", parameters, true);
	return r != 0 ? r : print_entries(sisctl);
}

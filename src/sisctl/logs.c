/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sisctl logs: who did what, oldest first; -f waits for more. From the journal, where there is one that may be read (it has every event, and is there
 * when the daemon is not); else from the daemon's audit trail, which has the audited ones. Which daemon's, only its socket tells: who names one gets
 * the audit trail of that one. */
#include "sisctl/logs.h"

#include "base/log.h"
#include "base/util.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

enum { OPTION_FOLLOW, OPTION_USER, OPTION_DEVICE, OPTION_ITEM, OPTION_EVENT, OPTION_SINCE, OPTION_UNTIL, OPTION_OUTPUT, OPTION_UNIT, OPTION_AUDIT };

static uint64_t n_printed;

void logs_print_entry(const json_t *entry, bool json)
{
	char time[64], text[2048];
	n_printed++;
	if (json) {
		output_json(entry);
		return;
	}
	output_cell(entry, &(struct column){ NULL, "time", CELL_TIME }, time, sizeof(time));
	output_cell(entry, &(struct column){ NULL, "text", CELL_TEXT }, text, sizeof(text));
	printf("%s %s\n", time, text);
}

/* As the interface wants it, RFC 3339, into ret_text; *ret_point is NULL when there is no such option. An exit status. */
static int take_point(const char *option, const char *value, char ret_text[TIME_TEXT + 1], const char **ret_point, int64_t *ret_seconds)
{
	if (value == NULL)
		return EX_OK;
	if (!point_parse(value, ret_seconds) || time_encode(*ret_seconds, ret_text) < 0)
		return output_error(EX_USAGE, "--%s %s is no time: write a distance (\"90m\", \"2 hours ago\"), a day (\"2026-11-21\", \"yesterday\") or a time in UTC "
		                    "(\"2026-11-21 11:30\")",
		                    option, value);
	*ret_point = ret_text;
	return EX_OK;
}

/* In capitals, as they are called. */
static int take_event(const char *value, char ret_event[32], const char **ret_name)
{
	if (value == NULL)
		return EX_OK;
	snprintf(ret_event, 32, "%s", value);
	for (char *at = ret_event; *at != '\0'; at++)
		*at = (char)toupper((unsigned char)*at);
	for (int i = 0; i < EVENT_END; i++)
		if (strcmp(event_name((enum event)i), ret_event) == 0)
			*ret_name = ret_event;
	return *ret_name != NULL ? EX_OK : output_error(EX_USAGE, "there is no event %s; sisd-events(7) lists them", value);
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
			logs_print_entry(entry, sisctl->json);
		if (!reply.continues)
			return output_finish();
		/* Whoever reads a followed log wants each line as it comes, and may have gone away. */
		r = output_finish();
		if (r != 0)
			return r;
	}
}

static int print_audit(struct sisctl *sisctl, const struct logs_filter *filter)
{
	json_t *parameters = parameters_new("user", filter->user, "device", filter->device, "item", filter->item, "event", filter->event,
	                                    "since", filter->since, "until", filter->until, NULL);
	if (filter->follow && json_object_set_new(parameters, "follow", json_true()) < 0)
		abort();
	int r = sisctl_send(sisctl, "Logs", parameters, true);
	return r != 0 ? r : print_entries(sisctl);
}

static int print_from(struct sisctl *sisctl, const struct logs_filter *filter, bool want_journal, bool want_audit)
{
	if (want_audit || (!want_journal && (!sisctl->default_socket || !journal_is_readable())))
		return print_audit(sisctl, filter);
	bool failed;
	int r = journal_print(filter, sisctl->json, &failed);
	if (!failed)
		return r;
	if (want_journal)
		return output_error(EX_UNAVAILABLE, "the journal cannot be read: is journalctl installed, and are you root or in the group systemd-journal?");
	return print_audit(sisctl, filter);
}

/* What nothing could come of is a slip of the pen, and is not answered with an empty log. */
static int check_filter(const struct logs_filter *filter, const char *const *values)
{
	if (filter->since != NULL && filter->until != NULL && filter->since_s >= filter->until_s)
		return output_error(EX_USAGE, "--since %s is not before --until %s: there is nothing between them", values[OPTION_SINCE], values[OPTION_UNTIL]);
	if (filter->follow && filter->until != NULL)
		return output_error(EX_USAGE, "--follow waits for what is to come, and --until ends before it: leave one of them out");
	if (values[OPTION_UNIT] != NULL && values[OPTION_AUDIT] != NULL)
		return output_error(EX_USAGE, "--unit reads a journal, and --audit the daemon's own audit trail: leave one of them out");
	return EX_OK;
}

int command_logs(struct sisctl *sisctl, char **arguments, const char *const *values)
{
	char since[TIME_TEXT + 1], until[TIME_TEXT + 1], event[32];
	const char *output = values[OPTION_OUTPUT] != NULL ? values[OPTION_OUTPUT] : sisctl->json ? "json" : "short";
	struct logs_filter filter = {
		.user = values[OPTION_USER], .device = values[OPTION_DEVICE], .item = values[OPTION_ITEM], .follow = values[OPTION_FOLLOW] != NULL,
		.unit = values[OPTION_UNIT] != NULL ? values[OPTION_UNIT] : sisctl->unit,
	};
	if (strcmp(output, "json") != 0 && strcmp(output, "short") != 0)
		return output_error(EX_USAGE, "--output %s: write json or short", output);
	sisctl->json = strcmp(output, "json") == 0;
	int r = take_point("since", values[OPTION_SINCE], since, &filter.since, &filter.since_s);
	if (r == EX_OK)
		r = take_point("until", values[OPTION_UNTIL], until, &filter.until, &filter.until_s);
	if (r == EX_OK)
		r = take_event(values[OPTION_EVENT], event, &filter.event);
	if (r == EX_OK)
		r = check_filter(&filter, values);
	if (r == EX_OK)
		r = print_from(sisctl, &filter, values[OPTION_UNIT] != NULL, values[OPTION_AUDIT] != NULL);
	if (r == EX_OK && n_printed == 0 && !sisctl->json && !filter.follow)
		output_note("There are no such entries.");
	return r;
}

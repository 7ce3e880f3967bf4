/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What journalctl prints, and whoever can write into a journal has written. */
#include "sisctl/logs.h"

#include "base/util.h"

#include <stdlib.h>

#define LINE_MAX_BYTES (1u << 20)

json_t *journal_entry_from(struct span text)
{
	static const struct { const char *member, *field; } fields[] = {
		{ "event", "SIS_EVENT" }, { "role", "SIS_SENDER" }, { "user", "SIS_USER" }, { "device", "SIS_DEVICE" }, { "item", "SIS_ITEM" }, { "peer", "SIS_PEER" },
		{ "text", "MESSAGE" },
	};
	CLEANUP_JSON json_t *line = NULL;
	if (json_parse(text, LINE_MAX_BYTES, &line) < 0)
		return NULL;
	const char *stamp = json_member_string(line, "__REALTIME_TIMESTAMP");
	char time[TIME_TEXT + 1] = "";
	if (stamp == NULL || json_member_string(line, "SIS_EVENT") == NULL || time_encode(strtoll(stamp, NULL, 10) / 1000000, time) < 0)
		return NULL;
	json_t *entry = json_pack("{s:s}", "time", time);
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		const char *value = json_member_string(line, fields[i].field);
		if (json_object_set_new(entry, fields[i].member, json_string(value != NULL ? value : "")) < 0)
			abort();
	}
	return entry;
}

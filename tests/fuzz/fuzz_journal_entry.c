/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A line of journalctl's: what is told of it has all members, and as a cell is harmless to a terminal. */
#include "sisctl/logs.h"

#include "sisctl/output.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const members[] = { "time", "event", "role", "user", "device", "item", "peer", "text" };
	char text[2048];
	int64_t seconds;
	CLEANUP_JSON json_t *entry = journal_entry_from((struct span){ data, size });
	if (entry == NULL)
		return 0;
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (json_member_string(entry, members[i]) == NULL)
			abort();
	if (time_decode(span_from_string(json_member_string(entry, "time")), &seconds) < 0)
		abort();
	output_cell(entry, &(struct column){ NULL, "text", CELL_TEXT }, text, sizeof(text));
	if (!utf8_is_valid(span_from_string(text)))
		abort();
	for (const char *c = text; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			abort();
	return 0;
}

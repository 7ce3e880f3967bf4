/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What users are told besides new items. */
#include "store/db.h"
#include "store/writer.h"

#include <stdio.h>
#include <string.h>

void store_tell(struct store_told *told, int64_t user_id)
{
	for (unsigned i = 0; i < told->n && i < STORE_TOLD_MAX; i++) {
		if (told->user_id[i] == user_id)
			return;
	}
	if (told->n < STORE_TOLD_MAX)
		told->user_id[told->n] = user_id;
	if (told->n <= STORE_TOLD_MAX)
		told->n++;
}

bool store_tells_all(const struct store_told *told)
{
	return told->n > STORE_TOLD_MAX;
}

int store_add_event(struct store_writer *writer, const struct store_event *event)
{
	static const char sql[] = "INSERT INTO events(user_id, sequence, kind, time, item, user, device, what) VALUES(?, ?, ?, ?, ?, ?, ?, ?)";
	const struct span item = { event->item, event->has_item ? sizeof(event->item) : 0 };
	return db_run(&writer->reader, sql, "iiiibttt", event->user_id, (int64_t)event->sequence, (int64_t)event->kind, event->time, item, event->user,
	              event->device, event->what);
}

int store_add_removal(struct store_writer *writer, int64_t item_row, const uint8_t id[ITEM_ID_BYTES], const char *what, const char *by, int64_t now,
                      uint64_t *ret_sequence, struct store_told *told)
{
	static const char find[] = "SELECT user_id FROM inbox WHERE item_row=?";
	struct store_event event = { .kind = STORE_EVENT_REMOVED, .time = now, .has_item = true };
	memcpy(event.item, id, ITEM_ID_BYTES);
	snprintf(event.user, sizeof(event.user), "%s", by);
	snprintf(event.what, sizeof(event.what), "%s", what);
	DB_STATEMENT sqlite3_stmt *row = NULL;
	int r = store_next_sequence(writer, &event.sequence);
	if (r == 0)
		r = db_bind(&writer->reader, &row, find, "i", item_row);
	while (r == 0 && (r = db_step(row)) > 0) {
		event.user_id = sqlite3_column_int64(row, 0);
		store_tell(told, event.user_id);
		r = store_add_event(writer, &event);
	}
	if (r == 0)
		*ret_sequence = event.sequence;
	return r;
}

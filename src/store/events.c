/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What users are told besides new items. */
#include "store/db.h"
#include "store/writer.h"

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

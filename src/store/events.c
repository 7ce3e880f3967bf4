/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What users are told: new items, whose rows are in the inbox, and the rest, whose rows are here. */
#include "store/db.h"
#include "store/writer.h"

#include "base/error.h"

#include <assert.h>
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

/* ------------------------------------------------ reading ------------------------------------------------ */

struct events_listing {
	struct store_event event;
	unsigned n;
	int (*fn)(const struct store_event *event, const struct store_item *item, void *arg);
	void *arg;
};

static int events_read(sqlite3_stmt *row, int64_t user_id, struct store_event *ret_event)
{
	struct store_event event = {
		.user_id = user_id,
		.sequence = (uint64_t)sqlite3_column_int64(row, 0),
		.kind = (enum store_event_kind)sqlite3_column_int(row, 1),
		.time = sqlite3_column_int64(row, 2),
		.has_item = sqlite3_column_bytes(row, 3) > 0,
	};
	struct span what = db_column_span(row, 6);
	int r = event.has_item ? db_column_fixed(row, 3, event.item, sizeof(event.item)) : 0;
	db_column_name(row, 4, event.user);
	db_column_name(row, 5, event.device);
	if (r == 0 && !span_to_string(what, event.what, sizeof(event.what)))
		r = -SIS_ERR_INTERNAL;
	if (r == 0)
		*ret_event = event;
	return r;
}

static int events_give_item(const struct store_item *item, void *arg)
{
	struct events_listing *listing = arg;
	/* Shared anew since: it comes with its later number. */
	if (item->sequence != listing->event.sequence)
		return 0;
	listing->n++;
	return listing->fn(&listing->event, item, listing->arg);
}

static int events_give(struct store_reader *reader, struct events_listing *listing)
{
	if (listing->event.kind == STORE_EVENT_ITEM) {
		int r = store_get_item(reader, listing->event.user_id, listing->event.item, events_give_item, listing);
		return r == -SIS_ERR_NO_ITEM ? 0 : r;
	}
	listing->n++;
	return listing->fn(&listing->event, NULL, listing->arg);
}

int store_list_events(struct store_reader *reader, int64_t user_id, uint64_t after, unsigned limit,
                      int (*fn)(const struct store_event *event, const struct store_item *item, void *arg), void *arg)
{
	/* Both halves come sorted by their keys, and are merged as they are read. What is looked up meanwhile is of the same moment. */
	static const char sql[] =
		"SELECT b.sequence AS sequence, 0, i.received, i.id, '', '', '' FROM inbox b JOIN items i USING(item_row) WHERE b.user_id=?1 AND b.sequence>?2"
		" UNION ALL SELECT sequence, kind, time, item, user, device, what FROM events WHERE user_id=?1 AND sequence>?2 ORDER BY sequence";
	struct events_listing listing = { .fn = fn, .arg = arg };
	DB_STATEMENT sqlite3_stmt *row = NULL;
	/* Somebody's unfinished reading would make this one see an older moment, and a watcher miss what it was woken for. */
	assert(sqlite3_txn_state(reader->db, "main") == SQLITE_TXN_NONE);
	int r = db_bind(reader, &row, sql, "ii", user_id, after > INT64_MAX ? INT64_MAX : (int64_t)after);
	while (r == 0 && listing.n < limit && (r = db_step(row)) > 0) {
		r = events_read(row, user_id, &listing.event);
		if (r == 0)
			r = events_give(reader, &listing);
	}
	return r;
}

/* ------------------------------------------------ retention ------------------------------------------------ */

bool store_has_old_events(struct store_reader *reader, int64_t before)
{
	static const char sql[] = "SELECT 1 FROM events WHERE time<? AND kind<>4 LIMIT 1";
	DB_STATEMENT sqlite3_stmt *row = NULL;
	return db_bind(reader, &row, sql, "i", before) == 0 && db_step(row) > 0;
}

/* Of each user's old events the last stays, as the mark that something was here: whoever reads past it knows that he may have missed a removal, and
 * hears so once, in its place among the numbers. */
int store_expire_events(struct store_writer *writer, int64_t before)
{
	static const char thin[] =
		"WITH last AS MATERIALIZED (SELECT user_id, max(sequence) AS sequence FROM events WHERE time<?1 GROUP BY user_id)"
		" DELETE FROM events WHERE time<?1 AND (user_id, sequence) NOT IN (SELECT user_id, sequence FROM last)";
	static const char mark[] = "UPDATE events SET kind=4, item=NULL, user='', device='', what='' WHERE time<? AND kind<>4";
	_Static_assert(STORE_EVENT_RESET == 4, "as in the statements above");
	int r = db_run(&writer->reader, thin, "i", before);
	return r < 0 ? r : db_run(&writer->reader, mark, "i", before);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Telling people of devices (GET /v1/events): the user always; who shares an item with him of what changes whom they seal for or believe. */
#include "ledger/ledger.h"

#include "base/util.h"

#include <stdio.h>
#include <string.h>

static const struct { const char *text; bool to_others, is_limited; } whats[] = {
	[DEVICE_ENROLLED] = { "enrolled", true, true }, [DEVICE_RENEWED] = { "renewed", false, false }, [DEVICE_KEY] = { "key", true, true },
	[DEVICE_ENDORSED] = { "endorsed", true, true }, [DEVICE_REVOKED] = { "revoked", true, false },
};

/* A device may publish keys as fast as it likes, and each would become a row for everybody who knows its user: beyond so many events about a user's
 * devices within the hour only the user himself is told. Revocations are the administrator's, and always told. */
#define NEWS_WINDOW_S 3600
#define NEWS_MAX_IN_WINDOW 24

struct news_work { struct store_writer *writer; struct store_event event; struct device_news *news; };

static int news_add(int64_t user_id, void *arg)
{
	struct news_work *work = arg;
	work->event.user_id = user_id;
	store_tell(&work->news->told, user_id);
	return store_add_event(work->writer, &work->event);
}

int devices_tell(struct store_writer *writer, int64_t user_id, const char *device, enum device_what what, struct device_news *news)
{
	struct news_work work = { .writer = writer, .news = news, .event = { .kind = STORE_EVENT_DEVICE, .time = time_now() } };
	struct store_reader *reader = store_as_reader(writer);
	unsigned n_lately = 0;
	snprintf(work.event.device, sizeof(work.event.device), "%s", device);
	snprintf(work.event.what, sizeof(work.event.what), "%s", whats[what].text);
	int r = store_get_user_name(reader, user_id, work.event.user);
	if (r == 0 && whats[what].is_limited)
		r = store_count_device_events(reader, user_id, work.event.user, work.event.time - NEWS_WINDOW_S, &n_lately);
	if (r == 0)
		r = store_next_sequence(writer, &work.event.sequence);
	if (r == 0)
		r = news_add(user_id, &work);
	if (r == 0 && whats[what].to_others && n_lately < NEWS_MAX_IN_WINDOW)
		r = store_list_acquaintances(reader, user_id, STORE_TOLD_MAX - 1, news_add, &work);
	news->sequence = work.event.sequence;
	return r;
}

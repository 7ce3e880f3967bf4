/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What was said before a chat began: as much as is to be shown, and everything since each conversation in it was last read, so that nothing that is
 * missing goes unnoticed. */
#include "sis/chat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_ITEMS 100u
#define PAGES_MAX 500u

struct visited *chat_visit(struct chat *chat, const char *key)
{
	struct why ignored = { "" };
	int lock = -1;
	for (unsigned i = 0; i < chat->n_visited; i++) {
		if (strcmp(chat->visited[i].before.key, key) == 0)
			return &chat->visited[i];
	}
	struct visited *visited = realloc(chat->visited, (chat->n_visited + 1) * sizeof(*visited));
	if (visited == NULL)
		abort();
	chat->visited = visited;
	visited += chat->n_visited++;
	*visited = (struct visited){ .before.is_new = true };
	snprintf(visited->before.key, sizeof(visited->before.key), "%s", key);
	if (conversation_open(chat->visit.profile, key, &visited->before, &lock, &ignored) == 0)
		fd_close(lock);
	visited->listed = xcalloc(visited->before.n_devices + 1, sizeof(*visited->listed));
	return visited;
}

/* Down to where everything was looked at: the lowest of the conversations that were met. */
static uint64_t find_floor(const struct chat *chat)
{
	uint64_t floor = UINT64_MAX;
	for (unsigned i = 0; i < chat->n_visited; i++) {
		const struct conversation *before = &chat->visited[i].before;
		if (!before->is_new && before->sequence < floor)
			floor = before->sequence;
	}
	return floor;
}

struct gathering {
	json_t *items;                          /* newest first, of this chat only */
	uint64_t lowest;
	bool is_whole;                          /* nothing is older */
};

static int take_page(struct chat *chat, struct gathering *gathering, const json_t *page)
{
	CLEANUP_FREE struct statement *statement = xcalloc(1, sizeof(*statement));
	const json_t *items = json_object_get(page, "items");
	for (size_t i = 0; i < json_array_size(items); i++) {
		json_t *json = json_array_get(items, i);
		const char *text = json_member_string(json, "statement");
		char key[CONVERSATION_KEY];
		if (text == NULL || statement_parse(span_from_string(text), statement, NULL) < 0 || !chat_concerns(chat, statement))
			continue;
		conversation_key_of(statement, key);
		if (statement->kind == ITEM_MESSAGE)
			chat_visit(chat, key);
		json_array_append(gathering->items, json);
	}
	uint64_t next, before = gathering->lowest;
	gathering->is_whole = json_member_u64(page, "next", &next) < 0;
	if (!gathering->is_whole && next >= before)
		return why_set(&chat->why, -SIS_ERR_PROTOCOL, "the server's list has no end");
	gathering->lowest = gathering->is_whole ? 0 : next;
	return 0;
}

static int gather(struct chat *chat, struct gathering *gathering)
{
	int r = 0;
	for (unsigned n = 0; r == 0 && n < PAGES_MAX && !gathering->is_whole; n++) {
		CLEANUP_JSON json_t *page = NULL;
		char target[128], from[48] = "";
		uint64_t floor = find_floor(chat), sequence = 0;
		bool is_covered = floor == UINT64_MAX || gathering->lowest <= floor;
		if (n > 0 && is_covered && json_array_size(gathering->items) >= chat->history)
			break;
		if (n > 0)
			snprintf(from, sizeof(from), "after=%llu&", (unsigned long long)gathering->lowest);
		snprintf(target, sizeof(target), "/v1/items?%slimit=%u&order=newest&include=content", from, PAGE_ITEMS);
		r = session_get_json(chat->visit.session, target, SESSION_PAGE_MAX_BYTES, &page, &chat->why);
		if (r == 0 && n == 0 && json_member_u64(page, "sequence", &sequence) == 0) {
			chat->position = sequence;
			r = horizon_check(&chat->visit.horizon, sequence, &chat->why);
		}
		if (r == 0)
			r = take_page(chat, gathering, page);
	}
	return r;
}

/* The newest known message of each device that the server still lists. */
static void note_listed(struct chat *chat, const json_t *json)
{
	CLEANUP_FREE struct statement *statement = xcalloc(1, sizeof(*statement));
	const char *text = json_member_string(json, "statement");
	char key[CONVERSATION_KEY], name[DEVICE_PATH];
	struct why ignored = { "" };
	struct item item;
	uint64_t sequence = 0;
	if (statement_parse(span_from_string(text), statement, NULL) < 0 || statement->kind != ITEM_MESSAGE)
		return;
	conversation_key_of(statement, key);
	struct visited *visited = chat_visit(chat, key);
	/* What this device sent it knows before the stream brings it back. */
	bool own = strcmp(statement->owner, chat->visit.profile->user) == 0;
	if (visited->before.is_new || json_member_u64(json, "sequence", &sequence) < 0 || (sequence > visited->before.sequence && !own) ||
	    item_accept(&chat->visit.acceptor, json, NULL, &item, &ignored) < 0)
		return;
	snprintf(name, sizeof(name), "%s/%s", item.opened.statement.owner, item.owner_device);
	for (unsigned i = 0; i < visited->before.n_devices; i++) {
		if (strcmp(visited->before.devices[i].name, name) == 0 && item.manifest.conversation.number > visited->listed[i])
			visited->listed[i] = item.manifest.conversation.number;
	}
	item_wipe(&item);
}

/* A server that no longer gives what it gave. Nothing can be said of a device none of whose known messages was reached. */
static void check_truncated(struct chat *chat, bool is_whole)
{
	for (unsigned i = 0; i < chat->n_visited; i++) {
		const struct visited *visited = &chat->visited[i];
		for (unsigned d = 0; !visited->before.is_new && d < visited->before.n_devices; d++) {
			struct finding finding;
			if ((visited->listed[d] > 0 || is_whole) &&
			    conversation_check_newest(&visited->before, visited->before.devices[d].name, visited->listed[d], &finding)) {
				finding.n = visited->listed[d] > 0 ? finding.n : 1;
				chat_hold(chat, &finding);
			}
		}
	}
}

void chat_mark_read(struct chat *chat, uint64_t sequence)
{
	for (unsigned i = 0; i < chat->n_visited; i++) {
		struct conversation conversation;
		struct why ignored = { "" };
		int lock = -1;
		if (conversation_open(chat->visit.profile, chat->visited[i].before.key, &conversation, &lock, &ignored) < 0)
			continue;
		bool moves = conversation.sequence < sequence || conversation.is_new;
		conversation.is_new = false;
		conversation.sequence = moves && sequence > conversation.sequence ? sequence : conversation.sequence;
		if (moves)
			conversation_save(chat->visit.profile, &conversation, &ignored);
		conversation_close(&conversation, &lock);
	}
}

/* The index of the oldest that is shown, and one: who came and went is none of the history's N. */
static size_t find_cut(const json_t *items, unsigned history)
{
	size_t i = 0;
	for (unsigned n = 0; i < json_array_size(items); i++) {
		n += !message_may_be_presence(json_array_get(items, i));
		if (n > history)
			break;
	}
	return i;
}

int chat_read_history(struct chat *chat)
{
	CLEANUP_JSON json_t *items = json_array();
	struct gathering gathering = { .items = items, .lowest = UINT64_MAX };
	char key[CONVERSATION_KEY];
	if (chat->to != NULL) {
		conversation_key((const char *const *)chat->people, chat->n_people, key);
		chat_visit(chat, key);
	}
	int r = gather(chat, &gathering);
	size_t n = json_array_size(items), cut = find_cut(items, chat->history);
	for (size_t i = n; r == 0 && i-- > 0;) {
		note_listed(chat, json_array_get(items, i));
		chat_take_item(chat, json_array_get(items, i), i < cut ? SIGHT_ALL : SIGHT_NEW);
	}
	if (r < 0)
		return r;
	check_truncated(chat, gathering.is_whole);
	chat_mark_read(chat, chat->position);
	chat->looked_at = chat->position;
	return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What arrives in a chat: messages, pictures, who comes and goes, and what the server says is gone. */
#include "sis/chat.h"
#include "sis/groups.h"
#include "sis/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A gap may be explained by the next events; this long it is kept back. */
#define HOLD_NS 1000000000u
#define PRESENCE_FRESH_S 60
#define CRL_FRESH_S 600

bool chat_concerns(const struct chat *chat, const struct statement *statement)
{
	unsigned at = 0;
	if (chat->to == NULL)
		return true;
	/* Both are sorted: is every one of the audience in the conversation? */
	for (unsigned i = 0; i < statement->n_audience; i++) {
		while (at < chat->n_people && strcmp(chat->people[at], statement->audience[i]) < 0)
			at++;
		if (at == chat->n_people || strcmp(chat->people[at], statement->audience[i]) != 0)
			return false;
	}
	return true;
}

static struct chat_person *find_person(struct chat *chat, const char *user)
{
	for (unsigned i = 0; i < chat->n_known_people; i++) {
		if (strcmp(chat->known_people[i].user, user) == 0)
			return &chat->known_people[i];
	}
	struct chat_person *people = realloc(chat->known_people, (chat->n_known_people + 1) * sizeof(*people));
	if (people == NULL)
		abort();
	chat->known_people = people;
	people[chat->n_known_people] = (struct chat_person){ 0 };
	snprintf(people[chat->n_known_people].user, sizeof(people->user), "%s", user);
	return &people[chat->n_known_people++];
}

static bool is_shown(const struct chat *chat, const char *id)
{
	for (unsigned i = chat->n_items; i-- > 0;) {
		if (strcmp(chat->items[i].id, id) == 0)
			return true;
	}
	return false;
}

static void tell_finding(struct chat *chat, const struct finding *finding, unsigned n_explained)
{
	char text[300];
	finding_text(finding, text, sizeof(text));
	if (n_explained >= finding->n) {
		chat_tell(chat, "explained", "%s: deleted by the sender, says the server", text);
		return;
	}
	chat->is_wrong = true;
	if (n_explained > 0)
		chat_tell(chat, "warning", "%s; %u deleted by the sender, says the server", text, n_explained);
	else
		chat_tell(chat, "warning", "%s", text);
}

/* How many of its user's messages the server said were deleted, and nothing else has used to explain itself. */
static unsigned explain(struct chat *chat, const struct finding *finding, unsigned already)
{
	char user[NAME_MAX_TEXT + 1];
	snprintf(user, sizeof(user), "%.*s", (int)strcspn(finding->device, "/"), finding->device);
	struct chat_person *person = find_person(chat, user);
	uint64_t wanted = finding->n - already;
	unsigned n = person->n_removed < wanted ? person->n_removed : (unsigned)wanted;
	person->n_removed -= n;
	return already + n;
}

void chat_hold(struct chat *chat, const struct finding *finding)
{
	bool waits = finding->kind == FINDING_MISSING || finding->kind == FINDING_CLAIMED || finding->kind == FINDING_TRUNCATED;
	if (!waits || chat->n_held == HELD_MAX) {
		chat->is_wrong = chat->is_wrong || finding->kind != FINDING_LATE;
		tell_finding(chat, finding, 0);
		return;
	}
	chat->held[chat->n_held].finding = *finding;
	chat->held[chat->n_held].n_explained = 0;
	chat->held[chat->n_held++].until_ns = time_monotonic_ns() + HOLD_NS;
}

void chat_tell_held(struct chat *chat, bool all)
{
	uint64_t now = time_monotonic_ns();
	unsigned kept = 0;
	for (unsigned i = 0; i < chat->n_held; i++) {
		chat->held[i].n_explained = explain(chat, &chat->held[i].finding, chat->held[i].n_explained);
		bool whole = chat->held[i].n_explained >= chat->held[i].finding.n;
		if (all || whole || chat->held[i].until_ns <= now)
			tell_finding(chat, &chat->held[i].finding, chat->held[i].n_explained);
		else
			chat->held[kept++] = chat->held[i];
	}
	chat->n_held = kept;
}

/* Whether the message is to be shown: one that came before is not shown again. */
static bool check_place(struct chat *chat, const struct item *item, enum sight sight)
{
	static struct finding findings[FINDINGS_MAX];
	const struct statement *statement = &item->opened.statement;
	const struct arrival arrival = { .user = statement->owner, .device = item->owner_device, .item = item->id, .sequence = item->sequence,
	                                 .statement = item->statement_text, .place = &item->manifest.conversation };
	struct conversation conversation;
	char key[CONVERSATION_KEY];
	struct why why = { "" };
	bool known = false, again = false;
	unsigned n = 0;
	int lock = -1;
	conversation_key_of(statement, key);
	struct visited *visited = chat_visit(chat, key);
	int r = conversation_open(chat->visit.profile, key, &conversation, &lock, &why);
	if (r == 0) {
		n = conversation_accept(&conversation, &arrival, findings, &known);
		conversation.is_new = false;
		r = known ? 0 : conversation_save(chat->visit.profile, &conversation, &why);
		conversation_close(&conversation, &lock);
	}
	if (r < 0 && !chat->is_unkept)
		chat_tell(chat, "warning", "%s; nothing that is missing will be noticed", why.text);
	chat->is_unkept = r < 0;
	for (unsigned i = 0; i < n; i++) {
		again = again || findings[i].kind == FINDING_AGAIN;
		chat_hold(chat, &findings[i]);
	}
	/* What this device said in an earlier chat may come back to it only now. */
	known = known || conversation_has_sent(&visited->before, &arrival);
	return !again && (sight == SIGHT_ALL || (!known && !visited->before.is_new));
}

static void take_presence(struct chat *chat, const struct item *item, enum sight sight)
{
	const struct statement *statement = &item->opened.statement;
	int64_t age = time_now() - statement->time;
	bool joined = item->content.size == 6 && memcmp(item->content.data, "joined", 6) == 0;
	if (strcmp(statement->owner, chat->visit.profile->user) == 0 || age > PRESENCE_LIFE_S)
		return;
	struct chat_person *person = find_person(chat, statement->owner);
	person->is_here = joined;
	chat_format_clock(statement->time, person->when);
	if (sight == SIGHT_ALL && age < PRESENCE_FRESH_S)
		chat_tell(chat, joined ? "joined" : "left", "%s has %s", statement->owner, joined ? "joined" : "left");
}

static void take_accepted(struct chat *chat, const struct item *item, enum sight sight)
{
	const struct statement *statement = &item->opened.statement;
	CLEANUP_FREE char *audience = chat_audience(chat, statement);
	bool is_ours = false;
	for (unsigned i = 0; i < statement->n_audience; i++)
		is_ours = is_ours || strcmp(statement->audience[i], chat->visit.profile->user) == 0;
	if (message_is_presence(item)) {
		take_presence(chat, item, sight);
		return;
	}
	if (group_is_item(chat->visit.profile, item))
		return;
	if (statement->kind != ITEM_MESSAGE) {
		if (!is_shown(chat, item->id) && sight == SIGHT_ALL)
			chat_show_file(chat, item, audience);
		return;
	}
	/* Who was let in later counts nothing: what came before was not for him. */
	bool shows = is_ours ? check_place(chat, item, sight) : sight == SIGHT_ALL;
	if (shows && !mail_has_sent(&chat->mail, item->id) && !is_shown(chat, item->id) && item->has_content)
		chat_show_message(chat, item, (struct span){ item->content.data, item->content.size }, audience);
}

static void refresh(struct chat *chat)
{
	struct acceptor fresh;
	struct why why = { "" };
	chat->crl_time = time_now();
	if (acceptor_open(chat->sis, chat->visit.session, chat->visit.pins, &fresh, &why) < 0)
		return;
	acceptor_close(&chat->visit.acceptor);
	chat->visit.acceptor = fresh;
}

/* Since we last looked, the list may have ended (a host slept), or a successor of our authority have certified the device that signed: then looking again helps. */
static int accept_item(struct chat *chat, const json_t *json, struct item *ret_item, struct why *why)
{
	size_t size = chat->visit.profile->ca.size;
	int r = item_accept(&chat->visit.acceptor, json, NULL, ret_item, why);
	bool is_outdated = r == -SIS_ERR_EXPIRED && acceptor_is_outdated(&chat->visit.acceptor);
	if (r != -SIS_ERR_UNTRUSTED && !is_outdated)
		return r;
	refresh(chat);
	if (!is_outdated && chat->visit.profile->ca.size == size)
		return r;
	why->text[0] = '\0';
	return item_accept(&chat->visit.acceptor, json, NULL, ret_item, why);
}

void chat_take_item(struct chat *chat, const json_t *json, enum sight sight)
{
	CLEANUP_FREE struct statement *statement = xcalloc(1, sizeof(*statement));
	const char *text = json_member_string(json, "statement");
	struct why why = { "" };
	struct item item;
	if (text == NULL || statement_parse(span_from_string(text), statement, NULL) < 0 || !chat_concerns(chat, statement))
		return;
	chat->visit.acceptor.now = time_now();
	int r = accept_item(chat, json, &item, &why);
	/* What was made before this device was there, or has ended, is none of its business. */
	if (r == -SIS_ERR_BAD_GRANT || r == -SIS_ERR_EXPIRED)
		return;
	if (r < 0) {
		chat->is_wrong = true;
		chat_tell(chat, "warning", "something that is said to be by %s does not hold: %s", statement->owner, why_text(&why, r));
		return;
	}
	take_accepted(chat, &item, sight);
	if (item.pin_state != PIN_KNOWN && pins_save(chat->visit.pins, &why) < 0)
		chat_tell(chat, "warning", "%s", why.text);
	item_wipe(&item);
}

/* In the states, so that the next chat does not miss it. */
static void mark_gone(struct chat *chat, const char *id)
{
	for (unsigned i = 0; i < chat->n_visited; i++) {
		struct conversation conversation;
		struct why ignored = { "" };
		int lock = -1;
		if (conversation_open(chat->visit.profile, chat->visited[i].before.key, &conversation, &lock, &ignored) < 0)
			continue;
		if (conversation_remove(&conversation, id))
			conversation_save(chat->visit.profile, &conversation, &ignored);
		conversation_close(&conversation, &lock);
	}
}

static void take_removal(struct chat *chat, const json_t *data)
{
	const char *id = json_member_string(data, "item"), *what = json_member_string(data, "what"), *by = json_member_string(data, "by");
	if (id == NULL || what == NULL || by == NULL || (by[0] != '\0' && !name_is_valid(span_from_string(by))))
		return;
	mark_gone(chat, id);
	for (unsigned i = chat->n_items; i-- > 0;) {
		const struct chat_item *item = &chat->items[i];
		if (strcmp(item->id, id) != 0)
			continue;
		if (strcmp(what, "expired") == 0)
			chat_tell(chat, "removed", "what %s said at %s has expired, says the server", item->owner, item->when);
		else if (strcmp(what, "lost") == 0)
			chat_tell(chat, "removed", "the server has lost what %s said at %s, and says so", item->owner, item->when);
		else if (by[0] == '\0')
			chat_tell(chat, "removed", "the administrator has removed what %s said at %s, says the server", item->owner, item->when);
		else
			chat_tell(chat, "removed", "%s has taken back what %s said at %s, says the server", by, item->owner, item->when);
		return;
	}
	if (by[0] != '\0')
		find_person(chat, by)->n_removed++;
}

void chat_take_event(struct chat *chat, const struct event *event)
{
	struct why why = { "" };
	/* The stream begins where the conversations were last read: what the history had is not taken again. */
	bool is_device = strcmp(event->kind, "device") == 0;
	/* A revocation list holds for a while only. */
	if (is_device || time_now() - chat->crl_time > CRL_FRESH_S)
		refresh(chat);
	if (is_device)
		atomic_store(&chat->mail.is_stale, true);
	if (event->sequence > chat->looked_at)
		chat->looked_at = event->sequence;
	if (strcmp(event->kind, "item") == 0 && event->sequence > chat->position)
		chat_take_item(chat, event->data, SIGHT_ALL);
	else if (strcmp(event->kind, "removed") == 0)
		take_removal(chat, event->data);
	else if (strcmp(event->kind, "reset") == 0 && horizon_check(&chat->visit.horizon, event->sequence, &why) < 0)
		chat_tell(chat, "reset", "%s", why.text);
	else if (strcmp(event->kind, "reset") == 0)
		chat_tell(chat, "reset", "%s", "the server has forgotten what was deleted while you were away; a message that is missing may be one of those");
}

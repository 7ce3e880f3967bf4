/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Composing and delivering messages. A number is written down with the statement that got it before the server sees either, so that no two statements
 * that others may have seen ever have the same: after a failure the server is asked whether the statement had arrived. */
#include "sis/message.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define SCAN_ITEMS 200u

int message_check_words(struct span words, struct why *why)
{
	if (words.size == 0)
		return why_set(why, -SIS_ERR_USAGE, "there are no words to send");
	if (words.size > MESSAGE_MAX_BYTES)
		return why_set(why, -SIS_ERR_TOO_LARGE, "the message is longer than %u bytes; upload it as a file", MESSAGE_MAX_BYTES);
	if (!utf8_is_valid(words) || memchr(words.data, 0, words.size) != NULL)
		return why_set(why, -SIS_ERR_BAD_FORMAT, "the message is no text (UTF-8); upload it as a file");
	return 0;
}

bool message_is_presence(const struct item *item)
{
	return item->opened.statement.kind == ITEM_MESSAGE && item->has_manifest && strcmp(item->manifest.media_type, PRESENCE_TYPE) == 0;
}

bool message_may_be_presence(const json_t *json)
{
	CLEANUP_FREE struct statement *statement = xcalloc(1, sizeof(*statement));
	struct grant grant;
	const char *text = json_member_string(json, "statement"), *granted = json_string_value(json_array_get(json_object_get(json, "grants"), 0));
	return text != NULL && granted != NULL && statement_parse(span_from_string(text), statement, NULL) == 0 && statement->kind == ITEM_MESSAGE &&
	       grant_parse(span_from_string(granted), &grant, NULL) == 0 && grant.expires != 0 && grant.expires <= statement->time + PRESENCE_LIFE_S + 60;
}

void message_describe(const struct item *item, json_t *json)
{
	char id[ITEM_ID_TEXT + 1];
	/* NULL, and so no member, when they are no UTF-8. */
	if (item->has_content)
		json_object_set_new(json, "words", json_stringn((const char *)item->content.data, item->content.size));
	if (item->manifest.is_reply) {
		item_id_encode(item->manifest.reply_to, id);
		json_object_set_new(json, "reply_to", json_string(id));
	}
	if (item->manifest.conversation.number > 0)
		json_object_set_new(json, "number", json_integer((json_int_t)item->manifest.conversation.number));
}

/* Sending reads its source from a descriptor: this one is memory. */
static int make_source(struct span words, const char *type, const uint8_t *reply_to, struct source *source, struct why *why)
{
	source->fd = memfd_create("words", MFD_CLOEXEC);
	if (source->fd < 0 || fd_pwrite_all(source->fd, words.data, words.size, 0) < 0)
		return why_set(why, -SIS_ERR_NO_MEMORY, "there is no memory for the words: %s", strerror(errno));
	source->kind = ITEM_MESSAGE;
	source->size = source->manifest.size = words.size;
	strcpy(source->manifest.media_type, type);
	if (reply_to != NULL) {
		source->manifest.is_reply = true;
		memcpy(source->manifest.reply_to, reply_to, ITEM_ID_BYTES);
	}
	return 0;
}

/* Had the statement arrived whose confirmation was lost? */
static int settle_pending(struct sender *sender, struct conversation *conversation, struct why *why)
{
	CLEANUP_JSON json_t *json = NULL;
	uint8_t hash[DIGEST_BYTES];
	char target[64];
	snprintf(target, sizeof(target), "/v1/items/%s", conversation->pending.item);
	int r = session_get_json(sender->session, target, 8u << 20, &json, why);
	if (r < 0 && r != -SIS_ERR_NO_ITEM)
		return r;
	const char *statement = r == 0 ? json_member_string(json, "statement") : NULL;
	why->text[0] = '\0';
	if (statement != NULL)
		digest_sha256(statement, strlen(statement), hash);
	conversation_settle(conversation, statement != NULL && memcmp(hash, conversation->pending.hash, sizeof(hash)) == 0);
	return 0;
}

/* An own message of this conversation in a listing: what a lost state knew. */
static void take_own(const struct acceptor *acceptor, const json_t *json, struct conversation *conversation)
{
	CLEANUP_FREE struct statement *statement = xcalloc(1, sizeof(*statement));
	const char *text = json_member_string(json, "statement");
	char key[CONVERSATION_KEY], own[DEVICE_PATH];
	struct why ignored = { "" };
	struct item item;
	if (text == NULL || statement_parse(span_from_string(text), statement, NULL) < 0 || statement->kind != ITEM_MESSAGE ||
	    strcmp(statement->owner, acceptor->profile->user) != 0)
		return;
	conversation_key_of(statement, key);
	if (strcmp(key, conversation->key) != 0 || item_accept(acceptor, json, NULL, &item, &ignored) < 0)
		return;
	snprintf(own, sizeof(own), "%s/%s", item.opened.statement.owner, item.owner_device);
	if (item.has_manifest && strcmp(own, conversation->own) == 0 && item.manifest.conversation.number > 0) {
		uint8_t hash[DIGEST_BYTES];
		digest_sha256(item.statement_text.data, item.statement_text.size, hash);
		conversation_set_sent(conversation, item.manifest.conversation.number, hash);
	}
	item_wipe(&item);
}

/* The first message in a conversation, as far as this profile knows: the latest items tell whether that is so. */
static int recover(struct sender *sender, struct pins *pins, struct conversation *conversation, struct why *why)
{
	CLEANUP_JSON json_t *json = NULL;
	struct acceptor acceptor = { 0 };
	char target[96];
	snprintf(target, sizeof(target), "/v1/items?limit=%u&order=newest&include=manifest", SCAN_ITEMS);
	int r = session_get_json(sender->session, target, SESSION_PAGE_MAX_BYTES, &json, why);
	const json_t *items = r == 0 ? json_object_get(json, "items") : NULL;
	if (r < 0 || json_array_size(items) == 0)
		return r;
	r = acceptor_open(sender->sis, sender->session, pins, &acceptor, why);
	for (size_t i = 0; r == 0 && i < json_array_size(items); i++)
		take_own(&acceptor, json_array_get(items, i), conversation);
	acceptor_close(&acceptor);
	return r;
}

static bool has_sent(const struct conversation *conversation)
{
	struct manifest_conversation place;
	conversation_next(conversation, &place);
	return place.number > 1;
}

static void find_key(const struct audience *audience, char ret_key[CONVERSATION_KEY])
{
	CLEANUP_FREE const char **names = xcalloc(audience->n_people + 1, sizeof(*names));
	for (unsigned i = 0; i < audience->n_people; i++)
		names[i] = audience->people[i].user;
	conversation_key(names, audience->n_people, ret_key);
}

/* What was learned from the server goes into the state before a number depends on it. */
static int keep_learned(const struct sender *sender, const struct conversation *learned, struct why *why)
{
	struct manifest_conversation place;
	struct conversation conversation;
	int lock = -1, r = conversation_open(sender->profile, learned->key, &conversation, &lock, why);
	if (r < 0)
		return r;
	conversation_settle(&conversation, false);
	conversation_next(learned, &place);
	if (place.number > 1)
		conversation_set_sent(&conversation, place.number - 1, place.previous);
	r = conversation_save(sender->profile, &conversation, why);
	conversation_close(&conversation, &lock);
	return r;
}

/* The place of the next message. The state is not locked while the server is asked: who receives must not wait for who sends. */
static int take_place(struct sender *sender, struct pins *pins, struct message *message, struct why *why)
{
	struct conversation conversation;
	int lock = -1, r = conversation_lock_sending(sender->profile, message->key, &message->lock_fd, why);
	if (r == 0)
		r = conversation_open(sender->profile, message->key, &conversation, &lock, why);
	if (r < 0)
		return r;
	lock = fd_close(lock);
	bool asks = conversation.pending.number > 0 || !has_sent(&conversation);
	if (conversation.pending.number > 0)
		r = settle_pending(sender, &conversation, why);
	if (r == 0 && !has_sent(&conversation))
		r = recover(sender, pins, &conversation, why);
	if (r == 0 && asks)
		r = keep_learned(sender, &conversation, why);
	if (r == 0)
		conversation_next(&conversation, &message->source.manifest.conversation);
	conversation_close(&conversation, &lock);
	return r;
}

static struct span statement_of(const struct small *small)
{
	struct bundle_head head;
	if (bundle_head_parse((struct span){ small->composed.prefix, small->composed.prefix_size }, &head, NULL) < 0)
		return (struct span){ 0 };
	return (struct span){ small->composed.prefix + head.head_size, (size_t)head.statement_size };
}

static int write_down(const struct sender *sender, const struct message *message, bool arrived, struct why *why)
{
	struct conversation conversation;
	int lock = -1, r = conversation_open(sender->profile, message->key, &conversation, &lock, why);
	if (r < 0)
		return r;
	conversation_set_pending(&conversation, message->source.manifest.conversation.number, statement_of(&message->small), message->id);
	if (arrived)
		conversation_settle(&conversation, true);
	r = conversation_save(sender->profile, &conversation, why);
	conversation_close(&conversation, &lock);
	return r;
}

int message_compose(struct sender *sender, struct pins *pins, struct span words, const char *type, const uint8_t *reply_to, struct message *ret_message,
                    struct why *why)
{
	struct message message = { .lock_fd = -1, .source.fd = -1, .audience = sender->audience, .expires = sender->expires,
	                           .is_numbered = strcmp(type, MESSAGE_TYPE) == 0 };
	int r = message_check_words(words, why);
	if (r == 0)
		r = make_source(words, type, reply_to, &message.source, why);
	find_key(sender->audience, message.key);
	if (r == 0 && message.is_numbered)
		r = take_place(sender, pins, &message, why);
	if (r == 0)
		r = send_small_seal(&message.buffers, &message.source, &message.small, why);
	message.is_sealed = r == 0;
	if (r == 0)
		r = send_small_compose(sender, &message.source, &message.small, why);
	if (r == 0)
		item_id_encode(message.small.composed.id, message.id);
	if (r == 0 && message.is_numbered)
		r = write_down(sender, &message, false, why);
	if (r == 0)
		*ret_message = message;
	else
		message_end(&message);
	return r;
}

int message_deliver(struct sender *sender, struct message *message, struct why *why)
{
	struct why ignored = { "" };
	int r = send_small_deliver(sender, &message->small, why);
	/* The message is there, whether or not that can be written down: then the next one asks. */
	if (r == 0 && message->is_numbered)
		write_down(sender, message, true, &ignored);
	return r;
}

bool message_may_retry(int error)
{
	static const int errors[] = { SIS_ERR_CLOSED, SIS_ERR_TLS, SIS_ERR_TIMEOUT, SIS_ERR_UNAVAILABLE, SIS_ERR_BUSY, SIS_ERR_TOO_MANY };
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		if (error == -errors[i])
			return true;
	}
	return false;
}

void message_end(struct message *message)
{
	struct sender buffers = { .buffers = message->buffers };
	if (message->is_sealed)
		small_wipe(&message->small);
	sender_wipe(&buffers);
	source_close(&message->source);
	fd_close(message->lock_fd);
	*message = (struct message){ .lock_fd = -1, .source.fd = -1 };
}

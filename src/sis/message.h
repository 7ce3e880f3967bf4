/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Words as items: composed once, delivered as often as it takes, and the sender's place in the conversation kept. */
#pragma once

#include "sis/conversation.h"
#include "sis/item.h"
#include "sis/send.h"

#define MESSAGE_MAX_BYTES 60000u
#define MESSAGE_TYPE "text/plain"
#define PRESENCE_TYPE "application/vnd.sis.presence"
#define PRESENCE_LIFE_S 3600

struct message {                        /* one on its way; end with message_end */
	struct source source;
	struct send_buffers buffers;
	struct small small;
	bool is_sealed, is_numbered;
	int lock_fd;                            /* of sending in this conversation */
	char key[CONVERSATION_KEY];
	char id[ITEM_ID_TEXT + 1];
	const struct audience *audience;        /* borrowed */
	int64_t expires;
};
/* 1 to MESSAGE_MAX_BYTES bytes of UTF-8 without NUL, or why not. */
int message_check_words(struct span words, struct why *why);
/* Seals and signs; numbered messages get the next place in the conversation of the sender's audience. reply_to may be NULL. The sender's session is
 * needed when the fate of an earlier message is not known, or when this device has sent there before and lost its state. */
int message_compose(struct sender *sender, struct pins *pins, struct span words, const char *type, const uint8_t *reply_to, struct message *ret_message,
                    struct why *why);
/* May be called again after a failure: no second item is made. */
int message_deliver(struct sender *sender, struct message *message, struct why *why);
/* An error after which delivering the same again may succeed. */
bool message_may_retry(int error);
void message_end(struct message *message);
bool message_is_presence(const struct item *item);
/* An ITEM of a listing, before it is opened: a message that ends within the hour is nothing that lists count. Only that: what it is, is seen in it. */
bool message_may_be_presence(const json_t *json);
/* Adds what is a message's own to the JSON of an item: "words", "reply_to", "number". */
void message_describe(const struct item *item, json_t *json);

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Sending one file as one item. */
#pragma once

#include "sis/compose.h"
#include "sis/source.h"

#define SEND_SMALL_BYTES (4u << 20)

struct send_buffers {                   /* of one job, used again for every file */
	uint8_t *data;
	size_t capacity;
};
struct sender {                         /* of one job: nothing in it is shared with another thread but what is read only */
	const struct sis *sis;
	const struct profile *profile;
	const struct audience *audience;
	int64_t expires;                        /* see struct draft */
	bool may_share;
	struct session *session;
	struct send_buffers buffers;
	bool retries;                           /* a lost answer is asked for again here; else the caller sends the same again */
	bool flushes_chain;                     /* while the server is at work on it; else the caller does, once for many */
	void (*progress)(uint64_t done, uint64_t total, void *arg);     /* bytes; may be NULL */
	void *progress_arg;
};
void sender_wipe(struct sender *sender);
struct draft sender_draft(const struct sender *sender, const struct source *source);

struct doubt {                          /* about one item; zero at first */
	bool is_open;                           /* it may have arrived, or may not */
	unsigned n;                             /* times that we asked again */
	uint64_t since_ns;
	struct why cause;
};
/* A small file read and sealed, before it is known for whom. */
struct small {
	uint8_t *sealed;                        /* into the buffers, with room for what precedes it */
	struct part_digest object;
	struct composed composed;
	struct doubt doubt;                     /* whether it has arrived, while it is delivered */
};
int send_small_seal(struct send_buffers *buffers, const struct source *source, struct small *ret_small, struct why *why);
/* Composes and delivers. When the answer is lost for good, a file's journal is left, with which send_file finds out next time. */
int send_small_post(struct sender *sender, const struct source *source, struct small *small, uint8_t ret_item[ITEM_ID_BYTES], struct why *why);
/* The same in two steps: the second may be done again, and makes no second item. UNCONFIRMED: nobody knows whether the item is there (sender->retries). */
int send_small_compose(struct sender *sender, const struct source *source, struct small *small, struct why *why);
int send_small_deliver(struct sender *sender, struct small *small, struct why *why);
void small_wipe(struct small *small);
/* One plain POST from memory: both of these. */
int send_small(struct sender *sender, const struct source *source, uint8_t ret_item[ITEM_ID_BYTES], struct why *why);
/* Two passes, constant memory, resumable; *ret_resumed says that an earlier upload was continued. */
int send_large(struct sender *sender, const struct source *source, uint8_t ret_item[ITEM_ID_BYTES], bool *ret_resumed, struct why *why);
/* One or the other, as is fit. sealed: what send_small_seal made of it already, or NULL. */
int send_file(struct sender *sender, const struct source *source, struct small *sealed, uint8_t ret_item[ITEM_ID_BYTES], bool *ret_resumed, struct why *why);

/* send_doubt.c: whether what was sent is there */
/* After an answer, or none: an open doubt begins, or stays. */
void doubt_note(struct doubt *doubt, const struct sender *sender, int error, const struct why *why);
/* Waits before the next attempt; false: enough was tried, or somebody has cancelled. */
bool doubt_wait(struct doubt *doubt, struct sender *sender);
/* The end of an open doubt: UNCONFIRMED (INTERRUPTED stays), with what to do. knows: the same command finds out. */
int doubt_say(const struct doubt *doubt, int error, bool knows, struct why *why);
/* What the server has under our id: 0: this very item; NO_ITEM: nothing; EXISTS: something else; or why that cannot be known. */
int send_look(struct sender *sender, const struct composed *composed, struct why *why);
/* After EXISTS or CONFLICT (error): 0 when it is this very item, so that only the confirmation was lost. */
int send_confirm(struct sender *sender, const struct composed *composed, int error, struct why *why);
/* 201 with our item's id, or PROTOCOL. */
int send_check_answer(const struct http_reply *reply, struct span body, const uint8_t item[ITEM_ID_BYTES], struct why *why);

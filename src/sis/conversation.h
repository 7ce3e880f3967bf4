/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Conversations: what this device has seen of each, so that messages that are missing, came out of order or came again are said (sis-item(5),
 * CONVERSATIONS). A conversation is a set of people; its state is conversations/KEY.json of the profile, with one writer at a time over all processes.
 * The state is this device's own; the messages, and what they claim to have seen, are strangers'. */
#pragma once

#include "crypto/digest.h"
#include "format/item.h"
#include "format/manifest.h"
#include "sis/profile.h"

#define CONVERSATION_DEVICES_MAX 1024
#define MISSING_MAX 16
#define DEVICE_PATH (2 * NAME_MAX_TEXT + 2)             /* "user/device" */
#define CONVERSATION_KEY (2 * DIGEST_BYTES + 1)

struct conversation_device {
	char name[DEVICE_PATH];
	uint64_t number;                        /* the newest that came */
	uint8_t hash[DIGEST_BYTES];             /* of its statement */
	char item[ITEM_ID_TEXT + 1];
	bool is_gone;                           /* the server says that its sender deleted it, or that it has expired */
	uint64_t claimed;                       /* the newest that others said they had seen and that was told */
	unsigned n_missing;
	struct { uint64_t from, to; } missing[MISSING_MAX];     /* may still come, late */
};
struct conversation {
	char key[CONVERSATION_KEY], own[DEVICE_PATH];
	bool is_new;                            /* this device has read nothing of it yet */
	uint64_t sequence;                      /* the server's, up to which everything was looked at */
	struct { uint64_t number; uint8_t hash[DIGEST_BYTES]; char item[ITEM_ID_TEXT + 1]; } pending;    /* sent, not confirmed; number 0: none */
	unsigned n_devices;
	struct conversation_device *devices;    /* malloc'd */
};
/* The key of a sorted set of people: SHA-256 over the names with commas between them, as in a statement's audience line. */
void conversation_key(const char *const *names, unsigned n_names, char ret_key[CONVERSATION_KEY]);
void conversation_key_of(const struct statement *statement, char ret_key[CONVERSATION_KEY]);

/* Reads the state under a lock that is held until conversation_close. A state that cannot be understood is begun anew. */
int conversation_open(const struct profile *profile, const char *key, struct conversation *ret_conversation, int *ret_lock_fd, struct why *why);
int conversation_save(const struct profile *profile, const struct conversation *conversation, struct why *why);
void conversation_close(struct conversation *conversation, int *lock_fd);
/* The JSON of a state: conversation_open and its fuzz target. */
int conversation_parse(struct span text, struct conversation *conversation);
/* One sender of this device at a time: from the number that a message is given until the server has it. */
int conversation_lock_sending(const struct profile *profile, const char *key, int *ret_fd, struct why *why);

/* Sending: the next message's place; then its statement, before it is sent; then that the server has it (or never got it). */
void conversation_next(const struct conversation *conversation, struct manifest_conversation *ret_place);
void conversation_set_pending(struct conversation *conversation, uint64_t number, struct span statement, const char *item);
/* This device has sent number, which is at least what it knew. */
void conversation_set_sent(struct conversation *conversation, uint64_t number, const uint8_t hash[DIGEST_BYTES]);
void conversation_settle(struct conversation *conversation, bool arrived);


enum finding_kind {
	FINDING_MISSING,                        /* n before this one */
	FINDING_LATE,                           /* one that was missing */
	FINDING_AGAIN,                          /* one that had come */
	FINDING_FORKED,                         /* another with the same number */
	FINDING_BROKEN,                         /* follows another message than the one that came */
	FINDING_ANEW,                           /* the device counts from 1 again */
	FINDING_CLAIMED,                        /* by has seen n of device that have not come */
	FINDING_CLONED,                         /* by has seen n of this very device that it never sent */
	FINDING_TRUNCATED,                      /* the server no longer gives the newest n that had come */
};
struct finding {
	enum finding_kind kind;
	char device[DEVICE_PATH], by[DEVICE_PATH];
	uint64_t n, number;
};
struct arrival {                        /* an accepted message */
	const char *user, *device, *item;
	uint64_t sequence;
	struct span statement;
	const struct manifest_conversation *place;
};
/* This very device said it, and knew so then. */
bool conversation_has_sent(const struct conversation *conversation, const struct arrival *arrival);

#define FINDINGS_MAX (SEEN_MAX + 2)
/* Looks at a message and remembers it. Returns how many findings there are. *ret_known: another command of this device has looked at it before. */
unsigned conversation_accept(struct conversation *conversation, const struct arrival *arrival, struct finding ret_findings[FINDINGS_MAX],
                             bool *ret_known);
/* The newest that the server still lists of a device is number (0: none): false when that is right. */
bool conversation_check_newest(const struct conversation *conversation, const char *device, uint64_t number, struct finding *ret_finding);
/* The server says that an item is gone: true when it was some device's newest. */
bool conversation_remove(struct conversation *conversation, const char *item);
/* One sentence. */
void finding_text(const struct finding *finding, char *ret_text, size_t capacity);

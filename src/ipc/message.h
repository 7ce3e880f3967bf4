/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the roles say to each other: structs, encoders and decoders generated from messages.def. */
#pragma once

#include "base/cursor.h"

#include <stdbool.h>
#include <stdint.h>

#define MESSAGE_MAX_BYTES (160 * 1024)  /* a packet, header included */
#define MESSAGE_STOP_PATIENTLY UINT32_MAX       /* as grace_ms of STOP */
#define MESSAGE_MAX_FDS 20              /* even, so that the control message has room for exactly so many, and one more is seen */
#define MESSAGE_HEADER_BYTES 16         /* u16 type, u16 version, u32 payload size, u64 id */
#define MESSAGE_VERSION 1

/* The last is none of the daemon's: what sis has pictures decoded by. It is confined by the same tables and has no part in any message. */
enum role { ROLE_MASTER = 1, ROLE_SIGNER = 2, ROLE_LEDGER = 4, ROLE_WORKER = 8, ROLE_PICTURE = 16 };
const char *role_name(enum role role);  /* "master" */
char role_letter(enum role role);       /* 'M' */

#include "ipc/messages.def"             /* the MESSAGE_FIELDS_ macros */

enum message_type {
	MESSAGE_NONE,
#define MESSAGE(NAME, name, senders, receivers, n_fds, doc) MESSAGE_##NAME,
#include "ipc/messages.def"
#undef MESSAGE
	MESSAGE_END,
};

#define MESSAGE_U8(f) uint8_t f;
#define MESSAGE_U32(f) uint32_t f;
#define MESSAGE_U64(f) uint64_t f;
#define MESSAGE_I64(f) int64_t f;
#define MESSAGE_SPAN(f) struct span f;
#define MESSAGE_FIXED(f, n) uint8_t f[n];
#define MESSAGE(NAME, name, senders, receivers, n_fds, doc) \
	struct message_##name { \
		MESSAGE_FIELDS_##NAME(MESSAGE_U8, MESSAGE_U32, MESSAGE_U64, MESSAGE_I64, MESSAGE_SPAN, MESSAGE_SPAN, MESSAGE_FIXED) \
		uint8_t reserved_; \
	}; \
	void message_##name##_encode(const struct message_##name *message, struct builder *builder); \
	/* 0 or -PROTOCOL; spans borrow from the cursor's bytes; the cursor must end exactly with the message */ \
	int message_##name##_decode(struct cursor *cursor, struct message_##name *ret_message);
#include "ipc/messages.def"
#undef MESSAGE

const char *message_name(enum message_type type);
bool message_may_pass(enum message_type type, enum role sender, enum role receiver, unsigned n_fds);
/* Reads the header of a packet from sender to receiver and checks everything that the table says, the payload's form included: a handler never
 * sees a packet that fails here. NULL when all is well, the cursor then being at the payload; else why not, as a static phrase. */
const char *message_open(struct cursor *packet, enum role sender, enum role receiver, unsigned n_fds, enum message_type *ret_type, uint64_t *ret_id);
void message_put_header(struct builder *builder, enum message_type type, uint64_t id, size_t payload_size);

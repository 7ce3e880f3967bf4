/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Packets between roles: one byte names sender and receiver, one the number of descriptors, the rest is the packet. What the table lets pass must
 * decode, and encode again to the same bytes: a message has one form. */
#include "ipc/message.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t buffer[MESSAGE_MAX_BYTES];

static void require(bool condition)
{
	if (!condition)
		abort();
}

#define MESSAGE(NAME, name, senders, receivers, n_fds, doc) \
	static void check_##name(struct cursor payload) \
	{ \
		struct message_##name message; \
		struct builder builder = builder_from(buffer, sizeof(buffer)); \
		const uint8_t *start = payload.at; \
		if (message_##name##_decode(&payload, &message) != 0) \
			return; \
		message_##name##_encode(&message, &builder); \
		require(!builder.failed && builder.size == (size_t)(payload.end - start) && memcmp(buffer, start, builder.size) == 0); \
	}
#include "ipc/messages.def"
#undef MESSAGE

static void (*const checks[])(struct cursor payload) = {
#define MESSAGE(NAME, name, senders, receivers, n_fds, doc) [MESSAGE_##NAME] = check_##name,
#include "ipc/messages.def"
#undef MESSAGE
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum role roles[] = { ROLE_MASTER, ROLE_SIGNER, ROLE_LEDGER, ROLE_WORKER };
	if (size < 2 || size > MESSAGE_MAX_BYTES)
		return 0;
	enum role sender = roles[data[0] & 3], receiver = roles[data[0] >> 2 & 3];
	struct cursor packet = cursor_from(data + 2, size - 2);
	enum message_type type = MESSAGE_NONE;
	uint64_t id;
	if (message_open(&packet, sender, receiver, data[1] % (MESSAGE_MAX_FDS + 2), &type, &id) == NULL) {
		require(type > MESSAGE_NONE && type < MESSAGE_END && sender != receiver);
		checks[type](packet);
	}
	/* Every decoder sees the payload too, whatever the header says. */
	for (int other = MESSAGE_NONE + 1; other < MESSAGE_END; other++)
		checks[other](cursor_from(data + 2, size - 2));
	return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Encoders, decoders and rules of every message, generated from messages.def. */
#include "ipc/message.h"
#include "base/error.h"
#include "base/util.h"

#include <string.h>

static const struct message_row {
	const char *name, *senders, *receivers;
	unsigned max_fds;
} rows[] = {
	[MESSAGE_NONE] = { "NONE", "", "", 0 },
#define MESSAGE(NAME, name_, senders_, receivers_, n_fds_, doc_) \
	[MESSAGE_##NAME] = { .name = #NAME, .senders = #senders_, .receivers = #receivers_, .max_fds = (n_fds_) },
#include "ipc/messages.def"
#undef MESSAGE
};

#define MESSAGE(NAME, name_, senders_, receivers_, n_fds_, doc_) \
	_Static_assert((n_fds_) <= MESSAGE_MAX_FDS, #NAME " passes more descriptors than a packet can hold");
#include "ipc/messages.def"
#undef MESSAGE

static const struct { enum role role; char letter; const char *name; } roles[] = {
	{ ROLE_MASTER, 'M', "master" }, { ROLE_SIGNER, 'S', "signer" }, { ROLE_LEDGER, 'L', "ledger" }, { ROLE_WORKER, 'W', "worker" },
	{ ROLE_PICTURE, 'P', "picture" },
};

const char *role_name(enum role role)
{
	for (size_t i = 0; i < ARRAY_SIZE(roles); i++)
		if (roles[i].role == role)
			return roles[i].name;
	return "nobody";
}

char role_letter(enum role role)
{
	for (size_t i = 0; i < ARRAY_SIZE(roles); i++)
		if (roles[i].role == role)
			return roles[i].letter;
	return '?';
}

static void put_span(struct builder *builder, struct span span)
{
	builder_put_sized(builder, span.data, span.size);
}

static void get_fixed(struct cursor *cursor, uint8_t *ret_data, size_t size)
{
	struct span span = cursor_get_bytes(cursor, size);
	if (span.data != NULL)
		memcpy(ret_data, span.data, size);
}

#define PUT_U8(f) builder_put_u8(builder, message->f);
#define PUT_U32(f) builder_put_u32(builder, message->f);
#define PUT_U64(f) builder_put_u64(builder, message->f);
#define PUT_I64(f) builder_put_u64(builder, (uint64_t)message->f);
#define PUT_SPAN(f) put_span(builder, message->f);
#define PUT_FIXED(f, n) builder_put_bytes(builder, message->f, n);

#define GET_U8(f) message.f = cursor_get_u8(cursor);
#define GET_U32(f) message.f = cursor_get_u32(cursor);
#define GET_U64(f) message.f = cursor_get_u64(cursor);
#define GET_I64(f) message.f = (int64_t)cursor_get_u64(cursor);
#define GET_SPAN(f) message.f = cursor_get_sized(cursor);
#define GET_FIXED(f, n) get_fixed(cursor, message.f, n);

#define MESSAGE(NAME, name_, senders_, receivers_, n_fds_, doc_) \
	void message_##name_##_encode(const struct message_##name_ *message, struct builder *builder) \
	{ \
		MESSAGE_FIELDS_##NAME(PUT_U8, PUT_U32, PUT_U64, PUT_I64, PUT_SPAN, PUT_SPAN, PUT_FIXED) \
	} \
	int message_##name_##_decode(struct cursor *cursor, struct message_##name_ *ret_message) \
	{ \
		struct message_##name_ message = { 0 }; \
		MESSAGE_FIELDS_##NAME(GET_U8, GET_U32, GET_U64, GET_I64, GET_SPAN, GET_SPAN, GET_FIXED) \
		if (!cursor_done(cursor)) \
			return -SIS_ERR_PROTOCOL; \
		*ret_message = message; \
		return 0; \
	} \
	static bool message_##name_##_is_whole(struct cursor payload) \
	{ \
		struct message_##name_ message; \
		return message_##name_##_decode(&payload, &message) == 0; \
	}
#include "ipc/messages.def"
#undef MESSAGE

static bool (*const is_whole[])(struct cursor payload) = {
#define MESSAGE(NAME, name_, senders_, receivers_, n_fds_, doc_) [MESSAGE_##NAME] = message_##name_##_is_whole,
#include "ipc/messages.def"
#undef MESSAGE
};

static bool is_known(enum message_type type)
{
	return (unsigned)type > MESSAGE_NONE && (unsigned)type < MESSAGE_END;
}

const char *message_name(enum message_type type)
{
	return is_known(type) ? rows[type].name : "unknown";
}

bool message_may_pass(enum message_type type, enum role sender, enum role receiver, unsigned n_fds)
{
	return is_known(type) && strchr(rows[type].senders, role_letter(sender)) != NULL &&
		strchr(rows[type].receivers, role_letter(receiver)) != NULL && n_fds <= rows[type].max_fds;
}

void message_put_header(struct builder *builder, enum message_type type, uint64_t id, size_t payload_size)
{
	builder_put_u16(builder, (uint16_t)type);
	builder_put_u16(builder, MESSAGE_VERSION);
	builder_put_u32(builder, (uint32_t)payload_size);
	builder_put_u64(builder, id);
}

const char *message_open(struct cursor *packet, enum role sender, enum role receiver, unsigned n_fds, enum message_type *ret_type, uint64_t *ret_id)
{
	enum message_type type = (enum message_type)cursor_get_u16(packet);
	unsigned version = cursor_get_u16(packet);
	uint32_t size = cursor_get_u32(packet);
	uint64_t id = cursor_get_u64(packet);
	if (packet->failed || size != cursor_left(packet))
		return "a packet of a wrong size";
	if (version != MESSAGE_VERSION)
		return "a packet of another version";
	if (!message_may_pass(type, sender, receiver, n_fds))
		return "a message that it may not send";
	if (!is_whole[type](*packet))
		return "a malformed message";
	*ret_type = type;
	*ret_id = id;
	return NULL;
}

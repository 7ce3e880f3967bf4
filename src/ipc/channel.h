/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A SOCK_SEQPACKET pair between two roles. Every packet is checked against the message table for this sender and receiver before a handler
 * sees it; a peer that breaks the table is reported through `broken` and the channel is dead from then on. */
#pragma once

#include "base/loop.h"
#include "base/secret.h"
#include "ipc/message.h"

struct channel;

struct channel_packet {                 /* valid only during the call */
	enum message_type type;
	uint64_t id;
	struct cursor payload;          /* give to message_NAME_decode() */
	int fds[MESSAGE_MAX_FDS];       /* a handler takes one with fd_take(); the rest are closed after the call */
	unsigned n_fds;
};

typedef void channel_packet_fn(struct channel *channel, struct channel_packet *packet, void *arg);
/* reason: a static sentence; error: -SIS_ERR_CLOSED for an orderly end, -SIS_ERR_PROTOCOL for a broken table rule, -SIS_ERR_BUSY
 * for a peer that does not read. The owner frees the channel here or later. */
typedef void channel_broken_fn(struct channel *channel, int error, const char *reason, void *arg);

int channel_pair(int ret_fds[2]);       /* close-on-exec, with the send buffer that MESSAGE_MAX_BYTES needs */
/* Takes fd when it returns 0. loop may be NULL for blocking use only (channel_call, channel_receive). */
int channel_new(struct loop *loop, int fd, enum role self, enum role peer, channel_packet_fn *on_packet, channel_broken_fn *on_broken,
                void *arg, struct channel **ret_channel);
void channel_free(struct channel *channel);                     /* accepts NULL; safe inside its callbacks */
/* For a handler that finds a peer breaking a rule that the table cannot express: the channel is dead at once and `broken` is called with PROTOCOL. */
void channel_break(struct channel *channel, const char *reason);
uint64_t channel_next_id(struct channel *channel);              /* for a question of one's own: never 0 */

/* Queues when the peer is slow (bounded: BUSY beyond 64 MiB or 256 descriptors, and the channel is then broken). Descriptors are duplicated into
 * the packet; the caller keeps its own. CLOSED on a dead channel, TOO_LARGE beyond MESSAGE_MAX_BYTES, or the error of sendmsg(2). */
int channel_send(struct channel *channel, enum message_type type, uint64_t id, const struct builder *payload, const int *fds, unsigned n_fds);
/* Blocking request and answer on a channel without a loop: the answer has the same id and the type wanted; packets that come before it go to
 * on_packet, or break the channel when there is none. TIMEOUT after timeout_ms. The packet's payload borrows a buffer of the channel until the
 * next call. */
int channel_call(struct channel *channel, enum message_type type, const struct builder *payload, enum message_type wanted, int timeout_ms,
                 struct channel_packet *ret_packet);
/* Blocking: the next packet of any allowed type. */
int channel_receive(struct channel *channel, int timeout_ms, struct channel_packet *ret_packet);
void channel_packet_close_fds(struct channel_packet *packet);

/* A builder over the process's one scratch buffer (channels are used by one thread only). */
struct builder channel_builder(void);

/* Encode and send in one line: CHANNEL_SEND(channel, id, done, DONE, &(struct message_done){ .status = 0 }). With descriptors, a message written
 * in place needs parentheses around it, because of its commas. */
#define CHANNEL_SEND_FDS(channel_, id_, name_, NAME_, what_, fds_, n_fds_) ({ \
	struct builder channel_builder_ = channel_builder(); \
	message_##name_##_encode((what_), &channel_builder_); \
	int channel_error_ = channel_send((channel_), MESSAGE_##NAME_, (id_), &channel_builder_, (fds_), (n_fds_)); \
	secret_wipe(channel_builder_.data, channel_builder_.size); \
	channel_error_; })
#define CHANNEL_SEND(channel_, id_, name_, NAME_, ...) CHANNEL_SEND_FDS(channel_, id_, name_, NAME_, (__VA_ARGS__), NULL, 0)

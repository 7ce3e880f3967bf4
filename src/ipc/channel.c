/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Packets between roles. A channel costs little while idle: what it receives passes through one buffer of the process, and packets are queued
 * only while the peer does not read. Some carry codes, passwords or the ticket key: no copy of ours outlives its use. */
#include "ipc/channel_internal.h"

#include "base/error.h"
#include "base/secret.h"
#include "base/util.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAYLOAD_MAX_BYTES (MESSAGE_MAX_BYTES - MESSAGE_HEADER_BYTES)
#define SEND_BUFFER_BYTES (1024 * 1024)
#define QUEUE_MAX_BYTES (64u * 1024 * 1024)
#define QUEUE_MAX_FDS 256               /* a peer that asks and does not read must not use up our descriptors */
#define PACKETS_A_ROUND 32              /* then other descriptors get their turn */

static uint8_t receive_buffer[MESSAGE_MAX_BYTES];
static uint8_t scratch_buffer[PAYLOAD_MAX_BYTES];

struct builder channel_builder(void)
{
	return builder_from(scratch_buffer, sizeof(scratch_buffer));
}

/* AF_UNIX limits a packet by the sender's buffer. Debian's default (net.core.wmem_default 212992) already holds MESSAGE_MAX_BYTES; more only
 * means less queueing, so failing to get it is no error. */
static void grow_send_buffer(int fd)
{
	int size = SEND_BUFFER_BYTES;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

int channel_pair(int ret_fds[2])
{
	int fds[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
		return error_from_errno(errno);
	for (int i = 0; i < 2; i++) {
		grow_send_buffer(fds[i]);
		ret_fds[i] = fds[i];
	}
	return 0;
}

/* Sending */

static void outgoing_free(struct outgoing *outgoing)
{
	for (unsigned i = 0; i < outgoing->n_fds; i++)
		fd_close(outgoing->fds[i]);
	secret_wipe(outgoing->data, outgoing->size);
	free(outgoing);
}

static void drop_queue(struct channel *channel)
{
	while (channel->first != NULL) {
		struct outgoing *outgoing = channel->first;
		channel->first = outgoing->next;
		outgoing_free(outgoing);
	}
	channel->last = &channel->first;
	channel->queued_bytes = 0;
	channel->queued_fds = 0;
}

/* Breaking from within a send would pull the ground from under whoever sends: the loop does it, as soon as it is back. */
static int doom(struct channel *channel, int error, const char *reason)
{
	channel->doom = reason;
	loop_timer_set(channel->doom_timer, 0);
	return error;
}

static int watch(struct channel *channel)
{
	return channel->source != NULL ? loop_modify_io(channel->source, EPOLLIN | (channel->first != NULL ? EPOLLOUT : 0u)) : 0;
}

static void flush_queue(struct channel *channel)
{
	while (channel->first != NULL) {
		struct outgoing *outgoing = channel->first;
		struct iovec part = { .iov_base = outgoing->data, .iov_len = outgoing->size };
		int error = packet_send(channel->fd, &part, 1, outgoing->fds, outgoing->n_fds);
		if (error == -SIS_ERR_AGAIN)
			break;
		if (error != 0) {               /* the peer is gone: the reading side will find out, after the last packet it left us */
			drop_queue(channel);
			break;
		}
		channel->first = outgoing->next;
		channel->queued_bytes -= sizeof(*outgoing) + outgoing->size;
		channel->queued_fds -= outgoing->n_fds;
		if (channel->first == NULL)
			channel->last = &channel->first;
		outgoing_free(outgoing);
	}
	if (watch(channel) != 0)
		(void)doom(channel, -SIS_ERR_SYSTEM, "the event loop refused the channel");
}

static int enqueue(struct channel *channel, const struct iovec parts[2], const int *fds, unsigned n_fds)
{
	size_t size = parts[0].iov_len + parts[1].iov_len;
	struct outgoing *outgoing = malloc(sizeof(*outgoing) + size);
	if (outgoing == NULL)
		return -SIS_ERR_NO_MEMORY;
	*outgoing = (struct outgoing){ .size = size };
	memcpy(outgoing->data, parts[0].iov_base, parts[0].iov_len);
	if (parts[1].iov_len > 0)
		memcpy(outgoing->data + parts[0].iov_len, parts[1].iov_base, parts[1].iov_len);
	for (; outgoing->n_fds < n_fds; outgoing->n_fds++) {
		int copy = fcntl(fds[outgoing->n_fds], F_DUPFD_CLOEXEC, 0);
		if (copy < 0) {
			int error = error_from_errno(errno);
			outgoing_free(outgoing);
			return error;
		}
		outgoing->fds[outgoing->n_fds] = copy;
	}
	*channel->last = outgoing;
	channel->last = &outgoing->next;
	channel->queued_bytes += sizeof(*outgoing) + size;
	channel->queued_fds += n_fds;
	return watch(channel) == 0 ? 0 : doom(channel, -SIS_ERR_SYSTEM, "the event loop refused the channel");
}

int channel_send(struct channel *channel, enum message_type type, uint64_t id, const struct builder *payload, const int *fds, unsigned n_fds)
{
	assert(message_may_pass(type, channel->self, channel->peer, n_fds));
	if (channel->dead || channel->doom != NULL)
		return -SIS_ERR_CLOSED;
	if (payload->failed || payload->size > PAYLOAD_MAX_BYTES)
		return -SIS_ERR_TOO_LARGE;
	uint8_t header[MESSAGE_HEADER_BYTES];
	struct builder builder = builder_from(header, sizeof(header));
	message_put_header(&builder, type, id, payload->size);

	struct iovec parts[2] = { { .iov_base = header, .iov_len = sizeof(header) }, { .iov_base = payload->data, .iov_len = payload->size } };
	int error = channel->first == NULL ? packet_send(channel->fd, parts, 2, fds, n_fds) : -SIS_ERR_AGAIN;
	if (error != -SIS_ERR_AGAIN || channel->loop == NULL)
		return error;
	size_t cost = sizeof(struct outgoing) + sizeof(header) + payload->size;
	if (channel->queued_bytes + cost > QUEUE_MAX_BYTES || channel->queued_fds + n_fds > QUEUE_MAX_FDS)
		return doom(channel, -SIS_ERR_BUSY, "the peer does not read what is sent to it");
	return enqueue(channel, parts, fds, n_fds);
}

uint64_t channel_next_id(struct channel *channel)
{
	return ++channel->last_id;
}

/* Receiving */

static void shut(struct channel *channel)
{
	channel->dead = true;
	loop_remove(channel->source);
	loop_remove(channel->doom_timer);
	channel->source = channel->doom_timer = NULL;
	channel->fd = fd_close(channel->fd);
	drop_queue(channel);
}

static void enter_callback(struct channel *channel)
{
	channel->in_callback++;
}

static void leave_callback(struct channel *channel)
{
	if (--channel->in_callback == 0 && channel->freed) {
		free(channel->own_buffer);
		free(channel);
	}
}

void channel_break_with(struct channel *channel, int error, const char *reason)
{
	if (channel->dead)
		return;
	shut(channel);
	enter_callback(channel);
	if (channel->on_broken != NULL)
		channel->on_broken(channel, error, reason, channel->arg);
	leave_callback(channel);
}

void channel_break(struct channel *channel, const char *reason)
{
	channel_break_with(channel, -SIS_ERR_PROTOCOL, reason);
}

static void read_packets(struct channel *channel)
{
	for (int i = 0; i < PACKETS_A_ROUND && !channel->dead; i++) {
		struct channel_packet packet;
		const char *reason;
		int error = packet_receive(channel, receive_buffer, &packet, &reason);
		if (error == -SIS_ERR_AGAIN)
			return;
		if (error != 0) {
			channel_break_with(channel, error, reason);
			return;
		}
		size_t size = MESSAGE_HEADER_BYTES + cursor_left(&packet.payload);
		channel->on_packet(channel, &packet, channel->arg);
		channel_packet_close_fds(&packet);
		secret_wipe(receive_buffer, size);
	}
}

static void on_doom(void *arg)
{
	struct channel *channel = arg;
	enter_callback(channel);
	channel_break_with(channel, -SIS_ERR_BUSY, channel->doom);
	leave_callback(channel);
}

static void on_io(uint32_t epoll_events, void *arg)
{
	struct channel *channel = arg;
	enter_callback(channel);
	if (channel->doom != NULL)
		channel_break_with(channel, -SIS_ERR_BUSY, channel->doom);
	if (!channel->dead && epoll_events & EPOLLOUT)
		flush_queue(channel);
	if (!channel->dead && epoll_events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		read_packets(channel);
	leave_callback(channel);
}

int channel_new(struct loop *loop, int fd, enum role self, enum role peer, channel_packet_fn *on_packet, channel_broken_fn *on_broken,
                void *arg, struct channel **ret_channel)
{
	struct channel *channel = calloc(1, sizeof(*channel));
	if (channel == NULL)
		return -SIS_ERR_NO_MEMORY;
	*channel = (struct channel){
		.loop = loop, .fd = fd, .self = self, .peer = peer, .on_packet = on_packet, .on_broken = on_broken, .arg = arg,
		.last = &channel->first,
	};
	int error = fd_set_nonblocking(fd, true);
	if (error == 0 && loop == NULL && (channel->own_buffer = malloc(MESSAGE_MAX_BYTES)) == NULL)
		error = -SIS_ERR_NO_MEMORY;
	if (error == 0 && loop != NULL)
		error = loop_add_timer(loop, -1, on_doom, channel, &channel->doom_timer);
	if (error == 0 && loop != NULL)
		error = loop_add_io(loop, fd, EPOLLIN, on_io, channel, &channel->source);
	if (error != 0) {
		loop_remove(channel->doom_timer);
		free(channel->own_buffer);
		free(channel);
		return error;
	}
	*ret_channel = channel;
	return 0;
}

void channel_free(struct channel *channel)
{
	if (channel == NULL || channel->freed)
		return;
	channel->freed = true;
	if (!channel->dead)
		shut(channel);
	enter_callback(channel);
	leave_callback(channel);
}
